"""data status: commits, records and the workspace compared."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from dvx.ops.data.data_status import DataStatusOptions, as_json, data_status
from dvx.project import Project
from tests.helpers import commit_all, dialect_of, dvx, write


def look(folder: Path, *targets: str, **options: bool) -> dict[str, Any]:
    project = Project.find(str(folder))
    try:
        return as_json(data_status(project, DataStatusOptions(targets, **options)))  # type: ignore[arg-type]
    finally:
        project.close()


@pytest.fixture
def data(dialect_repo: Path) -> Path:
    """Two folders, two files and a stage, all committed."""
    for name in ("d/a", "d/b", "d/sub/s", "e/x", "f", "kept"):
        write(dialect_repo / name, name + "\n")
    dvx(dialect_repo, "add", "d", "e", "f", "kept")
    dvx(dialect_repo, "stage", "add", "-n", "copy", "-d", "f", "-o", "out", "-M", "m.json", "cp f out; echo {} > m.json")
    dvx(dialect_repo, "repro")
    commit_all(dialect_repo)
    return dialect_repo


def test_a_clean_project(data: Path):
    assert look(data) == {"unchanged": ["d/", "e/", "f", "kept", "out"]}
    assert look(data, granular=True) == {
        "unchanged": ["d/", "d/a", "d/b", "d/sub/s", "e/", "e/x", "f", "kept", "out"],
    }


def test_edits_in_the_workspace_are_uncommitted(data: Path):
    os.rename(data / "d/b", data / "d/b2")
    write(data / "d/n", "new\n")
    write(data / "d/sub/s", "changed\n")
    os.unlink(data / "d/a")
    os.unlink(data / "f")
    assert look(data) == {"uncommitted": {"modified": ["d/"], "deleted": ["f"]}, "unchanged": ["e/", "kept", "out"]}
    assert look(data, granular=True) == {
        "uncommitted": {
            "modified": ["d/", "d/sub/s"],
            "renamed": [{"old": "d/b", "new": "d/b2"}],
            "added": ["d/n"],
            "deleted": ["d/a", "f"],
        },
        "unchanged": ["e/", "e/x", "kept", "out"],
    }


def test_what_is_recorded_since_the_commit_is_committed(data: Path):
    os.rename(data / "f", data / "g")
    dvx(data, "add", "g")
    os.unlink(data / ("f" + dialect_of(data).pointer_suffix))
    write(data / "d/a", "2\n")
    dvx(data, "add", "d")
    found = look(data, granular=True)
    assert found["committed"] == {"modified": ["d/", "d/a"], "renamed": [{"old": "f", "new": "g"}]}
    assert "uncommitted" not in found


def test_a_renamed_folder(data: Path):
    os.rename(data / "d", data / "dd")
    dvx(data, "add", "dd")
    os.unlink(data / ("d" + dialect_of(data).pointer_suffix))
    assert look(data)["committed"] == {"renamed": [{"old": "d/", "new": "dd/"}]}


def test_before_the_first_commit_all_is_added(repo: Path):
    dvx(repo, "init")
    write(repo / "f", "1\n")
    dvx(repo, "add", "f")
    assert look(repo) == {"committed": {"added": ["f"]}}


def test_without_git_there_is_nothing_committed(tmp_path: Path, home: Path):
    folder = tmp_path / "plain"
    folder.mkdir()
    dvx(folder, "init", "--no-scm")
    write(folder / "f", "1\n")
    dvx(folder, "add", "f")
    assert look(folder) == {"unchanged": ["f"]}


def test_what_the_cache_lacks_is_named(data: Path):
    shutil.rmtree(Project.find(str(data)).cache.root)
    assert look(data)["not_in_cache"] == ["d/", "e/", "f", "kept", "out"]


def test_files_of_a_folder_that_nobody_can_list_are_unknown(data: Path):
    write(data / "d/a", "2\n")
    shutil.rmtree(Project.find(str(data)).cache.root)
    found = look(data, "d", granular=True)
    assert found["uncommitted"] == {"modified": ["d/"], "unknown": ["d/a", "d/b", "d/sub/s"]}
    assert found["not_in_cache"] == ["d/"]


def test_targets_limit_what_is_looked_at(data: Path):
    write(data / "d/a", "2\n")
    write(data / "f", "2\n")
    write(data / "loose", "3\n")
    assert look(data, "d") == {"uncommitted": {"modified": ["d/"]}}
    assert look(data, "f" + dialect_of(data).pointer_suffix) == {"uncommitted": {"modified": ["f"]}}
    assert look(data, "copy") == {"unchanged": ["out"]}
    assert look(data, "d/a", "d/b") == {"uncommitted": {"modified": ["d/a"]}, "unchanged": ["d/b"]}
    assert look(data, "loose", untracked=True) == {"untracked": ["loose"]}
    assert look(data, "nothing") == {}


def test_untracked_files_are_those_that_nobody_tracks(data: Path):
    write(data / "un/x y", "1\n")
    write(data / "ignored", "1\n")
    write(data / ".gitignore", (data / ".gitignore").read_text() + "/ignored\n")
    assert "untracked" not in look(data)
    assert look(data, untracked=True)["untracked"] == ["un/x y"]


def test_a_project_below_the_top_sees_its_own_untracked_files(repo: Path):
    (repo / "sub").mkdir()
    dvx(repo / "sub", "init", "--subdir")
    commit_all(repo)
    write(repo / "sub/x", "1\n")
    write(repo / "y", "1\n")
    assert look(repo / "sub", untracked=True)["untracked"] == ["x"]


def test_what_the_remote_lacks(data: Path, tmp_path: Path):
    dvx(data, "remote", "add", "-d", "store", str(tmp_path / "store"))
    dvx(data, "push", "d")
    write(data / "only-here", "1\n")
    dvx(data, "add", "only-here")
    assert look(data, not_in_remote=True)["not_in_remote"] == ["e/", "f", "kept", "only-here", "out"]
    assert look(data, "e", not_in_remote=True, granular=True)["not_in_remote"] == ["e/", "e/x"]
    dvx(data, "push")
    assert "not_in_remote" not in look(data, not_in_remote=True, granular=True)
