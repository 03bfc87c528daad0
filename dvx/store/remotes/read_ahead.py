"""ReadAhead: blocks of large objects, asked for before they are needed, within a budget that all readers share."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future

from dvx.store.remotes.crowd import Crowd

_EACH, _ALL = 4, 12


class ReadAhead:
    """Up to `jobs` blocks are there, or on their way, at once; who finds no room reads one block after another."""

    def __init__(self, jobs: int) -> None:
        self._room = threading.Semaphore(min(jobs, _ALL))

    def read(self, fetch: Callable[[int], bytes], offsets: Iterable[int]) -> Generator[bytes]:
        """What `fetch` gives for each of the offsets, in order."""
        left = iter(offsets)
        waiting: deque[Future[bytes]] = deque()
        pool = Crowd(_EACH)
        try:
            while True:
                while len(waiting) < _EACH and self._room.acquire(blocking=False):
                    offset = next(left, None)
                    if offset is None:
                        self._room.release()
                        break
                    waiting.append(pool.submit(fetch, offset))
                if waiting:
                    block = waiting[0].result()
                    waiting.popleft()
                    self._room.release()
                else:
                    offset = next(left, None)
                    if offset is None:
                        return
                    block = fetch(offset)
                yield block
        finally:
            for _ in waiting:
                self._room.release()
            pool.shutdown(wait=False, cancel_futures=True)
