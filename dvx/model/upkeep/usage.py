"""Usage: what a cache holds, by path and by revision, and what it saves to keep equal bytes once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from dvx.model.digest import Digest
from dvx.model.tracked.named import Named

Files = Mapping[Digest, tuple[Digest, ...]]


class Share(Struct, frozen=True):
    """What one path or revision takes up, in bytes.

    `size` is that of plain copies of its `versions`, `held` its part of the cache, and `alone` the part of that which is for
    nothing else. `missing` counts objects that are not in the cache.
    """

    name: str
    size: int
    held: int
    alone: int
    versions: int
    missing: int


class Usage(Struct, frozen=True):
    """A cache of `objects` and `bytes`, of which nothing names `unnamed` bytes.

    `size` is what all versions of all paths would take up as plain copies.
    """

    objects: int
    bytes: int
    unnamed: int
    size: int
    paths: tuple[Share, ...]
    revisions: tuple[Share, ...]

    @property
    def saved(self) -> int:
        """What it saves to keep equal bytes once."""
        return max(0, self.size - (self.bytes - self.unnamed))


def measure(
    stored: Mapping[Digest, int], files: Files, every: Iterable[Named], revisions: Mapping[str, Iterable[Named]]
) -> Usage:
    """Add up.

    Args:
        stored: sizes of the objects in the cache, in bytes.
        files: what each tree consists of, file by file; trees that could not be read are left out.
        every: all names of objects.
        revisions: those of single revisions.
    """
    by_path: dict[str, set[Digest]] = {}
    for named in every:
        by_path.setdefault(named.path, set()).add(named.digest)
    by_revision = {name: [named.digest for named in names] for name, names in revisions.items()}
    paths = _shares(by_path, stored, files)
    named_objects = {digest for tops in by_path.values() for digest in _objects(tops, files)}
    unnamed = sum(size for digest, size in stored.items() if digest not in named_objects)
    total = sum(share.size for share in paths)
    return Usage(len(stored), sum(stored.values()), unnamed, total, tuple(paths), tuple(_shares(by_revision, stored, files)))


def _shares(groups: Mapping[str, Iterable[Digest]], stored: Mapping[Digest, int], files: Files) -> list[Share]:
    objects = {name: _objects(tops, files) for name, tops in groups.items()}
    owners = Counter(digest for named in objects.values() for digest in named)
    shares = []
    for name, tops in groups.items():
        there = [digest for digest in objects[name] if digest in stored]
        kept = [digest for digest in tops if digest in stored]
        shares.append(
            Share(
                name,
                size=sum(stored.get(file, 0) for top in kept for file in files.get(top, (top,))),
                held=sum(stored[digest] for digest in there),
                alone=sum(stored[digest] for digest in there if owners[digest] == 1),
                versions=len(kept),
                missing=len(objects[name]) - len(there),
            )
        )
    return sorted(shares, key=lambda share: (-share.held, share.name))


def _objects(tops: Iterable[Digest], files: Files) -> set[Digest]:
    return {digest for top in tops for digest in (top, *files.get(top, ()))}
