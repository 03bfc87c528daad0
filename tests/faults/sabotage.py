"""Deliberate violations of what dvx promises, to prove that the trials find them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from types import SimpleNamespace

from dvx.store import cache, durable, files, trash
from dvx.store.files import writing


def _write_in_place() -> None:
    def write(path: str, data: bytes, *, mode: int | None = None) -> None:
        files.make_folder(os.path.dirname(path))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        files.write_all(handle, data)
        os.close(handle)

    def draft(path: str, data: bytes) -> str:
        write(path, data)
        return path

    files.write_atomic, files.draft = write, draft


def _name_before_bytes() -> None:
    late = cache.Cache.barrier

    def close(self: cache.Cache) -> None:
        late(self)
        discard(self)

    discard = cache.Cache.discard
    cache.Cache.barrier = lambda _self: None  # type: ignore[method-assign]
    cache.Cache.discard = close  # type: ignore[method-assign]


def _delete_instead_of_trash() -> None:
    def take(_self: trash.Trash, place: str, _path: str) -> str:
        files.remove_tree(place)
        return ""

    trash.Trash.take = take  # type: ignore[method-assign]


def _ignore_a_full_disk() -> None:
    def write(path: str, data: bytes | memoryview, mode: int, *, durable: bool = False) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with contextlib.suppress(OSError):
            files.write_all(handle, data)
        os.close(handle)

    files.write_new = write


def _never_sync() -> None:
    durable._sync_file_system = lambda _path: False
    durable.os = writing.os = SimpleNamespace(**{**vars(os), "fsync": lambda _handle: None})  # type: ignore[attr-defined]


def _keep_temporary_files() -> None:
    cache.Cache.discard = lambda _self: None  # type: ignore[method-assign]


SABOTAGES: dict[str, Callable[[], None]] = {
    "": lambda: None,
    "write in place": _write_in_place,
    "name before bytes": _name_before_bytes,
    "delete instead of trash": _delete_instead_of_trash,
    "ignore a full disk": _ignore_a_full_disk,
    "never sync": _never_sync,
    "keep temporary files": _keep_temporary_files,
}
