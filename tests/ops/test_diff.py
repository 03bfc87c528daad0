"""diff: tracked data of revisions and the workspace, file by file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from dvx.errors import DvxError, UnknownTarget
from dvx.ops.data.diff import as_json, diff
from dvx.project import Project
from tests.helpers import commit_all, dialect_of, dvx, git, write


def compare(folder: Path, *words: str, hashes: bool = False, missing: bool = False) -> dict[str, Any]:
    """The parts that are not empty."""
    old, new, *targets = [*words, "", ""][: max(2, len(words))] if words else ["HEAD", ""]
    project = Project.find(str(folder))
    try:
        document = as_json(diff(project, old, new, targets), hashes=hashes, missing=missing)
    finally:
        project.close()
    return {key: value if hashes else [row["path"] for row in value] for key, value in document.items() if value}


@pytest.fixture
def data(dialect_repo: Path) -> Path:
    """`v1` has two folders and two files; `v2` changes one folder and renames a file."""
    for name in ("d/a", "d/b", "d/sub/s", "e/x", "f", "kept"):
        write(dialect_repo / name, name + "\n")
    dvx(dialect_repo, "add", "d", "e", "f", "kept")
    commit_all(dialect_repo)
    git(dialect_repo, "tag", "v1")
    write(dialect_repo / "d/a", "2\n")
    os.rename(dialect_repo / "d/b", dialect_repo / "d/c")
    os.rename(dialect_repo / "f", dialect_repo / "g")
    os.unlink(dialect_repo / ("f" + dialect_of(dialect_repo).pointer_suffix))
    dvx(dialect_repo, "add", "d", "g")
    commit_all(dialect_repo)
    git(dialect_repo, "tag", "v2")
    return dialect_repo


def test_two_revisions(data: Path):
    renamed = [{"old": "d/b", "new": "d/c"}, {"old": "f", "new": "g"}]
    assert compare(data, "v1", "v2") == {"modified": ["d/", "d/a"], "renamed": renamed}
    assert compare(data, "v2", "v2") == {}


def test_head_and_the_workspace(data: Path):
    assert compare(data) == {}
    write(data / "d/new", "3\n")
    shutil.rmtree(data / "e")
    assert compare(data) == {"added": ["d/new"], "deleted": ["e/", "e/x"], "modified": ["d/"]}


def test_a_revision_and_the_workspace(data: Path):
    os.unlink(data / "kept")
    assert compare(data, "v1")["deleted"] == ["kept"]


def test_hashes(dvc_like: Path):
    write(dvc_like / "f", "1\n")
    dvx(dvc_like, "add", "f")
    commit_all(dvc_like)
    write(dvc_like / "f", "2\n")
    change = {"old": "b026324c6904b2a9cb4b88d6d61c81d1", "new": "26ab0db90d72e28ad0ba1e22ee510510"}
    assert compare(dvc_like, hashes=True) == {"modified": [{"path": "f", "hash": change}]}


def test_targets_on_either_side(data: Path):
    assert compare(data, "v1", "v2", "f") == {"deleted": ["f"]}
    assert compare(data, "v1", "v2", "g") == {"added": ["g"]}
    assert compare(data, "v1", "v2", "d/a", "d/sub") == {"modified": ["d/a"]}
    assert compare(data, "v1", "v2", "d" + dialect_of(data).pointer_suffix)["modified"] == ["d/", "d/a"]
    with pytest.raises(UnknownTarget, match="`kep` is tracked on neither side") as caught:
        compare(data, "v1", "v2", "kep")
    assert caught.value.hint == "did you mean `kept`?"


def test_what_the_cache_lacks(data: Path):
    write(data / "kept", "new\n")
    shutil.rmtree(Project.find(str(data)).cache.root)
    found = compare(data, "HEAD", "", "kept", "g", missing=True)
    assert found == {"modified": ["kept"], "not in cache": ["g", "kept"]}
    assert "not in cache" not in compare(data, "v1", "v2", missing=True)


def test_files_of_a_lost_folder_are_left_out(data: Path):
    shutil.rmtree(Project.find(str(data)).cache.root)
    assert compare(data, "v1", "v2", "d") == {"modified": ["d/"]}


def test_an_executable_bit_is_a_change(native: Path):
    write(native / "d/run", "1\n")
    dvx(native, "add", "d")
    commit_all(native)
    os.chmod(native / "d/run", 0o755)
    assert compare(native) == {"modified": ["d/", "d/run"]}


def test_without_commits_or_git_there_is_nothing_to_compare(repo: Path, tmp_path: Path):
    dvx(repo, "init")
    assert compare(repo) == {}
    plain = tmp_path / "plain"
    plain.mkdir()
    dvx(plain, "init", "--no-scm")
    with pytest.raises(DvxError, match="revisions need Git"):
        compare(plain)


def test_an_unknown_revision(data: Path):
    with pytest.raises(UnknownTarget, match="unknown Git revision `v3`"):
        compare(data, "v3")
