"""Blocks: the bytes of objects at a remote. Of a large one, several blocks are asked for at once; each again where it fails."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from dvx.errors import RemoteError
from dvx.store.remotes.calls import Caller
from dvx.store.remotes.read_ahead import ReadAhead

# a block is there up to three times while it arrives
_MOST, _LEAST, _ALL = 4 << 20, 1 << 20, 48 << 20
_UNTOLD = 1 << 30


class Blocks:
    """Reads through one of fsspec's file systems. Threads share it: `jobs` of them hold a block, so more have smaller ones."""

    def __init__(self, files: Any, call: Caller, jobs: int) -> None:
        self.size = max(_LEAST, min(_MOST, _ALL // jobs))
        self._files = files
        self._call = call
        self._ahead = ReadAhead(jobs)

    def all(self, place: str, start: int = 0) -> Iterator[bytes]:
        """The bytes of an object from `start` on; raises FileNotFoundError, RemoteError."""
        first = self.one(place, start, self.size)
        yield first
        if len(first) < self.size:
            return
        told = self._call(partial(self._files.info, place))["size"]
        end = start + self.size + _UNTOLD if told is None else int(told)
        if getattr(self._files, "ranges", True):
            rest: Iterable[bytes] = self._ranges(place, start + self.size, end)
        else:
            rest = _Stream(self._files, self._call, place, start + self.size)
        at = start + self.size
        for block in rest:
            yield block
            at += len(block)
            if told is None and at >= end:
                raise RemoteError(f"the server does not say how long `{place}` is, and it goes on after {at} bytes")
            if at > end + self.size:
                return  # longer than it should be, so its hash is wrong already

    def one(self, place: str, start: int, length: int) -> bytes:
        """One block, shorter where the object ends before; raises FileNotFoundError, RemoteError."""
        return self._call(partial(self._ask, place, start, length))

    def _ranges(self, place: str, start: int, end: int) -> Iterator[bytes]:
        offsets = range(start, end, self.size)
        with contextlib.closing(self._ahead.read(lambda at: self.one(place, at, self.size), offsets)) as found:
            for block in found:
                yield block
                if len(block) < self.size:
                    return

    def _ask(self, place: str, start: int, length: int) -> bytes:
        try:
            return bytes(self._files.cat_file(place, start=start, end=start + length))
        except self._call.errors as error:
            # a range that begins where the object ends is an error in S3 and Azure
            past = getattr(error, "errno", None) == errno.EINVAL or getattr(error, "status_code", None) == 416
            if past and self._files.info(place)["size"] <= start:
                return b""
            raise


class _Stream:
    """An object of a server that sends objects only whole: in one go, and from the beginning again where that breaks off."""

    def __init__(self, files: Any, call: Caller, place: str, start: int) -> None:
        self._files = files
        self._call = call
        self._place = place
        self._at = start
        self._chunks: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._call(self._next):
            yield chunk
            self._at += len(chunk)

    def _next(self) -> bytes:
        if self._chunks is None:
            self._chunks = self._files.stream(self._place, self._at)
        try:
            return next(self._chunks, b"")
        except BaseException:
            self._chunks = None
            raise
