"""Lock files."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

from dvx.store.files.modes import NEW_FILE
from dvx.store.files.naming import make_folder

_POLL_SECONDS = 0.05
_ASKED_SECONDS = 0.001
_OPEN = os.O_RDWR | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)


@contextlib.contextmanager
def locked(path: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock file that the kernel releases when the process dies; `waiting` is called once if it is held elsewhere.

    The file is never deleted, so all who wait for it wait for the same one.
    """
    import filelock

    make_folder(os.path.dirname(path))
    lock = filelock.FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        if waiting is not None:
            waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def claimed(path: str, waiting: Callable[[], None]) -> Iterator[int]:
    """Hold a lock file whose descriptor is yielded: processes that inherit it keep the lock when this one is killed.

    While the lock is held elsewhere, `waiting` is called before each further try; it may raise.
    """
    make_folder(os.path.dirname(path))
    handle = os.open(path, _OPEN | os.O_CREAT, NEW_FILE)
    try:
        while not _take(handle):
            if _take(handle, shared=True):
                # others only asked
                _give(handle)
                time.sleep(_ASKED_SECONDS)
            else:
                waiting()
                time.sleep(_POLL_SECONDS)
        try:
            yield handle
        finally:
            # closing is not enough: what a command left in the background may have the descriptor too
            _give(handle)
    finally:
        os.close(handle)


def is_claimed(path: str) -> bool:
    """Whether a process holds the lock file of `claimed`. Who asks keeps nobody else from asking, or from taking it."""
    try:
        handle = os.open(path, _OPEN)
    except OSError:
        return False
    try:
        free = _take(handle, shared=True)
        if free:
            _give(handle)
        return not free
    finally:
        os.close(handle)


def _take(handle: int, *, shared: bool = False) -> bool:
    try:
        import fcntl

        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except ImportError:
        return True
    return True


def _give(handle: int) -> None:
    with contextlib.suppress(ImportError):
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_UN)
