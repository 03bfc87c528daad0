"""Edits through links into the cache: whatever command comes next, what was edited is somewhere afterwards, and told of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from dvx.store.cache import Cache
from tests.faults import fsck
from tests.helpers import commit_all, dialect_of, dvx, run_dvx, write

Count = Callable[[str, int], None]
_EDITS = {"longer": b"edited by hand and longer\n", "shorter": b"e\n", "as long": b"EDITED\n", "empty": b""}
_COMMANDS = (
    ("fetch",),
    ("fetch", "--run-cache"),
    ("pull",),
    ("pull", "-f"),
    ("checkout",),
    ("checkout", "-f"),
    ("checkout", "-f", "--relink"),
    ("add", "d", "f"),
    ("commit", "-f"),
    ("repro",),
    ("repro", "-f"),
    ("push",),
    ("status",),
    ("unprotect", "d", "f"),
    ("fsck",),
    ("fsck", "--remote", "store"),
    ("gc", "-f", "--grace", "0"),
    ("gc", "-w", "-f", "--grace", "0"),
    ("remove", "--outs", "d", "f"),
    ("exp", "run"),
)


@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_an_edit_through_a_link_is_never_lost(dialect_repo: Path, tmp_path: Path, all_points: bool, count: Count, kind: str):
    """A file, one in a folder and the output of a stage are edited in place; then each command runs, and a pull after it."""
    _prepare(dialect_repo, kind)
    repo = tmp_path / "trial" / "repo"
    trials = list(product(_EDITS.items(), (False, True), _COMMANDS))
    trials = trials if all_points else trials[:: 7 if kind == "symlink" else 9]
    for (edit, data), writable, command in trials:
        shutil.rmtree(tmp_path / "trial", ignore_errors=True)
        shutil.copytree(tmp_path / "remote", tmp_path / "trial/remote")
        shutil.copytree(dialect_repo, repo, symlinks=True)
        _link(repo, kind)
        mine = {}
        for number, name in enumerate(("f", "d/a", "out")):
            mine[name] = data.replace(b"e", b"%d" % number).replace(b"E", b"%d" % number)
            _edit(repo / name, mine[name], writable=writable)
        # each pull finds one of the three
        for words in (command, *[("pull", "-f")] * 5):
            done = run_dvx(repo, *words)
            assert done.code != 3, (words, done.err)
            assert fsck.lost(repo.parent, mine) == [], (kind, edit, writable, command, words, done.err)
            if words[0] == "pull" and done.code == 0:
                break
        if command[0] not in ("add", "commit", "remove", "repro", "exp", "gc") and (edit != "as long" or writable):
            assert (repo / "f").read_bytes() == b"edited\n", (edit, writable, command, done.err)
    count(f"edits through a {kind} ({dialect_of(dialect_repo).name})", len(trials))


@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_what_was_put_aside_is_told_with_its_place(dialect_repo: Path, kind: str):
    _prepare(dialect_repo, kind)
    _link(dialect_repo, kind)
    edited = (dialect_repo / "f").resolve()
    _edit(dialect_repo / "f", b"edited by hand\n", writable=False)
    done = dvx(dialect_repo, "fetch")
    (aside,) = (dialect_repo / dialect_of(dialect_repo).folder / "cache/quarantine").glob("*/*")
    assert aside.read_bytes() == b"edited by hand\n"
    assert done.err.count(str(aside)) == 1
    if kind == "symlink":
        assert edited.read_bytes() == b"edited\n"
    assert str(aside) not in dvx(dialect_repo, "fetch").err


def test_what_was_put_aside_before_stays(dialect_repo: Path):
    _prepare(dialect_repo, "symlink")
    for number in range(3):
        _edit(dialect_repo / "f", b"edit %d of many\n" % number, writable=False)
        dvx(dialect_repo, "fetch")
    aside = (dialect_repo / dialect_of(dialect_repo).folder / "cache/quarantine").glob("*/*")
    assert sorted(path.read_bytes() for path in aside) == [b"edit 0 of many\n", b"edit 1 of many\n", b"edit 2 of many\n"]


def test_a_trial_finds_a_cache_that_replaces_what_it_has(native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Cache, "_spare", lambda *_: None)
    _prepare(native, "symlink")
    _edit(native / "f", b"edited by hand\n", writable=False)
    dvx(native, "fetch")
    assert fsck.lost(tmp_path, {"f": b"edited by hand\n"}) == ["lost: f"]


def _prepare(repo: Path, kind: str) -> None:
    dvx(repo, "remote", "add", "-d", "store", "../remote")
    dvx(repo, "config", "cache.type", kind)
    write(repo / "f", "edited\n")
    write(repo / "d/a", "edited a\n")
    write(repo / "d/b", "other\n")
    write(repo / "in", "0\n")
    dvx(repo, "add", "d", "f", "in")
    dvx(repo, "stage", "add", "-n", "one", "-d", "in", "-o", "out", "sed 's/^/edited /' in > out")
    dvx(repo, "repro")
    commit_all(repo)
    dvx(repo, "push", "--run-cache")


def _link(repo: Path, kind: str) -> None:
    """Links into the cache of this copy."""
    for name in ("f", "d/a", "d/b", "out", "in"):
        (repo / name).unlink()
    dvx(repo, "checkout")
    place = repo / "f"
    assert place.is_symlink() if kind == "symlink" else place.stat().st_nlink == 2


def _edit(place: Path, data: bytes, *, writable: bool) -> None:
    if writable or os.geteuid():
        place.chmod(0o644)
    with place.open("r+b") as file:
        file.truncate()
        file.write(data)
