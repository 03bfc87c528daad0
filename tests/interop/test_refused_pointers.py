"""No pointer or pipeline file is made that Git ignores, since no clone would have it: beside DVC."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, git, run_dvx, write
from tests.interop.steps import Tool

REFUSED = (
    "add newx",
    "add sub/y",
    "add newd",
    "move foo newfoo",
    "move foo sub/foo",
    "import-url ok newz",
)


@pytest.fixture
def project(repo: Path, dvc: Tool) -> Path:
    dvc(repo, "init")
    for name in ("foo", "newx", "sub/y", "newd/f", "ok"):
        write(repo / name, f"{name}\n")
    dvc(repo, "add", "foo")
    write(repo / ".gitignore", "/foo\nnew*\nsub/\n")
    commit_all(repo)
    return repo


@pytest.mark.parametrize("words", REFUSED)
def test_it_is_refused_and_nothing_is_changed(project: Path, dvc_any: Tool, words: str) -> None:
    before = {path: path.read_bytes() for path in project.iterdir() if path.is_file()}
    theirs, ours = dvc_any(project, *words.split()), run_dvx(project, *words.split())
    assert theirs.code == ours.code == 1
    assert "git-ignored" in theirs.err
    assert "would be ignored by Git, so no clone would have it" in ours.err
    assert {path: path.read_bytes() for path in project.iterdir() if path.is_file()} == before
    assert not git(project, "status", "--short")


def test_a_stage_in_an_ignored_folder_is_refused(project: Path, dvc_any: Tool) -> None:
    words = ("stage", "add", "-n", "s", "-O", "o", "ls")
    assert dvc_any(project / "sub", *words).code == run_dvx(project / "sub", *words).code == 255
    assert not (project / "sub/dvc.yaml").exists()
    dvx(project, *words)


def test_a_pointer_that_git_tracks_all_the_same_may_be_written(project: Path) -> None:
    write(project / "newx.dvc", "outs:\n- path: newx\n")
    git(project, "add", "-f", "newx.dvc")
    dvx(project, "add", "newx")
    assert "md5: " in (project / "newx.dvc").read_text()


def test_a_data_folder_that_git_ignores_is_tracked_by_a_pointer_beside_it(project: Path, dvc: Tool) -> None:
    dvx(project, "add", "sub")
    assert dvc(project, "status", "--json").json == dvx(project, "status", "--json").json == {}


@pytest.mark.parametrize("line", [".dv*", ".dvc", "/.dvc/", "*"])
def test_init_where_its_folder_is_ignored(repo: Path, dvc_any: Tool, line: str) -> None:
    write(repo / ".gitignore", line + "\n")
    # DVC asks about a file of that name
    if not line.endswith("/"):
        assert dvc_any(repo, "init").code == 1
    assert not (repo / ".dvc").exists()
    result = run_dvx(repo, "init", "--dvc")
    assert result.code != 0
    assert "`.dvc` is ignored by Git" in result.err
    assert not (repo / ".dvc").exists()
    dvx(repo, "init", "--dvc", "--no-scm")
