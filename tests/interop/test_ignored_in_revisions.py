"""Other projects and what the ignore file names are left out of revisions as of the workspace: beside DVC."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, git, write
from tests.interop.steps import Tool

METRIC = "stages:\n  m:\n    cmd: echo\n    metrics:\n    - m.json: {cache: false}\n"
COMMANDS = (
    "data status --json",
    "diff HEAD --json",
    "diff HEAD~1 HEAD --json",
    "ls . -R --rev HEAD",
    "ls . -R --dvc-only --rev HEAD~1",
    "metrics show --all-commits --json",
    "metrics diff HEAD~1 HEAD --json",
)


@pytest.fixture
def project(shared: Callable[[str, Callable[[Path], None]], Path], dvc: Tool, tmp_path: Path) -> Path:
    """A copy, free to be changed."""
    made = shared("ignored-in-revisions", lambda folder: make(folder, dvc))
    return Path(shutil.copytree(made, tmp_path / "project", symlinks=True))


def make(repo: Path, dvc: Tool) -> None:
    """Two commits, with data of the project, of one inside it, and in what is ignored since the second commit."""
    git(repo, "init", "--quiet")
    dvc(repo, "init")
    (repo / "deep/inner").mkdir(parents=True)
    dvc(repo / "deep/inner", "init", "--subdir")
    for number in (1, 2):
        for folder in ("", "deep/", "deep/inner/", "left/"):
            write(repo / folder / "data", f"{folder} {number}\n")
            write(repo / folder / "dvc.yaml", METRIC)
            write(repo / folder / "m.json", f'{{"acc": {number}}}')
            if number == 1 or folder != "left/":
                dvc(repo / folder, "add", "data")
        write(repo / "x.tmp", f"{number}\n")
        if number == 1:
            dvc(repo, "add", "x.tmp")
        commit_all(repo, str(number))
        if number == 1:
            write(repo / ".dvcignore", "left\n*.tmp.dvc\n")
    write(repo / "left/data", "3\n")
    write(repo / "data", "3\n")


@pytest.mark.parametrize("words", COMMANDS)
def test_revisions_hold_what_the_workspace_would(project: Path, dvc: Tool, words: str) -> None:
    ours, theirs = dvx(project, *words.split()), dvc(project, *words.split())
    if "--json" in words:
        assert told(ours.json) == told(theirs.json)
        assert "inner" not in ours.out
    else:
        assert ours.out == theirs.out


def told(document: object) -> object:
    """Without the order, and what only dvx says."""
    if isinstance(document, dict):
        return {key: told(value) for key, value in document.items() if key != "unchanged"}
    return sorted(map(str, map(told, document))) if isinstance(document, list) else document


def test_the_ignore_file_of_the_revision_counts(project: Path) -> None:
    assert "left/data" in dvx(project, "ls", ".", "-R", "--rev", "HEAD~1").out
    assert "left/data" not in dvx(project, "ls", ".", "-R", "--rev", "HEAD").out
    write(project / ".dvcignore", "deep\n")
    assert "deep/data" in dvx(project, "ls", ".", "-R", "--rev", "HEAD").out


def test_what_belongs_to_an_inner_project_is_not_of_this_one(project: Path, tmp_path: Path) -> None:
    dvx(project, "remote", "add", "-d", "store", tmp_path / "store")
    dvx(project, "push", "-A")
    dvx(project / "deep/inner", "remote", "add", "-d", "store", tmp_path / "inner")
    dvx(project / "deep/inner", "push", "-A")
    ours, inner = (
        {path.read_text() for path in place.rglob("files/**/*") if path.is_file()}
        for place in (tmp_path / "store", tmp_path / "inner")
    )
    assert inner == {"deep/inner/ 1\n", "deep/inner/ 2\n"}
    # what was ignored later was not yet in the first commit
    assert ours == {" 1\n", " 2\n", "deep/ 1\n", "deep/ 2\n", "left/ 1\n", "1\n"}
