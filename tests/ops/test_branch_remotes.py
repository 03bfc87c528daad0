"""Remotes that differ from branch to branch: what a branch needs is found where its own configuration says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write


@pytest.fixture
def branches(dialect_repo: Path, tmp_path: Path) -> Path:
    """A clone, with an empty cache, of a repository of which each branch has its data at a remote of its own."""
    for branch in ("main", "moved", "renamed"):
        if branch != "main":
            git(dialect_repo, "checkout", "--quiet", "-b", branch, "main")
        name = "other" if branch == "renamed" else "store"
        dvx(dialect_repo, "remote", "add", "--default", "--force", name, str(tmp_path / f"store-{branch}"))
        write(dialect_repo / "f", f"{branch}\n")
        write(dialect_repo / "d/a", "the same\n")
        dvx(dialect_repo, "add", "f", *(["d"] if branch == "main" else []))
        commit_all(dialect_repo)
        dvx(dialect_repo, "push", "f")
    git(dialect_repo, "checkout", "--quiet", "main")
    dvx(dialect_repo, "push", "d")
    git(tmp_path, "clone", "--quiet", "repo", "clone")
    for branch in ("moved", "renamed"):
        git(tmp_path / "clone", "branch", "--quiet", branch, f"origin/{branch}")
    return tmp_path / "clone"


def test_what_is_elsewhere_is_found(branches: Path) -> None:
    folder = dialect_of(branches).folder
    before = (branches / folder / "config").read_text()
    assert dvx(branches, "fetch", "-a").code == 0
    assert (branches / folder / "config").read_text() == before
    shutil.rmtree(branches.parent / "store-main")
    for branch in ("moved", "renamed", "main"):
        git(branches, "checkout", "--quiet", branch)
        dvx(branches, "checkout", "--force")
        assert (branches / "f").read_text() == f"{branch}\n"
        assert (branches / "d/a").read_text() == "the same\n"


def test_what_is_nowhere_is_named_and_the_rest_arrives(branches: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "store-moved")
    told = run_dvx(branches, "fetch", "-A")
    assert told.code != 0
    assert "`f`" in told.err
    git(branches, "checkout", "--quiet", "renamed")
    dvx(branches, "checkout", "--force")
    assert (branches / "f").read_text() == "renamed\n"


def test_a_branch_that_cannot_be_asked_is_told_of(branches: Path) -> None:
    git(branches, "checkout", "--quiet", "moved")
    file = branches / dialect_of(branches).folder / "config"
    file.write_text("[core]\n    remote = gone\n['remote \"gone\"']\n    url = hdfs://host/x\n")
    commit_all(branches)
    git(branches, "checkout", "--quiet", "main")
    told = run_dvx(branches, "fetch", "-a")
    assert told.code != 0
    assert "were not looked at: dvx does not reach `hdfs://`" in told.err
    git(branches, "checkout", "--quiet", "renamed")
    dvx(branches, "checkout", "--force")
