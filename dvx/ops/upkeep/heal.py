"""Healer: finds good copies of objects in the workspace, among what was put aside, and at remotes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from functools import cached_property

from dvx.errors import Corrupted, DvxError, MissingData
from dvx.model.digest import Digest
from dvx.model.events import Notice, Tell, silent
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.transfer.plans import Remotes
from dvx.ops.workspace.observe import look
from dvx.project import Project
from dvx.store import files
from dvx.store.remotes.crowd import each
from dvx.store.remotes.remote_objects import RemoteObjects
from dvx.store.verify import Check


class Healer:
    """Puts good copies into the cache. `found` is where other bytes were seen that hash to a name: digest -> absolute path."""

    def __init__(self, project: Project, tell: Tell) -> None:
        self.found: dict[Digest, str] = {}
        self._project = project
        self._tell = tell
        self._remotes = Remotes(project, "", 0)
        self._unreachable: set[str] = set()

    def heal(self, digests: Iterable[Digest], *, but: str = "", remotes: bool = True) -> dict[Digest, str]:
        """Get objects from anywhere but the remote `but`; says from where, for those of which a good copy is somewhere.

        What the packs of a remote hold is asked once for all of them.
        """
        wanted = dict.fromkeys(digests)
        healed = {digest: where for digest in wanted if (where := self._heal_here(digest))}
        lacking = [digest for digest in wanted if digest not in healed]
        for objects in self._open(but) if remotes and lacking else ():
            healed |= dict.fromkeys(self._download(objects, lacking), f"the remote `{objects.remote.name}`")
            lacking = [digest for digest in lacking if digest not in healed]
            if not lacking:
                break
        return healed

    def heal_remote(self, digests: Iterable[Digest], name: str) -> dict[Digest, str]:
        """Where a good copy was found of objects that the remote `name` has wrong; it is in the cache then."""
        wanted = dict.fromkeys(digests)
        there = {digest: "the cache" for digest in wanted if self._project.cache.verify(digest)}
        return there | self.heal((digest for digest in wanted if digest not in there), but=name)

    def at_remotes(self, digests: Iterable[Digest]) -> dict[Digest, str]:
        """A remote that has each object, for those that one has; bytes are not looked at."""
        wanted = set(digests)
        found: dict[Digest, str] = {}
        for objects in self._open("") if wanted else ():
            with contextlib.suppress(DvxError):
                found |= dict.fromkeys(objects.sizes(wanted - found.keys()), objects.remote.name)
        return found

    @cached_property
    def _index(self) -> Index:
        try:
            return load_index(self._project)
        except DvxError:
            return Index()  # told of as a finding; healing does without

    @cached_property
    def _seen(self) -> tuple[dict[Digest, list[str]], dict[Digest, bytes]]:
        """Files of tracked outputs as they are in the workspace, and the trees that these make."""
        places: dict[Digest, list[str]] = {}
        trees: dict[Digest, bytes] = {}
        for tracked in self._index.tracked:
            content = tracked.recorded.content if tracked.recorded else None
            algorithm = content.digest.algorithm if content else self._project.algorithm
            path = tracked.output.path
            try:
                seen = look(self._project, path, silent, algorithm)
            except (DvxError, OSError):
                continue
            if seen is None:
                continue
            if seen.tree is None:
                places.setdefault(seen.content.digest, []).append(self._project.abs(path))
                continue
            trees[seen.content.digest] = seen.encoded
            for entry in seen.tree.entries:
                places.setdefault(entry.digest, []).append(self._project.abs(f"{path}/{entry.path}"))
        return places, trees

    @property
    def _places(self) -> dict[Digest, list[str]]:
        return self._seen[0]

    @property
    def _trees(self) -> dict[Digest, bytes]:
        return self._seen[1]

    def _heal_here(self, digest: Digest) -> str:
        if digest in self.found and self._copy(self.found[digest], digest):
            return "what was put aside"
        if digest in self._trees:
            self._project.cache.put(self._trees[digest], digest)
            return "the workspace"
        return "the workspace" if any(self._copy(place, digest) for place in self._places.get(digest, ())) else ""

    def _copy(self, place: str, digest: Digest) -> bool:
        """Take a file into the cache, if its bytes are right: statistics may vouch for a file that rotted."""
        cache = self._project.cache
        temp = cache.new_temp()
        check = Check(digest)
        try:
            files.copy_bytes(place, temp, files.PROTECTED, check.feed)
            check.finish()
        except (Corrupted, FileNotFoundError):
            files.remove(temp)
            return False
        cache.admit(temp, digest)
        return True

    def _download(self, objects: RemoteObjects, digests: list[Digest]) -> set[Digest]:
        """Those that a remote has, in packs or one by one; they are in the cache then."""
        cache, got = self._project.cache, set[Digest]()

        def take(digest: Digest, data: bytes) -> None:
            temp = cache.new_temp()
            files.write_new(temp, data, files.PROTECTED)
            cache.admit(temp, digest)
            got.add(digest)

        def look(digest: Digest) -> None:
            temp = cache.new_temp()
            with contextlib.suppress(MissingData, Corrupted):
                objects.remote.download(digest.object_name, temp, Check(digest))
                cache.admit(temp, digest)
                got.add(digest)

        try:
            objects.unpack(digests, take)
            for _ in each(look, [digest for digest in digests if digest not in got], objects.remote.jobs):
                pass
        except DvxError as error:
            self._give_up(objects.remote.name, error)
        return got

    def _open(self, but: str) -> Iterator[RemoteObjects]:
        for name in self._project.config.remotes():
            if name != but and name not in self._unreachable:
                try:
                    yield self._remotes.open(name)
                except DvxError as error:
                    self._give_up(name, error)

    def _give_up(self, name: str, error: DvxError) -> None:
        self._unreachable.add(name)
        self._tell(Notice(f"nothing is healed from `{name}`: {error.message}"))
