"""A remote that keeps versions, as `store.remotes.copy` sees remotes: by the names of objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

from dvx.model.transfer.versioned import Version
from dvx.store.remotes.versioned import VersionedRemote
from dvx.store.verify import Check


class VersionSources:
    """See `Readable`. `versions` says which version of which path holds an object, by its name."""

    def __init__(self, versioned: VersionedRemote, versions: Mapping[str, tuple[str, Version]]) -> None:
        self.name, self.jobs = versioned.remote.name, versioned.remote.jobs
        self._versioned = versioned
        self._versions = versions

    def download(self, name: str, local: str, check: Check | None = None) -> None:
        """See `Readable`."""
        self._versioned.remote.download(self._source(name), local, check)

    def resume(self, name: str, file: BinaryIO, check: Callable[[], Check]) -> None:
        """See `Readable`."""
        self._versioned.remote.resume(self._source(name), file, check)

    def _source(self, name: str) -> str:
        return self._versioned.name_of(*self._versions[name])


class Targets:
    """See `Writable`. `paths` are where each object goes, by its name; `made` are the versions that came of it, by path."""

    def __init__(self, versioned: VersionedRemote, paths: Mapping[str, Sequence[str]]) -> None:
        self.name, self.jobs = versioned.remote.name, versioned.remote.jobs
        self.made: dict[str, Version] = {}
        self._versioned = versioned
        self._paths = paths

    def upload(self, local: str, name: str, check: Check | None = None) -> None:
        """Copy a local file to all paths of an object; raises like `VersionedRemote.upload`."""
        if check is None:
            raise TypeError(f"`{name}` would go unverified")
        for path in self._paths[name]:
            self.made[path] = self._versioned.upload(local, path, check)
            check = Check(check.digest)

    def flush(self) -> None:
        """See `Writable`. Nothing to do: an upload ends when the store has confirmed it."""

    def discard(self) -> None:
        """See `Writable`. Nothing to do."""
