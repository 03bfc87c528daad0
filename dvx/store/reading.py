"""Reading files whose names a stranger may have chosen: regular ones, up to a size, without waiting for what is none."""

from __future__ import annotations

import errno
import os
import stat

_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_CLOSED = getattr(os, "O_CLOEXEC", 0)


def read_regular(path: str, limit: int) -> tuple[bytes, os.stat_result]:
    """The first `limit` bytes of a regular file, and its stat; raises OSError, also where there is something else.

    A pipe is not waited for, and a device is not read.
    """
    handle = os.open(path, os.O_RDONLY | _NO_WAIT | _CLOSED)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        parts = []
        while limit > 0 and (data := os.read(handle, min(limit, 1 << 20))):
            parts.append(data)
            limit -= len(data)
        return b"".join(parts), status
    finally:
        os.close(handle)
