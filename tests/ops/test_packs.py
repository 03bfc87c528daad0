"""Packs at real remotes: small objects travel together, and nothing is lost on the way."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dvx.model.digest import digest_bytes
from tests.helpers import Result, commit_all, dvx, git, run_dvx, run_process, tree, write
from tests.proxy import fault_proxy
from tests.servers import S3Server

COUNT = 60


@pytest.fixture
def shared(native: Path, tmp_path: Path) -> Path:
    """A repository of sixty small files, pushed to a folder."""
    dvx(native, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    for number in range(COUNT):
        write(native / f"data/{number % 3}/{number:02}", f"{number}" * 100)
    dvx(native, "add", "data")
    commit_all(native)
    dvx(native, "push")
    return native


def _remote(repo: Path) -> Path:
    return repo.parent / "remote"


def _files(repo: Path) -> list[str]:
    return sorted(tree(_remote(repo), skip=(".tmp",)))


def _pack(repo: Path, suffix: str = "pack") -> Path:
    (found,) = _remote(repo).glob(f"packs/*/*.{suffix}")
    return found


def _packs(repo: Path) -> list[Path]:
    return sorted(_remote(repo).glob("packs/*/*.pack"))


def _clone(repo: Path, name: str = "clone") -> Path:
    git(repo.parent, "clone", "--quiet", repo, name)
    return repo.parent / name


def _spoil(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def _age(place: Path, days: float = 30) -> None:
    for path in place.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - days * 86_400,) * 2)


def _data(repo: Path) -> dict[str, bytes]:
    return {str(path.relative_to(repo)): path.read_bytes() for path in (repo / "data").rglob("*") if path.is_file()}


def test_small_files_go_in_one_pack(shared: Path) -> None:
    kinds = [name.partition("/")[0] + name[name.rindex(".") :] for name in _files(shared)]

    assert kinds == ["files.dir", "packs.index", "packs.pack"]
    assert _pack(shared).stat().st_size == sum(len(data) for data in _data(shared).values())


def test_a_clone_pulls_what_was_packed(shared: Path) -> None:
    clone = _clone(shared)

    dvx(clone, "pull")

    assert _data(clone) == _data(shared)
    assert dvx(clone, "status").out == ""


def test_a_part_is_pulled_alone(shared: Path) -> None:
    clone = _clone(shared)

    dvx(clone, "pull", "data/1")

    assert len(_data(clone)) == COUNT // 3
    assert len(list((clone / ".dvx/cache/files").rglob("*/??/*"))) == COUNT // 3 + 1


def test_what_is_packed_is_not_pushed_again(shared: Path) -> None:
    before = _files(shared)

    assert "up to date" in dvx(shared, "push").err
    assert dvx(shared, "status", "--cloud", "--json").json == {}
    assert dvx(shared, "data", "status", "--not-in-remote", "--json").json == {}

    write(shared / "data/0/00", "changed")
    dvx(shared, "add", "data")
    dvx(shared, "push")
    assert len(_files(shared)) == len(before) + 2


def test_few_and_large_files_lie_alone(native: Path, tmp_path: Path) -> None:
    dvx(native, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    for number in range(3):
        write(native / f"few/{number}", f"{number}")
    for number in range(20):
        write(native / f"large/{number}", os.urandom(1 << 20))
    dvx(native, "add", "few", "large")

    dvx(native, "push")

    assert not any(name.startswith("packs/") for name in _files(native))


def test_packing_can_be_turned_off_and_packs_are_read_all_the_same(shared: Path) -> None:
    dvx(shared, "config", "core.pack", "false")
    for number in range(COUNT):
        write(shared / f"more/{number}", f"more {number}")
    dvx(shared, "add", "more")
    dvx(shared, "push")
    commit_all(shared)

    assert len(_files(shared)) == 3 + COUNT + 1
    clone = _clone(shared)
    dvx(clone, "pull")
    assert _data(clone) == _data(shared)


def test_the_dvc_dialect_never_packs(dvc_like: Path, tmp_path: Path) -> None:
    dvx(dvc_like, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    for number in range(COUNT):
        write(dvc_like / f"data/{number}", f"{number}")
    dvx(dvc_like, "add", "data")

    dvx(dvc_like, "push")

    assert not any(name.startswith("packs/") for name in _files(dvc_like))
    assert run_dvx(dvc_like, "config", "core.pack", "true").code == 251


def test_many_packs_are_made_of_much(native: Path, tmp_path: Path) -> None:
    dvx(native, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    chance = random.Random(1)
    for number in range(90):
        write(native / f"data/{number}", chance.randbytes(900_000))
    dvx(native, "add", "data")
    commit_all(native)

    dvx(native, "push")

    sizes = [path.stat().st_size for path in _remote(native).glob("packs/*/*.pack")]
    assert len(sizes) == 3
    assert max(sizes) <= 32 << 20
    clone = _clone(native)
    dvx(clone, "pull")
    assert _data(clone) == _data(native)


@pytest.mark.parametrize("lost", ["pack", "index"])
def test_a_lost_part_of_a_pack_is_pushed_again(shared: Path, lost: str) -> None:
    _pack(shared, lost).unlink()

    assert f"{COUNT} objects pushed" in dvx(shared, "push").err

    _is_mended(shared)


@pytest.mark.parametrize("harm", ["truncate", "extend", "empty"])
def test_a_pack_of_another_length_is_pushed_again(shared: Path, harm: str) -> None:
    data = _pack(shared).read_bytes()
    _spoil(_pack(shared), {"truncate": data[:-1], "extend": data + b"x", "empty": b""}[harm])

    pushed = dvx(shared, "push").err

    assert f"{COUNT} objects pushed" in pushed
    assert "dvx fsck --remote storage" in pushed
    _is_mended(shared)


def _is_mended(repo: Path) -> None:
    clone = _clone(repo)
    dvx(clone, "pull")
    assert _data(clone) == _data(repo)
    assert "up to date" in dvx(repo, "push").err
    dvx(repo, "fsck", "--remote", "storage")
    _age(_remote(repo))
    for _ in range(2):
        dvx(repo, "gc", "--workspace", "--cloud", "--force")
        _age(_remote(repo))
    assert [Path(name).suffix for name in _files(repo)] == [".dir", ".index", ".pack"]
    assert dvx(repo, "fsck", "--remote", "storage", "--json").json["findings"] == []


def test_a_wrong_index_is_never_believed(shared: Path) -> None:
    index = _pack(shared, "index")
    good = index.read_bytes()
    _spoil(index, good[:-1] + bytes([good[-1] ^ 1]))
    clone = _clone(shared)

    result = run_dvx(clone, "pull")

    assert result.code == 1
    assert "do not hash to its name" in result.err
    assert _data(clone) == {}
    dvx(shared, "push")
    dvx(clone, "pull")
    assert _data(clone) == _data(shared)
    assert index.read_bytes() != good


def _flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def test_wrong_bytes_in_a_pack_are_refused_and_the_rest_is_pulled(shared: Path) -> None:
    good = _pack(shared).read_bytes()
    _spoil(_pack(shared), _flip(good, 150))
    clone = _clone(shared)

    result = run_dvx(clone, "fetch", "--json")

    document = json.loads(result.out)
    assert (result.code, document["copied"]) == (4, COUNT)
    ((path, reason),) = document["failed"]
    assert path.startswith("data/")
    assert f"the object `xxh128:{digest_bytes((shared / path).read_bytes(), 'xxh128').hex}` holds bytes that hash to" in reason
    assert f"in the pack `{_pack(shared).stem}`" in reason


def test_a_good_copy_beside_a_wrong_pack_is_found(shared: Path) -> None:
    _spoil(_pack(shared), bytes(_pack(shared).stat().st_size))
    for data in _data(shared).values():
        write(_remote(shared) / digest_bytes(data, "xxh128").object_name, data)
    clone = _clone(shared)

    dvx(clone, "pull")

    assert _data(clone) == _data(shared)


@pytest.mark.parametrize("harm", [lambda data: b"", lambda data: data[:50], lambda data: bytes(len(data))])
def test_a_spoiled_copy_of_an_index_costs_only_a_request(shared: Path, harm: Callable[[bytes], bytes]) -> None:
    dvx(shared, "push")
    (kept,) = (shared / ".dvx/tmp/packs").glob("*/*/*")
    good = kept.read_bytes()
    kept.write_bytes(harm(good))

    assert "up to date" in dvx(shared, "push").err
    assert kept.read_bytes() == good


def test_the_copy_of_an_index_goes_with_its_pack(shared: Path, tmp_path: Path) -> None:
    """That of another remote stays."""
    dvx(shared, "remote", "add", "other", str(tmp_path / "other"))
    dvx(shared, "push", "-r", "other")
    for remote in ("other", "other", "", ""):
        dvx(shared, "push", *(("-r", remote) if remote else ()))
    kept = set((shared / ".dvx/tmp/packs").glob("*/*/*"))
    assert len(kept) == 2
    for path in (_pack(shared), _pack(shared).with_suffix(".index")):
        path.unlink()
    unfinished = [write(path.parent / f".{path.name}.{'0' * 16}.dvx.tmp", "by another process") for path in kept]

    dvx(shared, "push")

    left = set((shared / ".dvx/tmp/packs").glob("*/*/*"))
    assert len(left & kept) == 1
    assert all(path.exists() for path in unfinished)


def test_two_clones_push_at_once(shared: Path) -> None:
    first, second = _clone(shared, "first"), _clone(shared, "second")
    for repo in (first, second):
        dvx(repo, "pull")
        for number in range(30):
            write(repo / f"data/{repo.name}/{number}", f"{repo.name} {number}")
        dvx(repo, "add", "data")
        commit_all(repo)
    dvx(first, "push")
    dvx(second, "push")

    for repo in (first, second):
        fresh = _clone(repo, f"{repo.name}-fresh")
        dvx(fresh, "pull")
        assert _data(fresh) == _data(repo)


class TestGc:
    @pytest.fixture
    def dropped(self, shared: Path) -> Path:
        """Two thirds of the packed objects are needed no more, and old. The tree that named them is kept beside."""
        (named,) = (shared / ".dvx/cache").rglob("*.dir")
        shutil.copytree(named.parent, shared.parent / "tree" / named.parent.name)
        shutil.rmtree(shared / "data/1")
        shutil.rmtree(shared / "data/2")
        dvx(shared, "add", "data")
        dvx(shared, "push")
        commit_all(shared)
        _age(_remote(shared))
        _age(shared / ".dvx/cache")
        return shared

    def _bring_back(self, repo: Path) -> None:
        """Somebody else pushes the tree that names all of the pack's objects."""
        shutil.copytree(repo.parent / "tree", _remote(repo) / "files/xxh128", dirs_exist_ok=True)

    def _gc(self, repo: Path, *more: str) -> dict[str, Any]:
        done: Result = dvx(repo, "gc", "--workspace", "--cloud", "--force", "--json", *more)
        remote: dict[str, Any] = done.json["remotes"]["storage"]
        return remote

    def test_a_pack_goes_when_what_replaced_it_is_old(self, dropped: Path) -> None:
        old = _pack(dropped).name.removesuffix(".pack")

        first = self._gc(dropped)
        assert first["packs"] == [{"pack": old, "size": 100 * 10 + 200 * 50, "repacked": 20, "final": False}]
        assert len(_packs(dropped)) == 2

        assert "packs" not in self._gc(dropped), "what replaced it is young"

        _age(_remote(dropped))
        assert self._gc(dropped)["packs"] == [{"pack": old, "size": 100 * 10 + 200 * 50, "repacked": 0, "final": True}]
        assert len(_packs(dropped)) == 1
        assert not any(old in name for name in _files(dropped))
        clone = _clone(dropped)
        dvx(clone, "pull")
        assert _data(clone) == _data(dropped)
        assert len(_data(clone)) == 20

    def test_what_is_needed_again_is_saved_from_a_pack_that_is_to_go(self, dropped: Path) -> None:
        self._gc(dropped)
        _age(_remote(dropped))
        git(dropped, "checkout", "--quiet", "HEAD~1")
        self._bring_back(dropped)
        dvx(dropped, "fetch")

        self._gc(dropped)
        _age(_remote(dropped))
        self._gc(dropped)

        assert len(_packs(dropped)) == 1
        clone = _clone(dropped)
        dvx(clone, "pull")
        assert len(_data(clone)) == COUNT

    def test_a_push_may_rely_on_a_pack_that_is_to_go(self, dropped: Path) -> None:
        self._gc(dropped)
        colleague = _clone(dropped, "colleague")
        dvx(colleague, "pull")
        write(colleague / "data/0/extra", "1" * 100)  # what data/1/01 held
        dvx(colleague, "add", "data")
        dvx(colleague, "push")
        commit_all(colleague)

        for _ in range(3):
            _age(_remote(dropped) / "packs")
            self._gc(dropped)

        third = _clone(colleague, "third")
        dvx(third, "pull")
        assert _data(third) == _data(colleague)

    def test_the_same_objects_pushed_again_stay(self, shared: Path) -> None:
        colleague = _clone(shared, "colleague")
        dvx(colleague, "pull")
        dvx(shared, "remove", "data.dvx")
        commit_all(shared)
        _age(_remote(shared))
        _age(shared / ".dvx/cache")
        assert [pack["final"] for pack in self._gc(shared)["packs"]] == [True]

        dvx(colleague, "push")
        assert "packs" not in self._gc(shared)

        third = _clone(colleague, "third")
        dvx(third, "pull")
        assert len(_data(third)) == COUNT

    def test_of_two_packs_of_the_same_objects_one_goes(self, shared: Path) -> None:
        first = _pack(shared).rename(_remote(shared) / "first.pack")
        dvx(shared, "push")
        (index,) = (path for path in _remote(shared).glob("packs/*/*.index") if not path.with_suffix(".pack").exists())
        first.rename(index.with_suffix(".pack"))
        assert len(_packs(shared)) == 2

        assert "packs" not in self._gc(shared), "they are young"
        _age(_remote(shared))
        assert [pack["final"] for pack in self._gc(shared)["packs"]] == [True]
        clone = _clone(shared)
        dvx(clone, "pull")
        assert _data(clone) == _data(shared)

    def test_what_is_claimed_while_packs_go_stays(self, dropped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A push that relies on an old pack, after `gc` has planned to remove it."""
        from dvx.ops.upkeep import gc_remote

        remove = gc_remote.remove
        colleague = _clone(dropped, "colleague")
        git(colleague, "checkout", "--quiet", "HEAD~1")
        dvx(dropped, "remove", "data.dvx")
        commit_all(dropped)
        shutil.copytree(dropped / ".dvx/cache", colleague / ".dvx/cache", dirs_exist_ok=True)

        def late(*arguments: object) -> object:
            done = run_process(colleague, "dvx", "push")
            assert done.code == 0, done.err
            return remove(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(gc_remote, "remove", late)
        assert "packs" not in self._gc(dropped)

        third = _clone(colleague, "third")
        dvx(third, "pull")
        assert len(_data(third)) == COUNT

    @pytest.mark.parametrize("half", ["pack", "index"])
    def test_half_a_pack_is_told_and_removed(self, shared: Path, half: str) -> None:
        whole = _files(shared)
        other = _pack(shared, half).with_name(f"{'0' * 32}.{half}")
        shutil.copy2(_pack(shared, half), other)
        stranger = write(other.with_name("README.pack"), "not dvx's")

        (found,) = dvx(shared, "fsck", "--remote", "storage", "--json").json["findings"]
        assert (found["flaw"], found["subject"]) == ("left over", f"half of a pack: packs/xxh128/{other.name}")
        assert "packs" not in self._gc(shared, "--grace", "0"), "somebody may be writing the other half"
        _age(_remote(shared), 2)
        assert "packs" not in self._gc(shared), "it is no older than the grace"
        _age(_remote(shared))

        (fate,) = self._gc(shared)["packs"]

        assert (fate["pack"], fate["final"]) == (other.name, True)
        assert _files(shared) == sorted([*whole, f"packs/xxh128/{stranger.name}"])

    def test_packs_of_earlier_versions_are_read_and_their_marks_mean_nothing(self, shared: Path) -> None:
        """They have no salt, so that the same objects had the same name."""
        index, pack = _pack(shared, "index"), _pack(shared)
        records = index.read_bytes().partition(b"\n")[2]
        earlier = f"dvx-pack 1 xxh128 {COUNT}\n".encode() + records
        name = digest_bytes(earlier, "xxh128").hex
        write(index.with_name(f"{name}.index"), earlier)
        pack.rename(pack.with_name(f"{name}.pack"))
        index.unlink()
        mark = write(index.with_name(f"{name}.condemned"), "")
        _age(_remote(shared))

        assert "up to date" in dvx(shared, "push").err
        clone = _clone(shared)
        dvx(clone, "pull")
        assert _data(clone) == _data(shared)
        (fate,) = self._gc(shared)["packs"]
        assert fate["pack"] == mark.name
        assert not mark.exists()
        assert dvx(shared, "fsck", "--remote", "storage", "--json").json["findings"] == []
        assert _pack(shared).stem == name

    def test_a_pack_that_is_mostly_needed_stays(self, shared: Path) -> None:
        (shared / "data/0/00").unlink()
        dvx(shared, "add", "data")
        _age(_remote(shared))

        assert "packs" not in self._gc(shared)

    def test_a_young_pack_stays(self, shared: Path) -> None:
        shutil.rmtree(shared / "data/1")
        shutil.rmtree(shared / "data/2")
        dvx(shared, "add", "data")

        assert "packs" not in self._gc(shared)

    def test_a_dry_run_says_what_would_be_done(self, dropped: Path) -> None:
        before = _files(dropped)

        done = dvx(dropped, "gc", "--workspace", "--cloud", "--dry")

        assert "to go later: 40 of its objects are not needed, 20 packed anew" in done.out
        assert _files(dropped) == before

    def test_an_empty_listing_is_not_believed(self, native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from dvx.store.remotes.folder import FolderRemote

        dvx(native, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
        write(native / "a", "a")
        dvx(native, "add", "a")
        dvx(native, "push")
        monkeypatch.setattr(FolderRemote, "names", lambda *_: iter(()))

        result = run_dvx(native, "gc", "--workspace", "--cloud", "--force")

        assert result.code == 1
        assert "lists nothing, although it has" in result.err


class TestFsck:
    def _fsck(self, repo: Path, *more: str) -> tuple[int, Any]:
        done = run_dvx(repo, "fsck", "--remote", "storage", "--json", *more)
        return done.code, done.json

    def test_a_sound_pack_has_no_findings(self, shared: Path) -> None:
        code, report = self._fsck(shared)

        assert (code, report["findings"]) == (0, [])
        assert report["objects"] == 2 * (COUNT + 1)

    def test_random_harm_is_found_and_healed(self, shared: Path) -> None:
        good = _pack(shared).read_bytes()
        chance = random.Random(3)
        spoiled = bytearray(good)
        for position in chance.sample(range(len(good)), 20):
            spoiled[position] ^= 1 << chance.randrange(8)
        _spoil(_pack(shared), bytes(spoiled))

        code, report = self._fsck(shared, "--no-heal")
        assert code == 1
        assert 1 < len(report["findings"]) <= 20
        assert _pack(shared).read_bytes() == spoiled

        code, healed = self._fsck(shared)
        assert code == 0
        assert {one["healed"] for one in healed["findings"]} == {"the cache"}
        assert len(healed["findings"]) == len(report["findings"])
        assert _pack(shared).read_bytes() == good
        assert self._fsck(shared)[1]["findings"] == []

    def test_what_cannot_be_healed_is_left_out(self, shared: Path) -> None:
        good = _pack(shared).read_bytes()
        _spoil(_pack(shared), _flip(good, 0))
        shutil.rmtree(shared / "data")
        for path in (shared / ".dvx/cache/files").rglob("*/??/*"):
            if path.suffix != ".dir":
                path.unlink()

        code, report = self._fsck(shared)

        assert code == 1
        wrong = [one for one in report["findings"] if one["flaw"] == "wrong bytes"]
        assert [one["healed"] for one in wrong] == [""]
        assert Path(wrong[0]["aside"]).read_bytes() == _flip(good, 0)
        assert "is neither in the cache nor at the remote" in run_dvx(shared, "fetch").err
        assert len(list((shared / ".dvx/cache/files").rglob("*/??/*"))) == COUNT

    @pytest.mark.parametrize("harm", ["truncate", "extend", "lose"])
    def test_a_pack_of_another_length_is_mended(self, shared: Path, harm: str) -> None:
        good = _pack(shared).read_bytes()
        _spoil(_pack(shared), {"truncate": good[:-300], "extend": good + b"more", "lose": b""}[harm])

        self._fsck(shared)

        assert _pack(shared).read_bytes() == good
        assert self._fsck(shared)[1]["findings"] == []

    def test_a_wrong_index_is_put_aside(self, shared: Path) -> None:
        _spoil(_pack(shared, "index"), b"nonsense")

        _, report = self._fsck(shared)

        (found,) = (one for one in report["findings"] if "do not hash to its name" in one["subject"])
        assert not list(_remote(shared).glob("packs/*/*.index"))
        assert Path(found["aside"]).read_bytes() == b"nonsense"
        clone = _clone(shared)
        dvx(clone, "pull")
        assert _data(clone) == _data(shared)


@pytest.mark.s3
def test_packs_on_s3(native: Path, s3: S3Server, bucket: str) -> None:
    dvx(native, "remote", "add", "--default", "storage", f"s3://{bucket}/x")
    for option, value in s3.options().items():
        dvx(native, "remote", "modify", "--local", "storage", option, value)
    for number in range(COUNT):
        write(native / f"data/{number}", f"{number}" * 1000)
    dvx(native, "add", "data")
    commit_all(native)

    dvx(native, "push")
    assert "up to date" in dvx(native, "push").err
    assert sorted(Path(name).suffix for name in s3.files().find(f"{bucket}/x")) == [".dir", ".index", ".pack"]

    clone = _clone(native)
    for option, value in s3.options().items():
        dvx(clone, "remote", "modify", "--local", "storage", option, value)
    dvx(clone, "pull")
    assert _data(clone) == _data(native)
    assert dvx(native, "fsck", "--remote", "storage", "--json").json["findings"] == []


@pytest.mark.s3
def test_the_packs_are_listed_once_however_many_objects_are_healed(native: Path, s3: S3Server, bucket: str) -> None:
    with fault_proxy(s3.endpoint) as proxy:
        dvx(native, "remote", "add", "--default", "storage", f"s3://{bucket}/x")
        for option, value in (s3.options() | {"endpointurl": f"http://127.0.0.1:{proxy.port}"}).items():
            dvx(native, "remote", "modify", "--local", "storage", option, value)
        for number in range(COUNT):
            write(native / f"data/{number}", f"{number}" * 1000)
        dvx(native, "add", "data")
        dvx(native, "push")
        lone = digest_bytes(b"7" * 1000, "xxh128").object_name
        s3.files().pipe_file(f"{bucket}/x/{lone}", b"7" * 1000)
        shutil.rmtree(native / "data")
        damaged = [path for path in (native / ".dvx/cache/files").rglob("*/??/*") if path.suffix != ".dir"]
        for path in damaged:
            _spoil(path, b"rot")
        proxy.requests.clear()

        report = dvx(native, "fsck", "--json").json

    assert {one["healed"] for one in report["findings"]} == {"the remote `storage`"}
    assert len(report["findings"]) == len(damaged) == COUNT
    assert sum("packs" in line and "list-type" in line for line in proxy.requests) == 1
    assert len(proxy.requests) < 10
    assert all(len(path.read_bytes()) >= 1000 for path in damaged)
