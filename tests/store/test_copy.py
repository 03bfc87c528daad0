"""Transfers between the cache and remotes: verified, ordered, resumable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from dvx.errors import DvxError, RemoteError
from dvx.model.digest import Digest
from dvx.model.events import Event, Transferred, silent
from dvx.model.transfer.plan import Need, TransferPlan
from dvx.store.cache import Cache
from dvx.store.remotes import copy
from dvx.store.remotes.remote import Remote, open_remote
from dvx.store.verify import Check
from tests.helpers import tree
from tests.servers import S3Server


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


@pytest.fixture(params=["folder", "s3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    if request.param == "folder":
        return open_remote("storage", str(tmp_path / "remote"), {})
    s3: S3Server = request.getfixturevalue("s3")
    return open_remote("storage", f"s3://{request.getfixturevalue('bucket')}/x", s3.options())


def _digest(data: bytes, suffix: str = "") -> Digest:
    return Digest("md5", hashlib.md5(data).hexdigest() + suffix)


def _need(data: bytes, path: str = "", suffix: str = "") -> Need:
    return Need(_digest(data, suffix), path or data.decode(), len(data))


def _put(cache: Cache, *contents: bytes, suffix: str = "") -> None:
    for data in contents:
        cache.put(data, _digest(data, suffix))
    cache.barrier()


def _seed(remote: Remote, folder: Path, *contents: bytes) -> None:
    for data in contents:
        path = folder / f"seed-{_digest(data).hex}"
        path.write_bytes(data)
        remote.upload(str(path), _digest(data).object_name)
    remote.flush()


def _spoil(cache: Cache, data: bytes, spoiled: bytes) -> None:
    path = Path(cache.path(_digest(data)))
    path.chmod(0o644)
    path.write_bytes(spoiled)


def test_files_are_uploaded_then_trees(cache: Cache, remote: Remote) -> None:
    listing = json.dumps([{"md5": _digest(b"one").hex, "relpath": "a"}]).encode()
    _put(cache, b"one", b"two")
    _put(cache, listing, suffix=".dir")
    plan = TransferPlan(
        files=(_need(b"one"), _need(b"two")),
        trees=(_need(listing, "data", ".dir"),),
        children={_digest(listing, ".dir"): (_digest(b"one"),)},
    )

    result = copy.upload(cache, remote, plan, silent)

    assert (result.copied, result.bytes, result.complete) == (3, 6 + len(listing), True)
    assert remote.read(_digest(listing, ".dir").object_name) == listing
    assert remote.read(_digest(b"two").object_name) == b"two"


def test_a_corrupt_object_is_put_aside_and_its_tree_stays_behind(cache: Cache, remote: Remote) -> None:
    _put(cache, b"one", b"two")
    _put(cache, b"[]", suffix=".dir")
    _spoil(cache, b"one", b"0ne")
    plan = TransferPlan(
        files=(_need(b"one", "data/one"), _need(b"two", "data/two")),
        trees=(_need(b"[]", "data", ".dir"),),
        children={_digest(b"[]", ".dir"): (_digest(b"one"), _digest(b"two"))},
    )

    result = copy.upload(cache, remote, plan, silent)

    [(path, reason)] = result.failed
    assert path == "data/one"
    assert _digest(b"one").hex in reason
    assert _digest(b"0ne").hex in reason
    assert (result.copied, result.withheld) == (1, ("data",))
    assert list(remote.names("")) == [_digest(b"two").object_name]
    assert not cache.has(_digest(b"one"))
    assert tree(Path(cache.root) / "quarantine") == {f"md5/{_digest(b'one').hex}": b"0ne"}


def test_an_object_that_left_the_cache_is_missing(cache: Cache, remote: Remote) -> None:
    _put(cache, b"two")

    result = copy.upload(cache, remote, TransferPlan(files=(_need(b"one"), _need(b"two"))), silent)

    assert (result.copied, result.missing, result.failed) == (1, ("one",), ())


def test_what_a_plan_knows_to_be_missing_is_in_the_result(cache: Cache, remote: Remote) -> None:
    plan = TransferPlan(missing=(_need(b"one"),), withheld=(_need(b"[]", "data", ".dir"),))

    result = copy.upload(cache, remote, plan, silent)

    assert (result.missing, result.withheld, result.complete) == (("one",), ("data",), False)


def test_objects_are_downloaded_into_the_cache(cache: Cache, remote: Remote, tmp_path: Path) -> None:
    _seed(remote, tmp_path, b"one", b"two")

    result = copy.download(cache, remote, TransferPlan(files=(_need(b"one"), _need(b"two"))), {}, silent)

    assert (result.copied, result.bytes, result.complete) == (2, 6, True)
    assert cache.read(_digest(b"one")) == b"one"
    assert Path(cache.path(_digest(b"one"))).stat().st_mode & 0o777 == 0o444
    assert [path for path in (Path(cache.root) / "tmp").rglob("*") if path.is_file()] == []


def test_trees_that_were_read_already_are_not_read_again(cache: Cache, remote: Remote) -> None:
    plan = TransferPlan(trees=(_need(b"[]", "data", ".dir"),))

    result = copy.download(cache, remote, plan, {_digest(b"[]", ".dir"): b"[]"}, silent)

    assert result.complete
    assert cache.read(_digest(b"[]", ".dir")) == b"[]"


@pytest.mark.parametrize("spoiled", [b"onf", b"on", b"one!", b"", b"two"])
def test_spoiled_objects_get_no_name(cache: Cache, remote: Remote, tmp_path: Path, spoiled: bytes) -> None:
    _seed(remote, tmp_path, b"good")
    (tmp_path / "spoiled").write_bytes(spoiled)
    remote.upload(str(tmp_path / "spoiled"), _digest(b"one").object_name)
    remote.flush()

    result = copy.download(cache, remote, TransferPlan(files=(_need(b"one"), _need(b"good"))), {}, silent)

    [(path, reason)] = result.failed
    assert path == "one"
    assert _digest(b"one").hex in reason
    assert _digest(spoiled).hex in reason
    assert reason.endswith(f"they were put aside as `{cache.aside('storage', _digest(b'one'))}`")
    assert Path(cache.aside("storage", _digest(b"one"))).read_bytes() == spoiled
    assert not cache.has(_digest(b"one"))
    assert cache.read(_digest(b"good")) == b"good"
    assert [path for path in (Path(cache.root) / "tmp").rglob("*") if path.is_file()] == []


def test_what_the_remote_lacks_is_missing(cache: Cache, remote: Remote, tmp_path: Path) -> None:
    _seed(remote, tmp_path, b"two")

    result = copy.download(cache, remote, TransferPlan(files=(_need(b"one"), _need(b"two"))), {}, silent)

    assert (result.copied, result.missing) == (1, ("one",))


def test_progress_counts_bytes_where_sizes_are_known(cache: Cache, remote: Remote) -> None:
    _put(cache, b"one", b"three")
    told: list[Event] = []

    copy.upload(cache, remote, TransferPlan(files=(_need(b"one"), _need(b"three"))), told.append)

    assert told[-1] == Transferred("push", 2, 8, 2, 8)


def test_progress_counts_objects_elsewhere(cache: Cache, remote: Remote) -> None:
    _put(cache, b"one", b"three")
    told: list[Event] = []

    copy.upload(cache, remote, TransferPlan(files=(_need(b"one"), Need(_digest(b"three"), "three"))), told.append)

    assert told[-1] == Transferred("push", 2, 8, 2, None)


class _Faulty:
    """A remote that fails from the `good`th object on."""

    name = "storage"
    url = "faulty://"
    jobs = 1

    def __init__(self, good: int) -> None:
        self.good = good
        self.tried = 0

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        return {}

    def missing(self, names: Collection[str]) -> set[str]:
        return set(names)

    def names(self, prefix: str) -> Iterator[str]:
        return iter(())

    def upload(self, local: str, name: str, check: Check | None = None) -> None:
        self.tried += 1
        if self.tried > self.good:
            raise RemoteError("the remote `storage` cannot be reached")

    def download(self, name: str, local: str, check: Check | None = None) -> None:
        raise NotImplementedError

    def read(self, name: str) -> bytes:
        raise NotImplementedError

    def flush(self) -> None:
        pass

    def discard(self) -> None:
        pass


def test_a_remote_that_takes_nothing_is_one_error(cache: Cache) -> None:
    contents = [str(number).encode() for number in range(100)]
    _put(cache, *contents)
    remote = _Faulty(good=0)

    with pytest.raises(RemoteError, match="cannot be reached"):
        copy.upload(cache, remote, TransferPlan(files=tuple(map(_need, contents))), silent)

    assert remote.tried == 8


def test_a_remote_that_dies_is_not_asked_for_ever(cache: Cache) -> None:
    contents = [str(number).encode() for number in range(100)]
    _put(cache, *contents)
    remote = _Faulty(good=20)

    result = copy.upload(cache, remote, TransferPlan(files=tuple(map(_need, contents))), silent)

    assert (result.copied, len(result.failed), remote.tried) == (20, 80, 28)
    assert result.failed[-1] == ("99", "not tried: the remote failed too often")


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    remote = open_remote("storage", str(tmp_path / "remote"), {})
    _seed(remote, tmp_path, b"one")
    (tmp_path / "cache").write_text("a file where the cache should be")

    with pytest.raises(DvxError, match=r"the cache cannot be written: .*/cache"):
        copy.download(Cache(str(tmp_path / "cache")), remote, TransferPlan(files=(_need(b"one"),)), {}, silent)
