"""fsck on real caches and remotes: each flaw is found, and healed where a good copy exists."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dvx.model.upkeep.fsck import Finding, Flaw, Report
from dvx.ops.upkeep.fsck import FsckOptions, fsck
from dvx.project import Project
from dvx.store.objects import Lying, lying
from tests.helpers import commit_all, dialect_of, dvx, run_as_anybody, run_dvx, tree, write

HEAL = FsckOptions()


def _fsck(repo: Path, options: FsckOptions = HEAL) -> Report:
    project = Project.find(str(repo))
    try:
        return fsck(project, options, lambda _: None)
    finally:
        project.close()


def _cache(repo: Path) -> Path:
    return repo / dialect_of(repo).folder / "cache"


def _lying(root: Path, *, trees: bool = False) -> list[Lying]:
    return sorted((one for one in lying(str(root)) if one.digest and one.digest.is_tree == trees), key=lambda one: one.place)


def _spoil(place: str, data: bytes) -> None:
    path = Path(place)
    path.chmod(0o644)
    path.write_bytes(data)


def _tracked(repo: Path) -> Path:
    write(repo / "a", "the file a")
    write(repo / "d/x", "inside x")
    write(repo / "d/sub/y", "deeper")
    dvx(repo, "add", "a", "d")
    commit_all(repo)
    return repo


def test_a_sound_cache_has_no_findings_and_stays_as_it_is(dialect_repo: Path) -> None:
    _tracked(dialect_repo)
    before = tree(_cache(dialect_repo))
    report = _fsck(dialect_repo)
    assert (report.objects, report.findings) == (4, ())
    assert tree(_cache(dialect_repo)) == before


@pytest.mark.parametrize(
    "spoil", [lambda data: b"", lambda data: data[:-1], lambda data: data + b"x", lambda data: b"y" + data[1:]]
)
def test_wrong_bytes_are_put_aside_and_healed_from_the_workspace(dialect_repo: Path, spoil: Callable[[bytes], bytes]) -> None:
    before = tree(_cache(_tracked(dialect_repo)), skip=("quarantine", "tmp"))
    for one in (*_lying(_cache(dialect_repo)), *_lying(_cache(dialect_repo), trees=True)):
        _spoil(one.place, spoil(Path(one.place).read_bytes()))
    report = _fsck(dialect_repo)
    assert [finding.flaw for finding in report.findings] == [Flaw.WRONG] * 4
    assert all(finding.healed == "the workspace" and os.path.exists(finding.aside) for finding in report.findings)
    assert report.broken == ()
    assert tree(_cache(dialect_repo), skip=("quarantine", "tmp")) == before
    assert _fsck(dialect_repo).findings == ()


def test_without_healing_nothing_changes(dialect_repo: Path) -> None:
    _tracked(dialect_repo)
    _spoil(_lying(_cache(dialect_repo))[0].place, b"rot")
    write(_cache(dialect_repo) / "tmp/0123456789abcdef/1", "left")
    before = tree(dialect_repo)
    report = _fsck(dialect_repo, FsckOptions(heal=False))
    assert {finding.flaw for finding in report.findings} == {Flaw.WRONG, Flaw.LEFTOVER}
    assert len(report.broken) == 1
    assert tree(dialect_repo) == before


def test_what_no_place_has_stays_broken(dialect_repo: Path) -> None:
    _tracked(dialect_repo)
    (dialect_repo / "a").unlink()
    _spoil(next(one.place for one in _lying(_cache(dialect_repo)) if one.size == len("the file a")), b"rot")
    (broken,) = _fsck(dialect_repo).broken
    assert (broken.flaw, broken.path, broken.healed) == (Flaw.WRONG, "a", "")
    (again,) = _fsck(dialect_repo).broken
    assert (again.flaw, again.path) == (Flaw.MISSING, "a")


def test_what_only_history_needs_is_broken_too_and_what_nothing_needs_is_not(dialect_repo: Path) -> None:
    _tracked(dialect_repo)
    (old,) = (one.place for one in _lying(_cache(dialect_repo)) if one.size == len("the file a"))
    for text in ("never committed", "now"):
        write(dialect_repo / "a", text)
        dvx(dialect_repo, "add", "a")
    (unneeded,) = (one.place for one in _lying(_cache(dialect_repo)) if one.size == len("never committed"))
    _spoil(old, b"rot")
    _spoil(unneeded, b"rot")
    report = _fsck(dialect_repo)
    assert len(report.findings) == 2
    assert [finding.path for finding in report.broken] == ["a"]


def test_a_misnamed_object_gets_its_name_back(dialect_repo: Path) -> None:
    _tracked(dialect_repo)
    (dialect_repo / "a").unlink()
    (place,) = (Path(one.place) for one in _lying(_cache(dialect_repo)) if one.size == len("the file a"))
    place.rename(place.with_name("not-a-hash"))
    report = _fsck(dialect_repo)
    assert {finding.flaw for finding in report.findings} == {Flaw.MISNAMED, Flaw.MISSING}
    assert report.broken == ()
    assert place.read_text() == "the file a"


def test_leftovers_of_the_dead_go(dialect_repo: Path) -> None:
    _tracked(dialect_repo)
    write(_cache(dialect_repo) / "tmp/0123456789abcdef/1", "half")
    (finding,) = _fsck(dialect_repo).findings
    assert (finding.flaw, finding.subject) == (Flaw.LEFTOVER, "tmp/0123456789abcdef")
    assert _fsck(dialect_repo).findings == ()


def test_a_broken_pointer_and_a_broken_lock_are_told(dialect_repo: Path) -> None:
    _tracked(dialect_repo)
    dialect = dialect_of(dialect_repo)
    (dialect_repo / f"a{dialect.pointer_suffix}").write_text("outs: [")
    (dialect_repo / dialect.lock).write_text("schema: 2.0\nstages: 7\n")
    subjects = [finding.subject for finding in _fsck(dialect_repo).broken if finding.flaw is Flaw.FILE]
    assert len(subjects) == 2
    assert all(any(name in subject for subject in subjects) for name in (f"a{dialect.pointer_suffix}", dialect.lock))


def test_what_was_never_fetched_is_not_broken(dialect_repo: Path, tmp_path: Path) -> None:
    _with_remote(dialect_repo, tmp_path)
    shutil.rmtree(_cache(dialect_repo))
    shutil.rmtree(dialect_repo / "d")
    (dialect_repo / "a").unlink()
    report = _fsck(dialect_repo)
    assert {finding.flaw for finding in report.findings} == {Flaw.AWAY}
    assert report.broken == ()


def _with_remote(repo: Path, tmp_path: Path) -> Path:
    dvx(repo, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    _tracked(repo)
    dvx(repo, "push")
    return tmp_path / "remote"


def test_a_remote_heals_the_cache_and_the_cache_the_remote(dialect_repo: Path, tmp_path: Path) -> None:
    remote = _with_remote(dialect_repo, tmp_path)
    good = tree(remote, skip=(".tmp",))
    shutil.rmtree(dialect_repo / "d")
    for one in (*_lying(_cache(dialect_repo)), *_lying(_cache(dialect_repo), trees=True)):
        _spoil(one.place, b"rot here")
    assert _fsck(dialect_repo).broken == ()
    for one in _lying(remote):
        _spoil(one.place, b"rot there")
    (victim,) = _lying(remote, trees=True)
    os.unlink(victim.place)
    report = _fsck(dialect_repo, FsckOptions(remote="storage"))
    assert [(finding.flaw, finding.store, finding.healed) for finding in report.findings] == [
        (Flaw.WRONG, "storage", "the cache")
    ] * 3
    dvx(dialect_repo, "push")
    assert tree(remote, skip=(".tmp",)) == good


def test_a_broken_promise_of_a_remote_is_found(dialect_repo: Path, tmp_path: Path) -> None:
    remote = _with_remote(dialect_repo, tmp_path)
    (inside,) = (one.place for one in _lying(remote) if one.size == len("inside x"))
    os.unlink(inside)
    (finding,) = _fsck(dialect_repo, FsckOptions(remote="storage", heal=False)).findings
    assert (finding.flaw, finding.path, finding.store) == (Flaw.MISSING, "x", "storage")
    assert _fsck(dialect_repo, FsckOptions(remote="storage")).broken == ()
    assert Path(inside).read_text() == "inside x"


def test_exit_code_and_json(dialect_repo: Path) -> None:
    _tracked(dialect_repo)
    assert dvx(dialect_repo, "fsck", "--json").json == {"objects": 4, "bytes": _size(dialect_repo), "broken": 0, "findings": []}
    (dialect_repo / "a").unlink()
    _spoil(next(one.place for one in _lying(_cache(dialect_repo)) if one.size == len("the file a")), b"rot")
    result = run_dvx(dialect_repo, "fsck", "--json")
    assert result.code == 1
    (finding,) = result.json["findings"]
    assert (finding["flaw"], finding["path"], finding["broken"]) == ("wrong bytes", "a", True)
    assert "needed and broken: `a`" in result.err


def _size(repo: Path) -> int:
    return sum(one.size for one in lying(str(_cache(repo))))


@pytest.mark.parametrize("where", ["cache", "remote"])
def test_two_hundred_random_corruptions_are_all_found_and_healed(native: Path, tmp_path: Path, where: str) -> None:
    """Half of the objects have a good copy in the workspace, all have one in the other store."""
    chance = random.Random(where)
    for number in range(200):
        write(native / f"d/{number}", chance.randbytes(chance.randrange(1, 3000)))
    dvx(native, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    dvx(native, "config", "core.pack", "false")
    dvx(native, "add", "d")
    dvx(native, "push")
    commit_all(native)
    for number in range(100):
        (native / f"d/{number}").unlink()
    root = _cache(native) if where == "cache" else tmp_path / "remote"
    before = tree(root, skip=("tmp", ".tmp"))
    harmed = {_harm(one, chance) for one in chance.sample(_lying(root), 200)}
    report = _fsck(native, FsckOptions(remote="storage" if where == "remote" else ""))
    found = {str(finding.digest) for finding in report.findings if finding.digest}
    assert found == harmed
    assert len(harmed) == 200
    assert report.broken == ()
    dvx(native, "fetch")
    assert tree(root, skip=("tmp", ".tmp", "quarantine")) == before


def _harm(one: Lying, chance: random.Random) -> str:
    path = Path(one.place)
    data = bytearray(path.read_bytes())
    path.chmod(0o644)
    position = chance.randrange(len(data))
    kind = chance.choice(["flip", "truncate", "extend", "empty", "swap"])
    if kind == "flip":
        data[position] ^= 1 << chance.randrange(8)
    elif kind == "truncate":
        del data[position:]
    elif kind == "extend":
        data += chance.randbytes(5)
    elif kind == "empty":
        data.clear()
    else:
        data = bytearray(chance.randbytes(len(data) + 1))
    path.write_bytes(data)
    return str(one.digest)


def test_reports_add_up() -> None:
    one = Report(1, 2, (Finding(Flaw.MISSING, "x", path="p"),))
    assert (one + one).objects == 2
    assert len((one + one).broken) == 2


def test_an_object_that_may_not_be_read_is_not_wrong(dialect_repo: Path) -> None:
    _tracked(dialect_repo)
    [one] = [one for one in _lying(_cache(dialect_repo)) if Path(one.place).read_text() == "the file a"]
    os.chmod(one.place, 0)
    result = run_as_anybody(dialect_repo, "dvx", "fsck")
    assert result.code == 1
    assert f"no permission to read: {one.digest}, needed by a" in result.out
    assert "ask its owner to let you read it" in result.err
    os.chmod(one.place, 0o444)
    assert _fsck(dialect_repo).findings == ()


@pytest.mark.parametrize("words", [("gc", "--cloud", "-f"), ("fsck", "--remote", "r"), ("push",), ("status", "--cloud")])
def test_a_remote_may_be_the_top_of_a_file_system(dialect_repo: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    _tracked(dialect_repo)
    dvx(dialect_repo, "remote", "add", "-d", "r", tmp_path / "store")
    dvx(dialect_repo, "push")
    (tmp_path / "store/lost+found").mkdir(mode=0)
    assert run_as_anybody(dialect_repo, "dvx", *words).code == 0
