"""Making bytes and names survive a power cut."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable

_FEW = 16


def sync_file(path: str) -> None:
    """Make a file's bytes durable."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(handle)


def sync_folder(path: str) -> None:
    """Make the names in a folder durable, where folders can be synced."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):
            error.filename = path
            raise
    finally:
        os.close(handle)


def barrier(paths: Iterable[str], root: str) -> None:
    """Make files and folders durable: each for itself when they are few, the whole file system of `root` otherwise."""
    names = set(paths)
    if len(names) > _FEW and _sync_file_system(root):
        return
    for path in names:
        if os.path.isdir(path):
            sync_folder(path)
        else:
            sync_file(path)


def _sync_file_system(path: str) -> bool:
    """`syncfs(2)` where the C library has it."""
    import ctypes

    try:
        call = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError):
        return False
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if call(handle) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
    finally:
        os.close(handle)
    return True
