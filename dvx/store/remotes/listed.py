"""Listed: one file of a store as a listing shows it."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

_MD5 = re.compile(r"[0-9a-f]{32}")
_TIMES = ("LastModified", "last_modified", "modified", "mtime", "updated", "created")


class Listed(Struct, frozen=True, gc=False):
    """A file by its `/`-separated name in a store; `modified` is in seconds since the epoch, infinite where nobody knows.

    `md5` is the hash (hex) of its bytes, where the store tells that unasked; one that encrypts may tell another.
    """

    name: str
    size: int
    modified: float
    md5: str = ""


def md5_of(protocol: str, info: Mapping[str, Any]) -> str:
    """The MD5 (hex) of a file of a remote, by what its file system tells of it; empty where it does not tell."""
    if protocol == "s3":
        # that of an upload in parts has another form
        found = str(info.get("ETag") or "").strip('"').lower()
        return found if _MD5.fullmatch(found) else ""
    if protocol == "gs":
        with contextlib.suppress(ValueError):
            return base64.b64decode(str(info.get("md5Hash") or "")).hex()
    return ""


def modified_of(info: Mapping[str, Any]) -> float:
    """When a file of a remote was written, by what its file system tells of it; infinite where it does not tell."""
    for key in _TIMES:
        value = info.get(key)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                continue
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, (int, float)):
            return float(value)
    return float("inf")
