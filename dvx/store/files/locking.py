"""Lock files."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator

from dvx.store.files.below import remove
from dvx.store.files.modes import NEW_FILE
from dvx.store.files.naming import make_folder, rename

_POLL_SECONDS = 0.05
_ASKED_SECONDS = 0.001
_YEAR_SECONDS = 365 * 24 * 3600
_SLACK_SECONDS = 10
_CLAIM = re.compile(rb"dvx-[0-9a-f]{32}\.lock")
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


@contextlib.contextmanager
def linked(path: str, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that is held while `path` exists, as a second name of a file of its holder (source: flufl.lock 8).

    The time of that file says until when the lock holds: who was killed leaves it. What a dvx left that is gone is taken away,
    as the kernel let go of its file. While the lock is held elsewhere, `waiting` is called before each further try; it may raise.
    """
    make_folder(os.path.dirname(path))
    claim = os.path.join(os.path.dirname(path), f"dvx-{os.urandom(16).hex()}.lock")
    with claimed(claim, lambda: None) as handle:
        try:
            os.write(handle, os.fsencode(claim))
            until = time.time() + _YEAR_SECONDS
            os.utime(handle, (until, until))
            while not _link(claim, path):
                if not _take_away(path):
                    waiting()
                    time.sleep(_POLL_SECONDS)
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.lstat(path), os.fstat(handle)):
                    remove(path)
            remove(claim)


def _link(claim: str, path: str) -> bool:
    try:
        os.link(claim, path)
    except FileExistsError:
        return False
    return True


def _take_away(path: str) -> bool:
    """Take a lock away that holds no more; tells whether it is worth to try again at once."""
    try:
        seen = os.lstat(path)
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            owner = os.path.basename(file.read(4096))
    except FileNotFoundError:
        return True
    mine = _CLAIM.fullmatch(owner) is not None
    if seen.st_mtime + _SLACK_SECONDS > time.time() and not (mine and not is_claimed(path)):
        return False
    aside = f"{path}.{os.urandom(8).hex()}"
    with contextlib.suppress(FileNotFoundError):
        rename(path, aside)
        if not os.path.samestat(os.lstat(aside), seen):
            # somebody else was faster, and holds it by now
            _link(aside, path)
        elif mine:
            remove(os.path.join(os.path.dirname(path), os.fsdecode(owner)))
        remove(aside)
    return True


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
