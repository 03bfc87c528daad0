"""What a push found at a remote and relies on stays there, though nobody else has seen the commit that names it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dvx.model.digest import Digest
from dvx.model.transfer.claims import claim_name, encode_claim
from dvx.store.remotes import claims
from dvx.store.remotes.claims import removing
from dvx.store.remotes.remote import Remote, open_remote
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, run_process, write
from tests.servers import S3Server

_DAY = 86_400
_SMALL = 3


def age(place: Path, days: float) -> None:
    """Let every file below a folder have been written that many days ago."""
    for path in place.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - days * _DAY,) * 2)


def _claims(remote: Path) -> list[Path]:
    return sorted(remote.glob("claims/*"))


def _data(repo: Path, count: int = _SMALL) -> None:
    for number in range(count):
        write(repo / f"data/{number}", f"{number}\n")
    write(repo / "file", "alone\n")


@pytest.fixture
def forgotten(dialect_repo: Path, tmp_path: Path) -> Path:
    """A repository whose remote holds old data that nothing names any more."""
    dvx(dialect_repo, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    return _forget(dialect_repo, tmp_path / "remote")


def _forget(repo: Path, remote: Path, count: int = _SMALL) -> Path:
    commit_all(repo)
    _data(repo, count)
    dvx(repo, "add", "data", "file")
    dvx(repo, "push")
    dvx(repo, "remove", "--outs", "data", "file")
    shutil.rmtree(repo / dialect_of(repo).folder / "cache")
    age(remote, 30)
    return repo


def _clone(repo: Path, name: str) -> Path:
    git(repo.parent, "clone", "--quiet", repo, name)
    return repo.parent / name


def _name_again(repo: Path, count: int = _SMALL) -> Path:
    """A colleague's clone in which the same data is added and pushed."""
    clone = _ready(repo, count)
    dvx(clone, "push")
    return clone


def _ready(repo: Path, count: int = _SMALL) -> Path:
    clone = _clone(repo, "colleague")
    _data(clone, count)
    dvx(clone, "add", "data", "file")
    commit_all(clone)
    return clone


def _is_whole(clone: Path) -> bool:
    pulled = _clone(clone, "third")
    done = run_dvx(pulled, "pull")
    shutil.rmtree(pulled / ".git")
    return done.code == 0 and (pulled / "data/0").read_text() == "0\n" and (pulled / "file").read_text() == "alone\n"


def test_what_a_push_relies_on_stays(forgotten: Path, tmp_path: Path):
    clone = _name_again(forgotten)
    (claim,) = _claims(tmp_path / "remote")
    assert len(claim.read_text().splitlines()) == 3  # a tree and a file: the files of the tree are in it

    dvx(forgotten, "gc", "-c", "-f")

    assert _is_whole(clone)


def test_without_the_claim_it_would_go(forgotten: Path, tmp_path: Path):
    clone = _name_again(forgotten)
    shutil.rmtree(tmp_path / "remote/claims")

    dvx(forgotten, "gc", "-c", "-f")

    assert not _is_whole(clone)


def test_files_of_a_folder_that_changed_stay_too(forgotten: Path, tmp_path: Path):
    clone = _clone(forgotten, "colleague")
    _data(clone)
    write(clone / "data/new", "new\n")
    dvx(clone, "add", "data", "file")
    dvx(clone, "push")
    commit_all(clone)
    (claim,) = _claims(tmp_path / "remote")
    assert len(claim.read_text().splitlines()) == 1 + _SMALL + 1

    dvx(forgotten, "gc", "-c", "-f")

    assert _is_whole(clone)


def test_packed_files_stay(native: Path, tmp_path: Path):
    dvx(native, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    _forget(native, tmp_path / "remote", 40)
    clone = _name_again(native, 40)

    for days in (0, 1, 1):
        dvx(native, "gc", "-c", "-f", "--grace", "2d")
        age(tmp_path / "remote/packs", 30)
        assert _is_whole(clone), days
        shutil.rmtree(tmp_path / "third")


def test_data_that_came_lately_is_not_claimed(dialect_repo: Path, tmp_path: Path):
    dvx(dialect_repo, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    _data(dialect_repo)
    dvx(dialect_repo, "add", "data", "file")
    dvx(dialect_repo, "push")
    dvx(dialect_repo, "push")
    assert _claims(tmp_path / "remote") == []


def test_a_fresh_claim_is_not_written_again(forgotten: Path, tmp_path: Path):
    clone = _name_again(forgotten)
    (claim,) = _claims(tmp_path / "remote")
    for path, days in ((claim, 0.5), (claim, 2)):
        os.utime(path, (time.time() - days * _DAY,) * 2)
        before = path.stat().st_mtime
        dvx(clone, "push")
        assert (_claims(tmp_path / "remote") == [claim], claim.stat().st_mtime > before) == (True, days > 1)


@pytest.mark.parametrize("grace", ["2h", "0"])
def test_a_short_grace_takes_nothing_that_a_push_just_relied_on(forgotten: Path, tmp_path: Path, grace: str):
    clone = _name_again(forgotten)
    age(tmp_path / "remote/claims", 0.5)
    dvx(clone, "push")
    dvx(forgotten, "gc", "-c", "-f", "--grace", grace)
    assert _is_whole(clone)


def test_when_a_tree_is_gone_its_files_are_claimed(forgotten: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A `gc` that has removed the tree before it sees the claim, and is about to remove the files."""
    write_claim = claims.write_claim

    def late(remote: Remote, digests: Iterable[Digest], waiting: Callable[[], None]) -> bool:
        for tree in (tmp_path / "remote/files").rglob("*.dir"):
            tree.unlink()
        return write_claim(remote, digests, waiting)

    monkeypatch.setattr(claims, "write_claim", late)
    _name_again(forgotten)
    named = {line for claim in _claims(tmp_path / "remote") for line in claim.read_text().splitlines()[1:]}
    assert len({line.partition(":")[2] for line in named}) == 1 + _SMALL + 1


def test_claims_end(forgotten: Path, tmp_path: Path):
    clone = _name_again(forgotten)
    age(tmp_path / "remote/claims", 14.5)
    dvx(forgotten, "gc", "-c", "-f")
    assert _is_whole(clone), "somebody may have relied on it when it was a day old"
    shutil.rmtree(tmp_path / "third")
    age(tmp_path / "remote/claims", 15.5)
    dvx(forgotten, "gc", "-c", "-f")
    assert not _is_whole(clone), "a claim counts no longer than a fresh object"
    assert len(_claims(tmp_path / "remote")) == 1

    age(tmp_path / "remote/claims", 29)
    dvx(forgotten, "gc", "-c", "-f")
    assert _claims(tmp_path / "remote") == []


def test_a_push_removes_claims_that_ended_long_ago(forgotten: Path, tmp_path: Path):
    remote = tmp_path / "remote"
    for letter, days in (("a", 40), ("b", 20), ("c", 1)):
        data = encode_claim([Digest("md5", letter * 32)])
        write(remote / claim_name(data), data)
        os.utime(remote / claim_name(data), (time.time() - days * _DAY,) * 2)
    _name_again(forgotten)
    assert len(_claims(remote)) == 3


def test_a_claim_that_nobody_can_read_stops_gc(forgotten: Path, tmp_path: Path):
    _name_again(forgotten)
    (claim,) = _claims(tmp_path / "remote")
    claim.chmod(0o644)
    claim.write_text("dvx-claim 1\n")
    done = run_dvx(forgotten, "gc", "-c", "-f")
    assert done.code != 0
    assert "what to keep at `store` cannot be known" in done.err


def test_what_is_gone_when_the_claim_is_there_is_sent_again(forgotten: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A `gc` that listed the claims before the push wrote its own."""
    write_claim = claims.write_claim

    def late(remote: Remote, digests: Iterable[Digest], waiting: Callable[[], None]) -> bool:
        monkeypatch.setattr(claims, "write_claim", write_claim)
        done = run_process(forgotten, "dvx", "gc", "-c", "-f")
        assert done.code == 0, done.err
        return write_claim(remote, digests, waiting)

    monkeypatch.setattr(claims, "write_claim", late)
    clone = _name_again(forgotten)
    assert _is_whole(clone)


def test_what_is_claimed_while_gc_removes_stays(forgotten: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A push between what `gc` planned and what it removes."""
    from dvx.ops.upkeep import gc_remote

    remove = gc_remote.remove
    clones: list[Path] = []

    def late(*arguments: object) -> object:
        clones.append(_name_again(forgotten))
        return remove(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(gc_remote, "remove", late)
    assert "removed" not in dvx(forgotten, "gc", "-c", "-f").err
    assert _is_whole(clones[0])


def test_what_came_back_while_gc_removes_stays(forgotten: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A push that finds nothing, since another `gc` was quicker, between the plan of this one and what it removes."""
    from dvx.ops.upkeep import gc_remote

    remove = gc_remote.remove
    clones: list[Path] = []

    def late(*arguments: object) -> object:
        shutil.rmtree(tmp_path / "remote")
        clones.append(_name_again(forgotten))
        return remove(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(gc_remote, "remove", late)
    dvx(forgotten, "gc", "-c", "-f")
    assert _is_whole(clones[0])


def test_fsck_knows_claims(forgotten: Path):
    clone = _name_again(forgotten)
    assert "0 findings" in dvx(clone, "fsck", "--remote", "store").err


def test_what_goes_straight_to_a_remote_is_claimed(forgotten: Path, tmp_path: Path):
    clone = _clone(forgotten, "colleague")
    _data(tmp_path / "outside")
    dvx(clone, "add", tmp_path / "outside/data", "-o", "data", "--to-remote")
    dvx(clone, "add", tmp_path / "outside/file", "-o", "file", "--to-remote")
    commit_all(clone)
    dvx(forgotten, "gc", "-c", "-f")
    assert _is_whole(clone)


def test_claims_on_s3(native: Path, s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch):
    """Nothing can be made old there, so a push takes everything for it, and seconds are days."""
    dvx(native, "remote", "add", "-d", "store", f"s3://{bucket}/x")
    for option, value in s3.options().items():
        dvx(native, "remote", "modify", "--local", "store", option, value)
    _data(native)
    dvx(native, "add", "data", "file")
    dvx(native, "push")
    stored = _listed(s3, bucket)
    time.sleep(4)
    for module in ("store.remotes.remote_objects", "ops.transfer.claims"):
        monkeypatch.setattr(f"dvx.{module}.FRESH_SECONDS", 0.0)
    for option, value in s3.options(reader=True).items():
        dvx(native, "remote", "modify", "--local", "store", option, value)
    assert "could not mark old data at `store` as in use" in dvx(native, "push").err
    for option, value in s3.options().items():
        dvx(native, "remote", "modify", "--local", "store", option, value)
    assert "could not" not in dvx(native, "push").err
    (claim,) = _listed(s3, bucket) - stored
    assert "/claims/" in claim
    dvx(native, "remove", "--outs", "data", "file")
    dvx(native, "gc", "-w", "-c", "-f", "--grace", "3s")
    assert _listed(s3, bucket) == {*stored, claim}
    time.sleep(4)
    dvx(native, "gc", "-w", "-c", "-f", "--grace", "3s")
    assert _listed(s3, bucket) == {claim}


def _listed(s3: S3Server, bucket: str) -> set[str]:
    return set(s3.files().find(bucket))


def test_a_push_waits_for_a_removal_that_is_announced(forgotten: Path, tmp_path: Path):
    """The announced `gc` has read the claims before the push wrote its own."""
    remote = open_remote("store", str(tmp_path / "remote"), {})
    with ThreadPoolExecutor(1) as pool:
        with removing(remote, lambda: None) as announced:
            pushing = pool.submit(run_process, _ready(forgotten), "dvx", "push")
            while all(claim.suffix == ".removing" for claim in _claims(tmp_path / "remote")):
                time.sleep(0.05)
            time.sleep(4)
            assert announced.holds()
            shutil.rmtree(tmp_path / "remote/files")
            assert not pushing.done()
        done = pushing.result()
    assert done.code == 0
    assert "waiting for another `gc` at the remote `store`" in done.err
    assert _is_whole(tmp_path / "colleague")


def test_one_removes_at_a_time(tmp_path: Path):
    at_work: list[int] = []

    def remove(number: int) -> None:
        with removing(open_remote("store", str(tmp_path), {}), lambda: None):
            at_work.append(number)
            assert at_work == [number]
            time.sleep(0.02)
            at_work.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(remove, range(12)))
    assert not list((tmp_path / "claims").iterdir())


def test_who_was_killed_while_removing_holds_nobody_up(forgotten: Path, tmp_path: Path):
    """A minute later, that is."""
    left = write(tmp_path / "remote/claims" / f"{'a' * 32}.removing", "")
    os.utime(left, (time.time() - 61,) * 2)
    begun = time.monotonic()
    _name_again(forgotten)
    dvx(forgotten, "gc", "-c", "-f", "--grace", "0")
    assert time.monotonic() - begun < 30


def test_what_goes_from_here_as_a_remote_has_it_is_claimed_there(dialect_repo: Path, tmp_path: Path):
    dvx(dialect_repo, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    commit_all(dialect_repo)
    _data(dialect_repo)
    dvx(dialect_repo, "add", "data", "file")
    dvx(dialect_repo, "push")
    age(tmp_path, 30)
    dvx(dialect_repo, "gc", "--not-in-remote", "-f")
    assert len(_claims(tmp_path / "remote")) == 1
    other = _clone(dialect_repo, "other")
    dvx(other, "trust", "--yes")
    dvx(other, "gc", "-c", "-f")
    for name in ("data", "file"):
        dvx(dialect_repo, "pull", name)


def test_what_a_remote_has_no_more_stays_here(dialect_repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dvx(dialect_repo, "remote", "add", "-d", "store", str(tmp_path / "remote"))
    commit_all(dialect_repo)
    _data(dialect_repo)
    dvx(dialect_repo, "add", "data", "file")
    dvx(dialect_repo, "push")
    age(tmp_path, 30)
    write_claim = claims.write_claim

    def late(remote: Remote, digests: Iterable[Digest], waiting: Callable[[], None]) -> bool:
        monkeypatch.setattr(claims, "write_claim", write_claim)
        shutil.rmtree(tmp_path / "remote/files")
        return write_claim(remote, digests, waiting)

    monkeypatch.setattr(claims, "write_claim", late)
    dvx(dialect_repo, "gc", "--not-in-remote", "-f")
    dvx(dialect_repo, "push")
    commit_all(dialect_repo)
    assert _is_whole(dialect_repo)
