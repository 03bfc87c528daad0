"""Listed: one file of a store as a listing shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

_TIMES = ("LastModified", "last_modified", "modified", "mtime", "updated", "created")


class Listed(Struct, frozen=True, gc=False):
    """A file by its `/`-separated name in a store; `modified` is in seconds since the epoch, infinite where nobody knows."""

    name: str
    size: int
    modified: float


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
