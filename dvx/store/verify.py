"""Check: hashes bytes as they pass, so that none gets a name it does not deserve."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from dvx.errors import Corrupted
from dvx.model.digest import TREE_SUFFIX, Digest, new_hasher
from dvx.store import files

_SLACK = 64 << 20


def _unheard(count: int) -> None:
    """A listener that does not listen."""


class Check:
    """Compares what passes with `digest`. `moved(count)` is told how many bytes were transferred; it may raise to stop.

    With `size`, a stream that goes far beyond it is refused before it ends: an endless body fills no disk. What turns out to
    be wrong when it has arrived is put aside as the file `aside`, if that is given.
    """

    def __init__(self, digest: Digest, size: int | None = None, moved: Callable[[int], None] = _unheard, aside: str = "") -> None:
        self.digest = digest
        self.aside = aside
        self.moved = moved
        self.total = 0
        self._hasher = new_hasher(digest.algorithm)
        self._limit = None if size is None else size + _SLACK

    def feed(self, data: bytes | memoryview) -> None:
        """Hash the next bytes."""
        self._hasher.update(data)
        self.total += len(data)
        if self._limit is not None and self.total > self._limit:
            raise Corrupted(f"the object `{self.digest}` goes on after {self.total} bytes, far beyond its size")

    def finish(self) -> None:
        """Compare; raises Corrupted naming both hashes."""
        actual = self._hasher.hexdigest()
        if actual != self.digest.hex.removesuffix(TREE_SUFFIX):
            raise Corrupted(f"the object `{self.digest}` holds bytes that hash to `{actual}`")


@contextlib.contextmanager
def arriving(local: str, check: Check | None) -> Iterator[BinaryIO]:
    """The new file `local` for what arrives. It is not left there on failure."""
    try:
        with files.create_new(local) as sink:
            yield sink
    except BaseException as error:
        put_aside(local, check.aside if check is not None and isinstance(error, Corrupted) else "")
        raise


def put_aside(local: str, aside: str) -> None:
    """Keep wrong bytes for whoever wants to look at them, where a place for that is given."""
    if aside:
        files.move(local, aside)
    else:
        files.remove(local)
