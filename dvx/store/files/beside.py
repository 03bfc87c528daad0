"""Temporary names beside a file that is about to be written: nobody has them, and their form says whose they are.

The lock on one dies with its process. So the next process that writes in that folder knows what was left there, and removes it.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator

from dvx.store.files.below import names_in, remove_tree

_FORM = re.compile(r"\..+\.[0-9a-f]{16}\.dvx\.tmp", re.DOTALL)
_FLAGS = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_SWEPT: set[str] = set()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_SWEPT.clear)


@contextlib.contextmanager
def new_file(path: str, mode: int) -> Iterator[tuple[str, int]]:
    """A new file beside `path` and its descriptor, for writing; to be renamed, or it goes again."""
    sweep(os.path.dirname(path))
    temp, handle = _create(path, mode)
    try:
        yield temp, handle
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temp)
        raise
    finally:
        os.close(handle)


@contextlib.contextmanager
def new_folder(path: str) -> Iterator[str]:
    """A new folder beside `path`, which goes again with what is left in it."""
    sweep(os.path.dirname(path))
    temp = _name(path)
    os.mkdir(temp, 0o700)
    handle = _open_free(temp)
    try:
        yield temp
    finally:
        with contextlib.suppress(OSError):
            remove_tree(temp)
        if handle is not None:
            os.close(handle)


def sweep(folder: str) -> None:
    """Remove what dead processes left in a folder; looked for once a process, as folders may be large."""
    if folder in _SWEPT:
        return
    _SWEPT.add(folder)
    for name in names_in(folder, _FORM):
        place = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            handle = _open_free(place)
            if handle is not None:
                try:
                    remove_tree(place)
                finally:
                    os.close(handle)


def _create(path: str, mode: int) -> tuple[str, int]:
    while True:
        temp = _name(path)
        handle = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, mode | stat.S_IWUSR)
        with contextlib.suppress(OSError):
            _lock(handle)
        if is_at(handle, temp):
            return temp, handle
        os.close(handle)  # who swept was quicker than the lock


def _name(path: str) -> str:
    folder, name = os.path.split(path)
    # as much of the name as leaves room for the ending; what counts is bytes
    return os.path.join(folder, os.fsdecode(b".%s.%s.dvx.tmp" % (os.fsencode(name)[:200], os.urandom(8).hex().encode())))


def _open_free(place: str) -> int | None:
    """A descriptor, with the lock, of what this user left there; None if it is somebody else's, or nobody can tell."""
    handle = os.open(place, os.O_RDONLY | _FLAGS)
    try:
        status = os.fstat(handle)
        if status.st_uid == os.geteuid() and (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            _lock(handle)
            return handle
    except OSError:
        pass
    os.close(handle)
    return None


def _lock(handle: int) -> None:
    """Raises OSError where somebody else has it, or where there are no locks."""
    try:
        import fcntl
    except ImportError:
        raise OSError("no locks") from None
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_at(handle: int, path: str) -> bool:
    """Whether an open file still has the name that it was opened by."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(handle))
    except FileNotFoundError:
        return False
