"""Work in threads that nobody waits for when Ctrl-C comes: one of them may hang in a network for as long as that lets it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
_STACK = 2 << 20
# the C library reserves 64 MB for each thread that asks for memory, and a job may have a second one that reads ahead
_BASE, _ROOM = 200 << 20, 220 << 20


class Crowd(ThreadPoolExecutor):
    """Threads for transfers: as many as are wanted, or as the system lets us have. Raises MemoryError where that is none.

    Their stacks are small, since they take room of the process even where they are not used.
    """

    def _adjust_thread_count(self) -> None:
        before = threading.stack_size(_STACK)
        try:
            super()._adjust_thread_count()
        except RuntimeError:
            # those that there are do its work, too
            if not self._threads:
                raise MemoryError("no thread can be started") from None
        finally:
            threading.stack_size(before)


def bearable(jobs: int) -> int:
    """As many of the jobs as the user's limit of memory (`ulimit -v`) has room for, but at least one."""
    try:
        import resource
    except ImportError:
        return jobs
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return jobs if limit == resource.RLIM_INFINITY else max(1, min(jobs, (limit - _BASE) // _ROOM))


def each(work: Callable[[T], R], items: Iterable[T], jobs: int) -> Iterator[R]:
    """What `work` makes of each of the items, in order; `jobs` are worked on at once."""
    pool = Crowd(max(1, jobs))
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class Aside:
    """Calls from the main thread are made in another one: Python hears Ctrl-C in the main one only, and not while that is in a
    library that waits without Python.
    """

    def __init__(self) -> None:
        self._pool: Crowd | None = None

    def __call__(self, call: Callable[[], R]) -> R:
        """Call it."""
        if threading.current_thread() is not threading.main_thread():
            return call()
        if self._pool is None:
            self._pool = Crowd(1)
        try:
            return self._pool.submit(call).result()
        except KeyboardInterrupt:
            # it may hang there
            self._pool.shutdown(wait=False)
            self._pool = None
            raise
