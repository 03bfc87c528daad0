"""Facts about experiments where Git is not as usual: without a branch, in a second work tree, without history, after a rebase."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, write

PIPELINE = "stages:\n  s: {cmd: cat params.yaml > model, params: [n], outs: [model]}\n"


@pytest.fixture
def repo(dialect_repo: Path) -> Path:
    write(dialect_repo / "params.yaml", "n: 1\n")
    write(dialect_repo / dialect_of(dialect_repo).pipeline, PIPELINE)
    commit_all(dialect_repo)
    write(dialect_repo / "more", "1\n")
    commit_all(dialect_repo)
    return dialect_repo


def shown(folder: Path, *words: str) -> dict[str, int]:
    """The parameter of each experiment in the table."""
    document = json.loads(dvx(folder, "exp", "show", "--json", *words).out)
    rows = [row for baseline in document for row in baseline["experiments"] or ()]
    return {row["name"]: row["revs"][0]["data"]["params"]["params.yaml"]["data"]["n"] for row in rows}


def run_all_ways(folder: Path) -> None:
    dvx(folder, "exp", "run", "-n", "here", "-S", "n=2")
    dvx(folder, "exp", "run", "--temp", "-n", "apart", "-S", "n=3")
    dvx(folder, "exp", "run", "--queue", "-n", "later", "-S", "n=4")
    dvx(folder, "queue", "work")
    assert shown(folder) == {"here": 2, "apart": 3, "later": 4}
    dvx(folder, "exp", "apply", "later")
    assert (folder / "model").read_text() == "n: 4\n"


def test_on_a_detached_head(repo: Path) -> None:
    git(repo, "checkout", "--quiet", "--detach", "HEAD~1")
    run_all_ways(repo)
    assert git(repo, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"


def test_in_a_linked_work_tree(repo: Path, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "linked"))
    run_all_ways(tmp_path / "linked")
    # the refs are one repository's, what waits or runs is that of a work tree
    assert shown(repo, "--all-branches") == {"here": 2, "apart": 3, "later": 4}
    assert git(repo, "status", "--porcelain") == ""


def test_in_a_shallow_clone(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repo}", "shallow")
    run_all_ways(tmp_path / "shallow")


def test_in_a_folder_of_the_repository(repo: Path) -> None:
    folder = repo / "inner"
    folder.mkdir()
    dvx(folder, "init", "--subdir", *(["--dvc"] if dialect_of(repo).name == "dvc" else []))
    write(folder / "params.yaml", "n: 1\n")
    write(folder / dialect_of(repo).pipeline, PIPELINE)
    commit_all(repo)
    run_all_ways(folder)


def test_after_a_rebase_experiments_are_shown_under_the_commit_that_is_gone(repo: Path) -> None:
    dvx(repo, "exp", "run", "-n", "old", "-S", "n=5")
    gone = git(repo, "rev-parse", "HEAD")
    git(repo, "checkout", "--quiet", ".")
    git(repo, "commit", "--quiet", "--amend", "--message", "another history")
    git(repo, "reflog", "expire", "--expire=now", "--all")
    assert shown(repo) == {}
    assert "`-A` shows 1 of other commits" in dvx(repo, "exp", "show").err
    assert shown(repo, "-A") == {"old": 5}
    assert gone[:7] in dvx(repo, "exp", "show", "-A").out
    assert dvx(repo, "exp", "list", "-A", "--name-only").out.split() == ["old"]
