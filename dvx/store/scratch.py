"""Scratch: a folder of this process's own for what is not complete yet.

The owner holds a lock on the folder, which dies with it. A process id would not do as a name: two containers that share a
cache have the same ones.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator

from dvx.model.kept import OWN_FOLDER
from dvx.store import files

_OLD_SECONDS = 86_400
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Scratch:
    """A folder below `parent`, made when the first name in it is asked for. What dead processes left there is swept then."""

    def __init__(self, parent: str, make: Callable[[str], None] = files.make_folder) -> None:
        self._parent = parent
        self._make = make
        self._guard = threading.Lock()
        self._folder = ""
        self._handle: int | None = None
        self._count = 0

    def new(self) -> str:
        """A name in it that nobody has used."""
        with self._guard:
            if not self._folder:
                self._make(self._parent)
                sweep(self._parent)
                self._folder, self._handle = own_folder(self._parent)
            self._count += 1
            return f"{self._folder}/{self._count}"

    def close(self) -> None:
        """Remove it with all that is left in it; it can be used again."""
        with self._guard:
            if self._folder:
                folder, self._folder = self._folder, ""
                with contextlib.suppress(OSError):  # the next one sweeps it
                    files.remove_tree(folder)
                release(self._handle)


def own_folder(parent: str) -> tuple[str, int | None]:
    """Make a folder in `parent` that is this process's until `release`; the handle is None where folders cannot be locked."""
    while True:
        folder = f"{parent}/{os.urandom(8).hex()}"
        files.make_folder(folder)
        try:
            handle = _lock(folder)
        except (BlockingIOError, FileNotFoundError):
            continue  # who sweeps takes it for abandoned
        if handle is None or _is_same(handle, folder):
            return folder, handle
        os.close(handle)  # it was swept before it was locked


def release(handle: int | None) -> None:
    """Give up a folder."""
    if handle is not None:
        os.close(handle)


def abandoned(parent: str) -> Iterator[str]:
    """What is in `parent` and nobody's any more. Where that cannot be known, what is older than a day."""
    for name in files.names_in(parent, OWN_FOLDER):
        place = os.path.join(parent, name)
        try:
            handle = _lock(place)
        except OSError:
            continue
        try:
            if handle is not None or _is_old(place):
                yield place
        finally:
            release(handle)


def sweep(parent: str) -> None:
    """Remove what is nobody's any more; what another user left stays."""
    for place in abandoned(parent):
        with contextlib.suppress(OSError):
            files.remove_tree(place)


def _lock(folder: str) -> int | None:
    """A handle that holds a lock on the folder; None where folders cannot be locked.

    Raises:
        BlockingIOError: somebody else holds it.
        FileNotFoundError: there is no such folder.
    """
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | _NO_FOLLOW)
    except FileNotFoundError:
        raise
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:
        os.close(handle)
        return None
    return handle


def _is_old(place: str) -> bool:
    try:
        return time.time() - os.lstat(place).st_mtime > _OLD_SECONDS
    except OSError:
        return False


def _is_same(handle: int, folder: str) -> bool:
    try:
        return os.path.samestat(os.stat(folder), os.fstat(handle))
    except FileNotFoundError:
        return False
