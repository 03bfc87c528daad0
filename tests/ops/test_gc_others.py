"""gc -p: other repositories that share the cache, also without a work tree, and those that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, git, run_as_anybody, run_dvx, write


@pytest.fixture
def ours(dialect_repo: Path) -> Path:
    """A project that has forgotten a version of `f`, which only the repository `bare` beside it still names."""
    for text in ("old\n", "new\n"):
        write(dialect_repo / "f", text)
        dvx(dialect_repo, "add", "f")
        commit_all(dialect_repo, text)
    git(dialect_repo.parent, "clone", "-q", "--bare", dialect_repo, "bare")
    git(dialect_repo, "reset", "-q", "--hard", "HEAD~1")
    git(dialect_repo, "reflog", "expire", "--expire=now", "--all")
    git(dialect_repo, "gc", "-q", "--prune=now")
    dvx(dialect_repo, "checkout", "-f")
    return dialect_repo


def removed(repo: Path, *words: str) -> int:
    return int(dvx(repo, "gc", "--grace", "0", *words).err.partition("cache: ")[2].split()[0])


def test_the_commits_of_a_bare_repository_count(ours: Path) -> None:
    assert removed(ours, "-p", ".") == 1
    assert removed(ours, "-p", "../bare") == 0
    assert removed(ours, "-p", "../bare", "--workspace") == 1
    dvx(ours, "gc", "-f", "--grace", "0", "-p", "../bare")
    git(ours.parent, "clone", "-q", "bare", "again")
    dvx(ours.parent / "again", "cache", "dir", "--local", ours / next(ours.glob(".dv?")) / "cache")
    dvx(ours.parent / "again", "checkout")
    assert (ours.parent / "again/f").read_text() == "new\n"


def test_so_do_the_work_trees_of_one(ours: Path) -> None:
    git(ours.parent / "bare", "worktree", "add", "-q", "../tree", "main")
    write(ours.parent / "tree/f", "in a work tree\n")
    dvx(ours.parent / "tree", "cache", "dir", "--local", ours / next(ours.glob(".dv?")) / "cache")
    dvx(ours.parent / "tree", "add", "f")
    assert removed(ours, "-p", ".") == 2
    assert removed(ours, "-p", "../bare") == 0


def test_names_of_branches_are_no_pointers(ours: Path) -> None:
    git(ours.parent / "bare", "branch", "x.dvc")
    git(ours.parent / "bare", "branch", "x.dvx")
    assert removed(ours, "-p", "../bare") == 0


def test_a_shallow_one_is_doubted(ours: Path) -> None:
    git(ours.parent, "clone", "-q", "--bare", "--depth", "1", f"file://{ours.parent}/bare", "shallow")
    refused = run_dvx(ours, "gc", "--grace", "0", "-p", "../shallow")
    assert refused.code != 0
    assert "this clone is shallow" in refused.err


def test_programs_in_its_configuration_are_refused(ours: Path) -> None:
    git(ours.parent / "bare", "config", "filter.x.clean", "touch /tmp/x")
    refused = run_dvx(ours, "gc", "-p", "../bare")
    assert refused.code != 0
    assert "`filter.x.clean` in the configuration of" in refused.err


@pytest.mark.parametrize("place", ["bare", "other", "other/.git"])
def test_what_cannot_be_read_is_called_so(ours: Path, place: str) -> None:
    git(ours.parent, "clone", "-q", ours, "other")
    named = place.partition("/")[0]
    with hidden(ours.parent / place):
        for words in (("gc", "-p", f"../{named}"), ("ls", f"../{named}")):
            said = run_as_anybody(ours, "dvx", *words)
            assert said.code != 0
            assert "cannot be read\n" in said.err
            assert "hint: ask its owner to let your group read it" in said.err


@contextmanager
def hidden(folder: Path) -> Iterator[None]:
    folder.chmod(0)
    try:
        yield
    finally:
        folder.chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files to others")
def test_hard_links_to_files_of_others_are_copies_or_told(ours: Path) -> None:
    if Path("/proc/sys/fs/protected_hardlinks").read_text().strip() != "1":
        pytest.skip("this system allows them")
    write(ours / "mine", "m\n" * 10)
    write(ours / "theirs", "t\n" * 10)
    dvx(ours, "add", "mine", "theirs")
    for place in ours.glob(".dv?/cache/files/*/*/*"):
        if place.read_text().startswith("t"):
            os.chown(place, 4321, -1)
    relinked = ["setpriv", "--bounding-set=-fowner", "--inh-caps=-all", "dvx", "checkout", "--relink"]
    dvx(ours, "config", "cache.type", "hardlink")
    refused = run_as_anybody(ours, *relinked)
    assert "`theirs` cannot be a hard link: Linux makes none to files of another user" in refused.err
    assert "`dvx config --local cache.type hardlink,copy`" in refused.err
    dvx(ours, "config", "cache.type", "hardlink,copy")
    assert run_as_anybody(ours, *relinked).code == 0
    assert [(ours / name).stat().st_nlink for name in ("mine", "theirs")] == [2, 1]
