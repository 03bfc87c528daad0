"""Bytes: reading them, and writing them so that a name appears complete or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from dvx.store.durable import sync_folder
from dvx.store.files.below import remove
from dvx.store.files.beside import is_at, new_file
from dvx.store.files.modes import NEW_FILE, UMASK
from dvx.store.files.naming import make_folder
from dvx.store.reading import open_regular

CHUNK = 1 << 20
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def read(path: str) -> bytes:
    """The bytes of a file; raises like `open_regular`."""
    with open_regular(path) as file:
        return file.read()


def write_atomic(path: str, data: bytes, *, mode: int | None = None) -> None:
    """Give `path` these bytes, durably and at once; an existing file keeps its mode unless `mode` is given."""
    with _drafted(path, data, mode) as (temp, handle):
        os.fsync(handle)
        os.replace(temp, path)
    sync_folder(os.path.dirname(path))


def draft(path: str, data: bytes) -> str:
    """Write these bytes beside `path`, to be made durable and renamed to it; returns where. An existing file keeps its mode.

    If this process dies, or is slow, the next one that writes in that folder removes it.
    """
    with _drafted(path, data, None) as (temp, _):
        return temp


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
    """Open a file to go on with, for this process alone; None if another has it, or had it until now. It begins at its start."""
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
    if not is_at(file.fileno(), path):
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


@contextlib.contextmanager
def _drafted(path: str, data: bytes, mode: int | None) -> Iterator[tuple[str, int]]:
    """A new file beside `path` that holds these bytes, and its descriptor."""
    make_folder(os.path.dirname(path))
    mode = _mode_of(path) if mode is None else mode
    try:
        with new_file(path, mode) as (temp, handle):
            write_all(handle, data)
            os.fchmod(handle, mode)
            yield temp, handle
    except OSError as error:
        if not isinstance(error.filename, str) or error.filename.endswith(".tmp"):
            error.filename = path
        raise


def give_up(temp: str, error: BaseException) -> None:
    """Remove a file that could not be written whole, and let the error say which file it is about."""
    with contextlib.suppress(OSError):
        remove(temp)
    if isinstance(error, OSError) and not isinstance(error.filename, str):
        error.filename = temp


def _no_link(path: str, flags: int) -> int:
    """Open a file of dvx's own: a link there would be somebody's who wants another file written."""
    return os.open(path, flags | _NO_FOLLOW, NEW_FILE)


def _mode_of(path: str) -> int:
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return NEW_FILE
