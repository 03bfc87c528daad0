"""Rehash: gives objects names by another hash, reading each once, and says what a path holds in the new names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from dvx.errors import DvxError, MissingData
from dvx.model.digest import Digest
from dvx.model.events import Progress, Tell, silent
from dvx.model.paths import printable
from dvx.model.tree import Content, Entry, Tree, tree_content
from dvx.ops.tracked.ignore import Ignore
from dvx.ops.tracked.reach import Reach
from dvx.ops.workspace.observe import look, store
from dvx.project import Project
from dvx.store.remotes.crowd import Crowd
from dvx.store.scan import walk
from dvx.store.second_names import second_name, share


class Rehash:
    """From the cache, hash and dialect of `source` to those of `target`, which may be the same project.

    `names` maps old to new.
    """

    def __init__(self, source: Project, target: Project, reach: Reach, tell: Tell) -> None:
        self.names: dict[Digest, Digest] = {}
        self._sizes: dict[Digest, int] = {}
        self._source = source
        self._target = target
        self._reach = reach
        self._tell = tell

    def objects(self, digests: Iterable[Digest]) -> None:
        """Give each object that is there its new name; both hashes come from one reading.

        Raises:
            Corrupted: the bytes of one do not hash to its old name.
        """
        there = [digest for digest in sorted(set(digests)) if self._source.cache.has(digest)]
        with Crowd(min(8, (os.cpu_count() or 1) + 1)) as pool:
            for done, (old, new, size) in enumerate(pool.map(self._convert, there), 1):
                self.names[old], self._sizes[old] = new, size
                if not done % 100 or done == len(there):
                    self._tell(Progress("rehashing", done, len(there), "objects"))

    def content(self, path: str, content: Content, *, cached: bool) -> Content:
        """What `content` is in the new names; as it is where neither the cache nor the workspace has its bytes.

        Raises:
            MissingData: it would stay in a hash that the target does not know.
        """
        if content.digest.algorithm == self._target.algorithm and self._source.dialect is self._target.dialect:
            return content
        found = self._from_cache(path, content) or self._from_workspace(path, content, cached=cached)
        if found is not None:
            return found
        if content.digest.algorithm not in self._target.dialect.algorithms:
            hint = "run `dvx fetch` to get it, or take it out of the pointer or lock that names it"
            raise MissingData(f"the data of `{printable(path)}` is needed to give it another hash, and is not here", hint)
        self._carry(content.digest)
        return content

    def _from_cache(self, path: str, content: Content) -> Content | None:
        if not content.digest.is_tree:
            new = self.names.get(content.digest)
            return Content(new, self._sizes[content.digest], None, content.executable) if new else None
        try:
            old = self._reach.tree(content.digest)
        except MissingData:
            return None
        if any(entry.digest not in self.names for entry in old.entries):
            return None
        entries = tuple(
            Entry(entry.path, self.names[entry.digest], self._sizes[entry.digest], self._executable(path, entry))
            for entry in old.entries
        )
        new_content, data = tree_content(Tree(entries, self._empty(path, old)), self._target.dialect, self._target.algorithm)
        self._target.cache.put(data, new_content.digest)
        return new_content

    def _from_workspace(self, path: str, content: Content, *, cached: bool) -> Content | None:
        try:
            seen = look(self._source, path, silent, content.digest.algorithm)
        except DvxError:
            return None
        if seen is None or seen.content.digest != content.digest:
            return None
        if cached:
            return store(self._target, [path], self._tell)[path]
        now = look(self._target, path, self._tell, self._target.algorithm)
        return now.content if now else None

    def _executable(self, path: str, entry: Entry) -> bool:
        """DVC does not record it, so the workspace says."""
        if entry.executable or self._source.dialect.rich_trees or not self._target.dialect.rich_trees:
            return entry.executable
        try:
            return bool(os.stat(self._source.abs(f"{path}/{entry.path}")).st_mode & stat.S_IXUSR)
        except OSError:
            return False

    def _empty(self, path: str, old: Tree) -> tuple[str, ...]:
        if self._source.dialect.rich_trees or not self._target.dialect.rich_trees:
            return old.empty_folders
        found: list[str] = []
        place = self._source.abs(path)
        if os.path.isdir(place):
            for _ in walk(place, path, self._source.root, Ignore(self._source).skip, found):
                pass
        return tuple(sorted(folder[len(path) + 1 :] for folder in found if folder != path))

    def _convert(self, old: Digest) -> tuple[Digest, Digest, int]:
        new, size = second_name(self._source.cache, old, self._target.algorithm)
        share(self._target.cache, self._source.cache.path(old), new, size)
        return old, new, size

    def _carry(self, digest: Digest) -> None:
        """Keep what is there under its old name."""
        if self._source.cache.root == self._target.cache.root:
            return
        for one in sorted(self._reach.closure([digest])):
            if self._source.cache.verify(one):
                place = self._source.cache.path(one)
                share(self._target.cache, place, one, os.stat(place).st_size)
