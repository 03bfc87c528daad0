"""Copies small objects between the cache and the packs of a remote. What is wrong is left to the copying one by one."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from msgspec import Struct

from dvx.errors import Corrupted, RemoteError
from dvx.model.digest import Digest
from dvx.model.events import Tell, Transferred
from dvx.model.transfer.pack import pack_groups
from dvx.model.transfer.plan import Need
from dvx.store import files
from dvx.store.cache import Cache
from dvx.store.remotes.crowd import Crowd
from dvx.store.remotes.packs import Packs, read_packed
from dvx.store.remotes.remote_objects import RemoteObjects
from dvx.store.verify import Check

# a pack is composed in memory: these are all that is there at once
_WRITERS, _READERS = 3, 8


class Packing(Struct, frozen=True):
    """What was copied, of `bytes` in all; what is wrong in its pack, and what the remote did not take, with the reasons.

    `failure` is the first error of the remote.
    """

    done: frozenset[Digest] = frozenset()
    bytes: int = 0
    wrong: dict[Digest, str] = {}
    refused: dict[Digest, str] = {}
    failure: RemoteError | None = None


def upload(cache: Cache, objects: RemoteObjects, needs: Sequence[Need], tell: Tell) -> Packing:
    """Copy small objects to the remote in packs. Wrong or lost ones are left out; after a failure, no more are tried."""
    packs = objects.packs
    if packs is None or not objects.packing:
        return Packing()
    groups = list(pack_groups(((need.digest, need.size or 0), need.size or 0) for need in needs))
    sizes = [size for group in groups for _, size in group]
    count = _Count("push", len(sizes), sum(sizes), tell)
    done: set[Digest] = set()
    refused: dict[Digest, str] = {}
    failure: RemoteError | None = None
    pool = Crowd(min(_WRITERS, objects.remote.jobs))
    try:
        work = [pool.submit(_write, cache, packs, count, [digest for digest, _ in group]) for group in groups]
        for group, each in zip(groups, work, strict=True):
            try:
                if failure is None or not each.cancel():
                    done |= each.result()
                    continue
                reason = "not tried: the remote failed before"
            except RemoteError as error:
                failure, reason = failure or error, error.message
            refused |= {digest: reason for digest, _ in group}
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        objects.remote.discard()
        raise
    pool.shutdown()
    if failure is not None:
        objects.remote.discard()
    return Packing(frozenset(done), count.bytes, {}, refused, failure)


def download(cache: Cache, objects: RemoteObjects, needs: Sequence[Need], tell: Tell) -> Packing:
    """Copy the objects that are in packs to the cache.

    Raises:
        RemoteError: the remote failed.
        OSError: the cache cannot be written.
    """
    packs = objects.packs
    found = packs.locate([need.digest for need in needs], tell) if packs is not None and needs else {}
    if packs is None or not found:
        return Packing()
    count = _Count("fetch", len(found), sum(place.size for _, place in found.values()), tell)
    done: set[Digest] = set()

    def take(digest: Digest, data: bytes) -> None:
        cache.put(data, digest)
        done.add(digest)
        count.add(1, len(data))

    wrong = read_packed(packs, found, min(_READERS, objects.remote.jobs), take)
    cache.barrier()
    return Packing(frozenset(done), count.bytes, wrong)


class _Count:
    """What was copied, told as it comes; threads share it."""

    def __init__(self, task: str, objects: int, size: int, tell: Tell) -> None:
        self.objects = 0
        self.bytes = 0
        self._task, self._total_objects, self._total_bytes, self._tell = task, objects, size, tell
        self._guard = Lock()

    def add(self, objects: int, size: int) -> None:
        with self._guard:
            self.objects += objects
            self.bytes += size
            self._tell(Transferred(self._task, self.objects, self.bytes, self._total_objects, self._total_bytes))


def _write(cache: Cache, packs: Packs, count: _Count, digests: Sequence[Digest]) -> set[Digest]:
    found = [(digest, data) for digest in digests if (data := _verified(cache, digest)) is not None]
    if found:
        packs.write(found)
        count.add(len(found), sum(len(data) for _, data in found))
    return {digest for digest, _ in found}


def _verified(cache: Cache, digest: Digest) -> bytes | None:
    try:
        data = files.read(cache.path(digest))
        check = Check(digest)
        check.feed(data)
        check.finish()
    except (OSError, Corrupted):
        return None
    return data
