"""Check: hashes bytes as they pass, so that none gets a name it does not deserve."""

from __future__ import annotations

from collections.abc import Callable

from dvx.errors import Corrupted
from dvx.model.digest import TREE_SUFFIX, Digest, new_hasher

_SLACK = 64 << 20


def _unheard(count: int) -> None:
    """A listener that does not listen."""


class Check:
    """Compares what passes with `digest`. `moved(count)` is told how many bytes were transferred; it may raise to stop.

    With `size`, a stream that goes far beyond it is refused before it ends: an endless body fills no disk.
    """

    def __init__(self, digest: Digest, size: int | None = None, moved: Callable[[int], None] = _unheard) -> None:
        self.digest = digest
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
