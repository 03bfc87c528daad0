"""VersionedObjects: a remote that keeps versions as `store.copy` sees remotes, by the names of objects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import BinaryIO

from dvx.model.versioned import Version
from dvx.store.listed import Listed
from dvx.store.verify import Check
from dvx.store.versioned import VersionedRemote

Targets = Mapping[str, Sequence[str]]
Sources = Mapping[str, tuple[str, Version]]


class VersionedObjects:
    """See `Remote`. `targets` are the paths that each object goes to, `sources` a version that holds it, both by its name.

    `made` are the versions that uploads made, by path.
    """

    def __init__(self, versioned: VersionedRemote, targets: Targets, sources: Sources) -> None:
        self.name, self.url = versioned.remote.name, versioned.remote.url
        self.jobs, self.lists = versioned.remote.jobs, versioned.remote.lists
        self.made: dict[str, Version] = {}
        self._versioned = versioned
        self._remote = versioned.remote
        self._targets = targets
        self._sources = sources

    def upload(self, local: str, name: str, check: Check | None = None) -> None:
        """Copy a local file to all paths of an object; raises like `VersionedRemote.upload`."""
        if check is None:
            raise TypeError(f"`{name}` would go unverified")
        for path in self._targets[name]:
            self.made[path] = self._versioned.upload(local, path, check)
            check = Check(check.digest)

    def download(self, name: str, local: str, check: Check | None = None) -> None:
        """See `Remote`."""
        self._remote.download(self._source(name), local, check)

    def resume(self, name: str, file: BinaryIO, check: Callable[[], Check]) -> None:
        """See `Remote`."""
        self._remote.resume(self._source(name), file, check)

    def read(self, name: str) -> bytes:
        """See `Remote`."""
        return self._remote.read(self._source(name))

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """See `Remote`."""
        return self._remote.read_range(self._source(name), start, length)

    def found(self, names: Collection[str]) -> dict[str, Listed]:
        """See `Remote`."""
        known = [name for name in names if name in self._sources]
        return {
            name: Listed(name, one.size, one.modified)
            for name in known
            for one in self._remote.found([self._source(name)]).values()
        }

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """See `Remote`."""
        return {name: one.size for name, one in self.found(names).items()}

    def missing(self, names: Collection[str]) -> set[str]:
        """See `Remote`."""
        return set(names) - self.found(names).keys()

    def names(self, prefix: str) -> Iterator[str]:
        """See `Remote`: those that can be read here."""
        return (name for name in self._sources if not prefix or name.startswith(prefix.rstrip("/") + "/"))

    def listing(self, prefix: str) -> Iterator[Listed]:
        """See `Remote`."""
        return (Listed(name, 0, float("inf")) for name in self.names(prefix))

    def put(self, data: bytes, name: str) -> None:
        """Objects without a path have no place here."""
        raise KeyError(f"{name} ({len(data)} bytes)")

    def remove(self, name: str) -> None:
        """No version is ever removed."""

    def flush(self) -> None:
        """See `Remote`. Nothing to do: an upload ends when the store has confirmed it."""

    def discard(self) -> None:
        """See `Remote`. Nothing to do."""

    def _source(self, name: str) -> str:
        return self._versioned.name_of(*self._sources[name])
