"""Copies objects between the cache and a remote: in parallel, verified, resumable.

What arrived is given its name every few seconds, so that a transfer that is cut off goes on where it was.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, wait

from dvx.errors import Corrupted, DvxError, MissingData, RemoteError
from dvx.model.digest import Digest
from dvx.model.events import Interrupted, Tell, Transferred
from dvx.model.transfer.plan import Need, TransferPlan, TransferResult
from dvx.store.cache import Cache
from dvx.store.remotes import partial
from dvx.store.remotes.crowd import Crowd
from dvx.store.remotes.remote import Readable, Writable
from dvx.store.verify import Check

_SETTLE_SECONDS = 5.0
_GIVE_UP_AFTER = 8
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
Moved = Callable[[int], None]


def upload(cache: Cache, remote: Writable, plan: TransferPlan, tell: Tell) -> TransferResult:
    """Copy what a plan says from the cache to a remote. A tree follows only when all its files are confirmed.

    A cached object whose bytes are wrong is put in quarantine and reported; it is never uploaded.

    Raises:
        RemoteError: the remote took nothing at all.
    """

    def send(need: Need, moved: Moved) -> None:
        try:
            remote.upload(cache.path(need.digest), need.digest.object_name, Check(need.digest, None, moved))
        except FileNotFoundError:
            raise MissingData(f"the object `{need.digest}` left the cache") from None
        except Corrupted as error:
            cache.quarantine(need.digest)
            raise Corrupted(f"{error.message}; it was put aside") from None

    crew = _Crew("push", plan, remote.flush, tell)
    try:
        crew.work(plan.files, send, remote.jobs)
        held = [need for need in plan.trees if not crew.lacking.isdisjoint(plan.children.get(need.digest, ()))]
        skip = {need.digest for need in held}
        crew.work([need for need in plan.trees if need.digest not in skip], send, remote.jobs)
    except BaseException:
        remote.discard()
        raise
    return crew.result((*plan.withheld, *held))


def upload_from(places: Mapping[Digest, str], remote: Writable, plan: TransferPlan, tell: Tell) -> TransferResult:
    """Like `upload`, from files that are in no cache: `places` says where the bytes of each object are now."""

    def send(need: Need, moved: Moved) -> None:
        remote.upload(places[need.digest], need.digest.object_name, Check(need.digest, None, moved))

    crew = _Crew("push", plan, remote.flush, tell)
    try:
        crew.work(plan.files, send, remote.jobs)
        held = plan.trees if crew.lacking else ()
        crew.work([] if held else plan.trees, send, remote.jobs)
    except BaseException:
        remote.discard()
        raise
    return crew.result(held)


def download(cache: Cache, remote: Readable, plan: TransferPlan, known: Mapping[Digest, bytes], tell: Tell) -> TransferResult:
    """Copy what a plan says from a remote to the cache. `known` are objects that were read, and verified, before.

    Raises:
        RemoteError: the remote gave nothing at all.
        DvxError: the cache cannot be written.
    """

    def receive(need: Need, moved: Moved) -> None:
        data = known.get(need.digest)
        if data is not None:
            cache.put(data, need.digest)
            return moved(len(data))
        return partial.fetch(cache, remote, need, moved)

    crew = _Crew("fetch", plan, cache.barrier, tell)
    try:
        partial.sweep(cache)
        crew.work((*plan.trees, *plan.files), receive, remote.jobs)
    except OSError as error:
        hint = "free some space" if error.errno in _NO_SPACE else "check the disk, its permissions and limits"
        raise DvxError(
            f"the cache cannot be written: {error.strerror}: `{error.filename or cache.root}`",
            f"{hint}, then run the command again: it goes on where it was",
        ) from error
    return crew.result(plan.withheld)


class _Crew:
    """Workers on one plan, and the count of what they did."""

    def __init__(self, task: str, plan: TransferPlan, settle: Callable[[], None], tell: Tell) -> None:
        self.lacking: set[Digest] = {need.digest for need in plan.missing}
        self._task = task
        self._settle = settle
        self._tell = tell
        self._total_objects, self._total_bytes = plan.count, plan.bytes if plan.is_sized else None
        self._missing = [need.path for need in plan.missing]
        self._failed: list[tuple[str, str]] = []
        self._first: RemoteError | None = None
        self._row = 0
        self._copied = 0
        self._bytes = 0
        self._stopped = False
        self._guard = threading.Lock()

    def work(self, needs: Sequence[Need], copy: Callable[[Need, Moved], None], jobs: int) -> None:
        """Copy all `needs`, `jobs` at once. What went wrong with one of them is noted, and the others go on."""
        queue = iter(needs)
        if not needs:
            return
        pool = Crowd(jobs)
        workers = {pool.submit(self._drain, queue, copy) for _ in range(min(jobs, len(needs)))}
        try:
            while workers:
                done, workers = wait(workers, timeout=_SETTLE_SECONDS, return_when=FIRST_EXCEPTION)
                for worker in done:
                    worker.result()
                self._settle()
        except BaseException as error:
            # nobody is waited for: a worker may hang in the network for as long as that lets it
            self._stopped = True
            if isinstance(error, KeyboardInterrupt):
                self._settle()
                self._tell(Interrupted(self._task, self._copied, self._bytes))
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def result(self, withheld: Iterable[Need]) -> TransferResult:
        """What was done; raises RemoteError when that is nothing, for reasons of the remote."""
        if self._first is not None and not self._copied:
            raise self._first
        held = tuple(need.path for need in withheld)
        return TransferResult(self._copied, self._bytes, tuple(self._failed), tuple(self._missing), held)

    def _drain(self, queue: Iterator[Need], copy: Callable[[Need, Moved], None]) -> None:
        while True:
            with self._guard:
                need = next(queue, None)
            if need is None or self._stopped:
                return
            if self._row >= _GIVE_UP_AFTER:
                self._note(need, RemoteError("not tried: the remote failed too often"))
                continue
            try:
                copy(need, self._moved)
            except (RemoteError, Corrupted, MissingData) as error:
                self._note(need, error)
            else:
                self._count()

    def _moved(self, count: int) -> None:
        if self._stopped:
            raise CancelledError
        with self._guard:
            self._bytes += count
            self._show()

    def _count(self) -> None:
        with self._guard:
            self._row = 0
            self._copied += 1
            self._show()

    def _show(self) -> None:
        self._tell(Transferred(self._task, self._copied, self._bytes, self._total_objects, self._total_bytes))

    def _note(self, need: Need, error: DvxError) -> None:
        with self._guard:
            self.lacking.add(need.digest)
            if isinstance(error, MissingData):
                self._missing.append(need.path)
                return
            self._failed.append((need.path, error.message))
            if isinstance(error, RemoteError):
                self._row += 1
                self._first = self._first or error
