"""Reading files whose names a stranger may have chosen: regular ones, without waiting for what is none."""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def open_regular(path: str) -> FileIO:
    """A regular file, for reading; raises OSError, also where there is something else: IsADirectoryError for a folder.

    A pipe is not waited for, and a device is not read: that may have no end.
    """
    handle = os.open(path, _FLAGS)
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return FileIO(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, "it is not a regular file", path)


def read_regular(path: str, limit: int) -> tuple[bytes, os.stat_result]:
    """The first `limit` bytes of a regular file, and its stat; raises like `open_regular`."""
    with open_regular(path) as file:
        parts = []
        while limit > 0 and (data := file.read(min(limit, 1 << 20))):
            parts.append(data)
            limit -= len(data)
        return b"".join(parts), os.fstat(file.fileno())
