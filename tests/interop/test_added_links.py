"""Links, parts and ignore files that are added as data: beside DVC."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, run_dvx, tree, write
from tests.interop.steps import Tool


@pytest.fixture
def project(repo: Path, dvc: Tool) -> Path:
    dvc(repo, "init")
    write(repo / "dir/part", "1\n")
    write(repo / "dir/sub/other", "2\n")
    write(repo / "real/x", "3\n")
    return repo


@pytest.mark.parametrize("part", ["dir/part", "dir/sub", "dir/sub/other"])
def test_part_of_a_folder_that_was_added_without_its_data(project: Path, tools: dict[str, Tool], part: str) -> None:
    dvx(project, "add", "--no-commit", "dir")
    before = (project / "dir.dvc").read_bytes()
    for tool in ("dvx", "dvc"):
        tools[tool](project, "commit", "-f", part)
        assert (project / "dir.dvc").read_bytes() == before
    (project / part).rename(project / "moved")
    dvx(project, "checkout", part)
    assert not dvx(project, "status", "--json").json or part != "dir"
    assert (project / part).is_file() == (project / "moved").is_file()


def test_a_part_of_a_folder_that_changed_since_is_not_recorded_alone(project: Path) -> None:
    dvx(project, "add", "--no-commit", "dir")
    write(project / "dir/sub/other", "changed\n")
    result = run_dvx(project, "commit", "-f", "dir/part")
    assert result.code != 0
    assert "the folder has changed since" in result.err
    assert "hint: run `dvx commit dir`" in result.err
    dvx(project, "commit", "-f", "dir")
    assert dvx(project, "status", "--json").json == {}


@pytest.mark.parametrize("target", ["../real", "{outside}"])
def test_what_lies_behind_a_link_is_no_part_of_a_folder(project: Path, tmp_path: Path, dvc_any: Tool, target: str) -> None:
    dvx(project, "add", "dir")
    before = (project / "dir.dvc").read_bytes()
    write(tmp_path / "outside/x", "secret\n")
    (project / "dir/link").symlink_to(target.format(outside=tmp_path / "outside"))
    assert dvc_any(project, "add", "dir/link/x").code != 0
    for words in (("add",), ("commit", "--force")):
        refused = run_dvx(project, *words, "dir/link/x")
        assert "`dir/link/x` lies behind the link `dir/link`" in refused.err
        assert (project / "dir.dvc").read_bytes() == before
    assert b"secret\n" not in tree(project / ".dvc/cache").values()


@pytest.mark.parametrize("tool", ["dvx", "dvc"])
def test_a_link_to_a_file_becomes_a_file(project: Path, tools: dict[str, Tool], tool: str) -> None:
    (project / "links").mkdir()
    (project / "links/link").symlink_to("../real/x")
    tools[tool](project, "add", "links/link")
    assert not (project / "links/link").is_symlink()
    assert (project / "links/link").read_text() == (project / "real/x").read_text() == "3\n"
    write(project / "links/link", "own\n")
    assert (project / "real/x").read_text() == "3\n"
    assert "eccbc87e4b5ce2fe28308fd9f2a7baf3" not in (project / "links/link.dvc").read_text()


def test_a_link_in_a_tracked_folder_becomes_a_file(project: Path, dvc: Tool) -> None:
    dvx(project, "add", "dir")
    (project / "dir/link").symlink_to("../real/x")
    dvx(project, "add", "dir/link")
    assert not (project / "dir/link").is_symlink()
    assert dvc(project, "status", "--json").json == dvx(project, "status", "--json").json == {}


def test_a_link_to_a_folder_is_refused(project: Path, dvc_any: Tool) -> None:
    (project / "linked").symlink_to("real")
    for result in (run_dvx(project, "add", "linked"), dvc_any(project, "add", "linked")):
        assert result.code == 1
    assert "hint: run `dvx add real`" in run_dvx(project, "add", "linked").err
    assert (project / "linked").is_symlink()
    assert not (project / "linked.dvc").exists()


def test_a_tracked_file_that_became_a_link_is_compared_by_what_it_leads_to(project: Path, dvc: Tool, tmp_path: Path) -> None:
    leads = {"same": "same\n", "other": "changed\n", "inside": "inside\n", "gone": None}
    for name, text in leads.items():
        write(project / name, f"{name}\n")
        dvx(project, "add", name)
        (project / name).unlink()
        target = project / "dir/target" if name == "inside" else tmp_path / f"target of {name}"
        if text is not None:
            write(target, text)
        (project / name).symlink_to(target)
    commit_all(project)
    for words in (("data", "status", "--json"), ("data", "status", "--granular", "--json")):
        ours, theirs = dvx(project, *words).json["uncommitted"], dvc(project, *words).json["uncommitted"]
        assert ours == theirs == {"modified": ["other"], "deleted": ["gone"]}
    assert dvx(project, "diff", "--json").json["modified"] == [{"path": "other"}]


@pytest.mark.parametrize("place", ["dir", "dir/sub"])
def test_an_ignore_file_is_no_data(project: Path, dvc_any: Tool, place: str) -> None:
    write(project / place / ".dvcignore", "*.tmp\n")
    assert dvc_any(project, "add", "dir").code == 255
    result = run_dvx(project, "add", "dir")
    assert result.code == 1
    assert f"`{place}/.dvcignore` lies in `dir`" in result.err
    assert not (project / "dir.dvc").exists()


def test_an_ignore_file_of_dvx_may_lie_in_data(native: Path) -> None:
    write(native / "dir/.dvxignore", "*.tmp\n")
    write(native / "dir/a.tmp", "1")
    write(native / "dir/b", "1")
    dvx(native, "add", "dir")
    commit_all(native)
    assert dvx(native, "status", "--json").json == {}
