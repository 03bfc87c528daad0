"""What stores answer when they refuse, as errors of Python's own that say the same."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping

BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_GONE = frozenset({404, 410})
_CLOSED = frozenset({401, 403, 407})
_FULL = frozenset({507})
# these pass, whatever the status that they come with
_PASSING_CODES = frozenset(
    {"RequestTimeout", "SlowDown", "InternalError", "BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "NoSuchUpload"}
)
_FULL_CODES = frozenset({"XMinioStorageFull", "QuotaExceeded", "InsufficientStorage", "StorageFull"})


class Busy(ConnectionError):
    """A server that answers, but cannot do it now; `pause` is how many seconds it asks to wait, 0 where it does not."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class TooSlow(ConnectionError):
    """A server that answers, but hardly."""


def refusal(status: int, reason: str, path: str, code: str = "", pause: float = 0.0) -> OSError:
    """The error for an HTTP status, and for the code that S3 adds to it."""
    if status in _FULL or code in _FULL_CODES:
        return OSError(errno.ENOSPC, reason, path)
    if status in BUSY or code in _PASSING_CODES:
        return Busy(reason, pause)
    if status in _GONE:
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    if status in _CLOSED:
        return PermissionError(errno.EACCES, reason, path)
    if status == 416:
        return OSError(errno.EINVAL, "no such range", path)
    return OSError(errno.EPROTO, reason, path)


def wanted_pause(headers: Mapping[str, str]) -> float:
    """How many seconds a server asks to wait; 0 where it does not say, or names a date."""
    with contextlib.suppress(ValueError):
        return max(0.0, float(headers.get("retry-after", 0)))
    return 0.0
