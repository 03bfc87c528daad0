"""gc where history is not complete: what commits that are not here need stays, in the cache and at the remote."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, tree, write

OLD = time.time() - 30 * 86_400


@pytest.fixture
def shared(dialect_repo: Path, tmp_path: Path) -> Path:
    """A repository with a remote, two versions of a file in history, and a branch with a third; all of it is old."""
    dvx(dialect_repo, "remote", "add", "-d", "storage", str(tmp_path / "storage"))
    for text in ("1", "2"):
        write(dialect_repo / "f", text)
        dvx(dialect_repo, "add", "f")
        commit_all(dialect_repo, text)
    git(dialect_repo, "checkout", "--quiet", "-b", "side")
    write(dialect_repo / "f", "3")
    dvx(dialect_repo, "add", "f")
    commit_all(dialect_repo, "3")
    git(dialect_repo, "checkout", "--quiet", "main")
    dvx(dialect_repo, "checkout")
    dvx(dialect_repo, "push", "--all-commits")
    _age(tmp_path / "storage")
    return dialect_repo


def _age(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (OLD, OLD))


def _clone(repo: Path, *words: str) -> Path:
    git(repo.parent, "clone", "--quiet", *words, f"file://{repo}", "clone")
    dvx(repo.parent / "clone", "pull")
    return repo.parent / "clone"


def _make_shallow(repo: Path) -> Path:
    return _clone(repo, "--depth", "1", "--no-single-branch")


def _make_single(repo: Path) -> Path:
    return _clone(repo, "--single-branch")


def _make_grafted(repo: Path) -> Path:
    clone = _clone(repo)
    git(clone, "replace", "--graft", "HEAD")
    return clone


def _make_late(repo: Path) -> Path:
    clone = _clone(repo)
    write(repo / "f", "4")
    dvx(repo, "add", "f")
    commit_all(repo, "4")
    dvx(repo, "push")
    _age(repo.parent / "storage")
    return clone


def _make_without_experiments(repo: Path) -> Path:
    clone = _clone(repo)
    git(
        repo,
        "update-ref",
        f"refs/exps/{git(repo, 'rev-parse', 'HEAD')}/named",
        git(repo, "commit-tree", "-m", "x", "HEAD^{tree}"),
    )
    return clone


MADE = {
    "shallow": (_make_shallow, "git fetch --unshallow"),
    "single": (_make_single, "git remote set-branches origin '*'"),
    "grafted": (_make_grafted, "git replace -d"),
    "late": (_make_late, "git fetch --tags origin"),
    "experiments": (_make_without_experiments, "dvx exp pull --all-commits origin"),
}


@pytest.mark.parametrize("name", MADE)
def test_history_that_is_not_here_is_doubt(shared: Path, name: str) -> None:
    make, cure = MADE[name]
    clone = make(shared)
    before = tree(shared.parent / "storage")
    for words in (("-c",), ("-A", "-c"), ("-a", "-c"), ("--date", "2020-01-01", "-c")):
        result = run_dvx(clone, "gc", *words, "-f")
        assert result.code in (1, 255), words
        assert cure in result.err, words
    assert tree(shared.parent / "storage") == before


@pytest.mark.parametrize("words", [("-w",), ("--rev", "HEAD")])
def test_what_needs_no_history_goes_on(shared: Path, words: tuple[str, ...]) -> None:
    clone = _make_shallow(shared)
    dvx(clone, "gc", *words, "-f")


def test_the_user_may_go_on_without(shared: Path) -> None:
    clone = _make_shallow(shared)
    dvx(clone, "trust", "--yes")
    result = dvx(clone, "gc", "-c", "-f", "--skip-failed")
    assert "shallow" in result.err


@pytest.mark.parametrize("make", [_make_shallow, _make_single, _make_grafted])
def test_the_cache_is_judged_by_the_same_history(shared: Path, make: Callable[[Path], Path]) -> None:
    assert run_dvx(make(shared), "gc", "-f").code in (1, 255)


def test_a_whole_clone_is_cleaned(shared: Path) -> None:
    clone = _clone(shared)
    git(shared, "tag", "-m", "with a message", "v1", "HEAD~1")
    git(clone, "fetch", "--quiet", "--tags")
    write(clone / "f", "unneeded")
    dvx(clone, "add", "f")
    dvx(clone, "push")
    _age(shared.parent / "storage")
    git(clone, "checkout", "--quiet", "--", ".")
    before = len(tree(shared.parent / "storage"))
    dvx(clone, "trust", "--yes")
    dvx(clone, "gc", "-c", "-f", "--grace", "1d")
    assert len(tree(shared.parent / "storage")) < before


def test_a_git_remote_that_cannot_be_asked_is_doubt(shared: Path) -> None:
    clone = _clone(shared)
    git(clone, "remote", "add", "gone", str(shared.parent / "nowhere"))
    result = run_dvx(clone, "gc", "-c", "-f")
    assert result.code in (1, 255)
    assert "git remote remove gone" in result.err


def test_a_pointer_in_a_folder_that_is_ignored_by_now_names_its_data(dialect_repo: Path) -> None:
    write(dialect_repo / "d/f", "needed")
    dvx(dialect_repo, "add", "d/f")
    write(dialect_repo / dialect_of(dialect_repo).ignore, "d\n")
    (dialect_repo / "d/f").unlink()
    _age(dialect_repo / dialect_of(dialect_repo).folder)
    dvx(dialect_repo, "gc", "-f")
    write(dialect_repo / dialect_of(dialect_repo).ignore, "")
    dvx(dialect_repo, "checkout")
    assert (dialect_repo / "d/f").read_text() == "needed"
