"""States of all tracked data, recorded or as the workspace holds it, in a form that `model.data.changes` compares."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from dvx.errors import Corrupted, DvxError, MissingData, UnsafePath
from dvx.model.data.changes import Changes, DiffItem, Items, compare, select
from dvx.model.digest import Digest
from dvx.model.events import Tell
from dvx.model.paths import overlap, printable, within
from dvx.model.tracked.pointer import Recorded
from dvx.model.tree import Content, Tree, holds
from dvx.ops.tracked.index import Index
from dvx.ops.tracked.pointer_text import listed_tree
from dvx.ops.workspace.observe import look
from dvx.project import Project


class Snapshots:
    """Takes snapshots of one project and compares them; each tree object is read at most once.

    A snapshot maps the paths of cached outputs to what they hold. `scope` are the paths that matter; all when it is empty.
    `unread` says of paths why they could not be looked at in the workspace; they are left out of comparisons.
    """

    def __init__(self, project: Project, scope: Collection[str], tell: Tell) -> None:
        self._project = project
        self._scope = tuple(scope)
        self._tell = tell
        self._trees: dict[Digest, Tree | None] = {}
        self._recorded: dict[Digest, Recorded | None] = {}
        self.unread: dict[str, str] = {}

    def recorded(self, index: Index) -> dict[str, DiffItem]:
        """What the pointers and locks of an index say."""
        found = {}
        for tracked in index.tracked:
            path, content = tracked.output.path, tracked.recorded.content if tracked.recorded else None
            if content is not None and tracked.output.cached and self._matters(path):
                found[path] = DiffItem(path, content.digest, content.executable)
                self._recorded[content.digest] = tracked.recorded
        return found

    def workspace(self, index: Index) -> dict[str, DiffItem]:
        """What the outputs of an index hold now, named in the hashes in which they are recorded."""
        found = {}
        for tracked in index.tracked:
            path, content = tracked.output.path, tracked.recorded.content if tracked.recorded else None
            if not tracked.output.cached or not self._matters(path):
                continue
            try:
                # a link in the place of a file is told apart by what it leads to, as `status` does
                seen = look(self._project, path, self._tell, self._algorithm(content), outside=True)
            except (DvxError, OSError) as error:
                text = error.message if isinstance(error, DvxError) else (error.strerror or str(error)).lower()
                self.unread[path] = f"`{printable(path)}` could not be compared: {text}"
                continue
            if seen is not None:
                same = content if content and holds(seen.content, content, self._project.dialect) else seen.content
                found[path] = DiffItem(path, same.digest, same.executable)
                if seen.tree is not None:
                    self._trees[seen.content.digest] = seen.tree
        return found

    def compare(self, old: Items, new: Items, *, granular: bool) -> Changes:
        """What changed between two snapshots.

        With `granular`, files in directories are compared too; directories with the same digest are not looked into.
        """
        old, new = _without(old, self.unread), _without(new, self.unread)
        before, after = self._open(old, granular=granular), self._open(new, granular=granular)
        same = {path for path in before if path in after and before[path].digest == after[path].digest}
        unlisted: set[str] = set()
        inside_old = self._files(_without(before, same), unlisted)
        inside_new = self._files(_without(after, same), unlisted)
        return compare(select({**old, **inside_old}, self._scope), select({**new, **inside_new}, self._scope), unlisted)

    def known(self, items: Items, *, granular: bool) -> dict[str, DiffItem]:
        """The items that matter, with `granular` also the files in directories as far as these can be listed."""
        return select({**items, **self._files(self._open(items, granular=granular), set())}, self._scope)

    def not_cached(self, items: Iterable[DiffItem]) -> tuple[DiffItem, ...]:
        """Those whose objects the cache lacks."""
        return tuple(item for item in items if not self._project.cache.has(item.digest))

    def _files(self, items: Items, unlisted: set[str]) -> dict[str, DiffItem]:
        found = {}
        for path, item in items.items():
            tree = self._tree(item.digest)
            if tree is None:
                unlisted.add(path)
                continue
            for entry in tree.entries:
                inner = f"{path}/{entry.path}"
                found[inner] = DiffItem(inner, entry.digest, entry.executable)
        return found

    def _tree(self, digest: Digest) -> Tree | None:
        if digest not in self._trees:
            try:
                self._trees[digest] = self._project.cache.read_tree(digest)
            except (MissingData, Corrupted, UnsafePath):
                self._trees[digest] = listed_tree(self._recorded.get(digest))
        return self._trees[digest]

    def _algorithm(self, content: Content | None) -> str:
        return content.digest.algorithm if content else self._project.algorithm

    def _matters(self, path: str) -> bool:
        return not self._scope or any(overlap(path, one) for one in self._scope)

    def _open(self, items: Items, *, granular: bool) -> dict[str, DiffItem]:
        """Directories to look into: all, or those of which only a part is in the scope."""
        trees = {path: item for path, item in items.items() if item.digest.is_tree}
        return trees if granular else _without(trees, select(trees, self._scope))


def scope_of(project: Project, indexes: Sequence[Index], targets: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths that targets mean in any of the indexes, and the targets that none of them knows.

    A target is a path, an output's or another, a pointer or pipeline file, or a stage.
    """
    found: dict[str, None] = {}
    unknown = []
    for target in targets:
        paths = {path for index in indexes for path in _named(project, index, target)}
        if not paths:
            unknown.append(target)
        found |= dict.fromkeys(sorted(paths))
    return tuple(found), tuple(unknown)


def _named(project: Project, index: Index, target: str) -> set[str]:
    owned = {tracked.output.path for tracked in index.tracked if target in (tracked.owner, tracked.owner.partition("@")[0])}
    if owned:
        return owned
    path = project.relative(target)
    by_file = {tracked.output.path for tracked in index.tracked if tracked.file == path}
    if by_file:
        return by_file
    below = any(within(tracked.output.path, path) for tracked in index.tracked)
    return {path} if below or index.owner_of(path) is not None else set()


def _without(items: Mapping[str, DiffItem], paths: Collection[str]) -> dict[str, DiffItem]:
    return {path: item for path, item in items.items() if path not in paths}
