"""Copies of files, and links to them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from dvx.store.files import sparse
from dvx.store.files.modes import NEW_FILE, UMASK
from dvx.store.files.writing import give_up, write_all
from dvx.store.reading import open_regular

_FIRST = 1 << 16
_READ = os.O_RDONLY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_FICLONE = 0x40049409


def copy_file(source: str, target: str, mode: int = NEW_FILE) -> None:
    """Copy bytes to a new file, as a reflink where the file system can."""
    if not reflink(source, target, mode):
        copy_bytes(source, target, mode, len)


def copy_bytes(source: str, target: str, mode: int, see: Callable[[bytes | memoryview], object]) -> os.stat_result:
    """Copy to a new file, whose stat is returned; `see` is shown the bytes as they pass. Holes stay holes."""
    reading = os.open(source, _READ)
    try:
        writing = os.open(target, _CREATE, mode)
        try:
            data = os.read(reading, _FIRST)
            see(data)
            write_all(writing, data)
            if len(data) == _FIRST:
                sparse.copy(reading, writing, see)
            if mode & UMASK:
                os.fchmod(writing, mode)
            return os.fstat(writing)
        except BaseException as error:
            give_up(target, error)
            raise
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def reflink(source: str, target: str, mode: int) -> bool:
    """Clone a file to a new name without copying bytes; False, and no new file, where that is impossible."""
    with open_regular(source) as reading:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            cloned = _clone(reading.fileno(), handle)
            if cloned:
                os.fchmod(handle, mode)
        except BaseException as error:
            give_up(target, error)
            raise
        finally:
            os.close(handle)
    if not cloned:
        os.unlink(target)
    return cloned


def hardlink(source: str, target: str) -> None:
    """Another name for the same file; raises OSError for a symbolic link, behind which that would be a file of somebody else."""
    if os.path.islink(source):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), source)
    os.link(source, target)


def symlink(source: str, target: str) -> None:
    """A symbolic link at `target` that says `source`."""
    os.symlink(source, target)


def _clone(source: int, target: int) -> bool:
    try:
        import fcntl

        fcntl.ioctl(target, _FICLONE, source)
    except (ImportError, OSError):
        return False
    return True
