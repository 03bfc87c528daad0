"""Sparse files: what was never written is not read, and is not written to a copy either."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator

from dvx.store.files.writing import CHUNK, write_all

_SEEK_DATA: int | None = getattr(os, "SEEK_DATA", None)
_SEEK_HOLE: int | None = getattr(os, "SEEK_HOLE", None)
_BLOCK = 512


def parts(handle: int) -> Iterator[memoryview | int]:
    """The rest of an open file: bytes, which are good until the next ones, or the length of a hole, which reads as zeroes."""
    status = os.fstat(handle)
    buffer = memoryview(bytearray(CHUNK))
    if _SEEK_DATA is None or status.st_blocks * _BLOCK >= status.st_size:
        while count := os.readv(handle, [buffer]):
            yield buffer[:count]
        return
    at = os.lseek(handle, 0, os.SEEK_CUR)
    while True:
        begin, end = _data_after(handle, at)
        if begin > at:
            yield begin - at
        if begin == end:
            return
        at = begin
        while at < end:
            count = os.preadv(handle, [buffer[: end - at]], at)
            if not count:
                return  # it was cut meanwhile
            yield buffer[:count]
            at += count


def show(part: memoryview | int, see: Callable[[bytes | memoryview], object]) -> None:
    """Show the bytes of a part, those of a hole too."""
    if not isinstance(part, int):
        see(part)
        return
    zeroes = memoryview(bytes(min(part, CHUNK)))
    while part > 0:
        see(zeroes[:part])
        part -= CHUNK


def write_part(handle: int, part: memoryview | int) -> None:
    """Write a part at the end of an open file, a hole as a hole."""
    if isinstance(part, int):
        os.ftruncate(handle, os.lseek(handle, part, os.SEEK_CUR))
    else:
        write_all(handle, part)


def copy(source: int, target: int, see: Callable[[bytes | memoryview], object]) -> None:
    """Copy the rest of an open file to the end of another; `see` is shown what is written."""
    for part in parts(source):
        show(part, see)
        write_part(target, part)


def _data_after(handle: int, at: int) -> tuple[int, int]:
    """Where the next data begins and ends; both are the end of the file where there is none."""
    if _SEEK_DATA is None or _SEEK_HOLE is None:
        raise AssertionError
    try:
        begin = os.lseek(handle, at, _SEEK_DATA)
        return begin, os.lseek(handle, begin, _SEEK_HOLE)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        size = max(at, os.fstat(handle).st_size)
        return size, size
