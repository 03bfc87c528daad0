"""Work in threads that nobody waits for when Ctrl-C comes: one of them may hang in a network for as long as that lets it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(work: Callable[[T], R], items: Iterable[T], jobs: int) -> Iterator[R]:
    """What `work` makes of each of the items, in order; `jobs` are worked on at once."""
    pool = ThreadPoolExecutor(max(1, jobs))
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class Aside:
    """Calls from the main thread are made in another one: Python hears Ctrl-C in the main one only, and not while that is in a
    library that waits without Python.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def __call__(self, call: Callable[[], R]) -> R:
        """Call it."""
        if threading.current_thread() is not threading.main_thread():
            return call()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1)
        try:
            return self._pool.submit(call).result()
        except KeyboardInterrupt:
            # it may hang there
            self._pool.shutdown(wait=False)
            self._pool = None
            raise
