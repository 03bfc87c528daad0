"""Bytes: reading them, and writing them so that a name appears complete or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import BinaryIO

from dvx.store.durable import sync_folder
from dvx.store.files.below import remove
from dvx.store.files.modes import NEW_FILE, UMASK
from dvx.store.files.naming import make_folder

CHUNK = 1 << 20
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def read(path: str) -> bytes:
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def write_atomic(path: str, data: bytes, *, mode: int | None = None) -> None:
    """Give `path` these bytes, durably and at once; an existing file keeps its mode unless `mode` is given."""
    folder = os.path.dirname(path)
    make_folder(folder)
    if mode is None:
        mode = _mode_of(path)
    temp = os.path.join(folder, f".{_shortened(os.path.basename(path))}.tmp")
    handle = _open_owned(temp, mode)
    try:
        os.ftruncate(handle, 0)
        write_all(handle, data)
        os.fchmod(handle, mode)
        os.fsync(handle)
        os.replace(temp, path)
    except BaseException as error:
        give_up(temp, error, path)
        raise
    finally:
        os.close(handle)
    sync_folder(folder)


def write_new(path: str, data: bytes | memoryview, mode: int, *, durable: bool = False) -> None:
    """Create `path`, which must not exist yet, with these bytes."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        write_all(handle, data)
        if mode & UMASK:
            os.fchmod(handle, mode)
        if durable:
            os.fsync(handle)
    except BaseException as error:
        give_up(path, error)
        raise
    finally:
        os.close(handle)


def write_all(handle: int, data: memoryview | bytes) -> None:
    """Write all of `data` to an open file."""
    written = os.write(handle, data)
    while written < len(data):
        data = memoryview(data)[written:]
        written = os.write(handle, data)


def create_new(path: str) -> BinaryIO:
    """Open a file that must not exist yet, for writing."""
    return open(path, "xb", buffering=0)


def open_partial(path: str) -> BinaryIO | None:
    """Open a file to go on with, for this process alone; None if another has it. It begins at its start."""
    make_folder(os.path.dirname(path))
    file = open(path, "a+b", buffering=0, opener=_no_link)  # noqa: SIM115  the caller closes it, which gives the lock back
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass
    except OSError:
        file.close()
        return None
    file.seek(0)
    return file


def empty(file: BinaryIO) -> None:
    """Drop what an open file holds."""
    file.seek(0)
    file.truncate()


def open_log(path: str) -> BinaryIO:
    """Open a log to append to and to read, unbuffered, so that a killed process leaves all it wrote."""
    make_folder(os.path.dirname(path))
    return open(path, "a+b", buffering=0, opener=_no_link)


def give_up(temp: str, error: BaseException, path: str = "") -> None:
    """Remove a file that could not be written whole, and let the error say which file it is about."""
    with contextlib.suppress(OSError):
        remove(temp)
    if isinstance(error, OSError) and not isinstance(error.filename, str):
        error.filename = path or temp


def _no_link(path: str, flags: int) -> int:
    """Open a file of dvx's own: a link there would be somebody's who wants another file written."""
    return os.open(path, flags | _NO_FOLLOW, NEW_FILE)


def _shortened(name: str) -> str:
    """As much of a name as leaves room for an ending; what counts is bytes."""
    return os.fsdecode(os.fsencode(name)[:200])


def _open_owned(temp: str, mode: int) -> int:
    """Open a temporary file for this process alone.

    Its name is always the same, so that what a killed process left is used up by the next one; its lock keeps two from
    writing at once, and dies with the process.
    """
    while True:
        handle = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | _NO_FOLLOW, mode | 0o200)
        _lock_file(handle)
        if _is_same(handle, temp):
            return handle
        os.close(handle)


def _lock_file(handle: int) -> None:
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(handle, fcntl.LOCK_EX)


def _is_same(handle: int, path: str) -> bool:
    """Whether `path` still names the open file; its owner before may have renamed or removed it."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(status, os.fstat(handle))


def _mode_of(path: str) -> int:
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return NEW_FILE
