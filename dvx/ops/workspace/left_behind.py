"""What a switch to another commit leaves in the workspace: data that only the commit tracks that HEAD was at before."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from dvx.errors import Corrupted, DvxError, GitError, MissingData
from dvx.git import Git
from dvx.git.commits.absent import Move, moves
from dvx.model.events import Tell
from dvx.model.paths import ancestors, overlap
from dvx.model.tree import Content, holds
from dvx.ops.tracked.ignore import Ignore
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.revisions import RevisionFiles
from dvx.ops.tracked.unreadable import load_revision
from dvx.ops.workspace.kept_in_cache import is_kept
from dvx.ops.workspace.observe import look
from dvx.project import Project

_MOVES = 10


def left_behind(project: Project, tell: Tell) -> tuple[str, ...]:
    """The paths that may go: what they hold is what a commit recorded that HEAD has left, the cache keeps it, and nobody here
    asks for it.

    Whoever took something out of the pipeline or stopped to track it wants to keep it: a move by a commit does not count.
    """
    git = project.git
    head = git.head() if git else None
    if git is None or head is None:
        return ()
    # what Git lacks here (a partial clone), it cannot vouch for
    try:
        return _left(project, git, head, tell)
    except GitError:
        return ()


def _left(project: Project, git: Git, head: str, tell: Tell) -> tuple[str, ...]:
    moved = moves(git, _MOVES)
    before = _Before(project, git, head, moved)
    found = before.recorded()
    ignore = Ignore(project)
    there = [path for path in found if os.path.lexists(project.abs(path)) and not _is_left_alone(project, ignore, path)]
    if not there:
        return ()
    index = load_index(project)
    named = _named(index)
    unwanted = [path for path in there if not index.overlapping(path) and not any(overlap(path, one) for one in named)]
    unwanted = sorted(set(unwanted) - git.tracked(unwanted))
    return tuple(
        path
        for path in unwanted
        if before.was_left(path) and any(_is_safe(project, path, content, tell) for content in found[path])
    )


class _Before:
    """What the commits track that HEAD was at; those of which nothing is asked are not read."""

    def __init__(self, project: Project, git: Git, head: str, moved: Sequence[Move]) -> None:
        self._project = project
        self._head = head
        self._moved = moved if moved and moved[0].after == head else ()
        self._left = [one for one in dict.fromkeys(move.before for move in self._moved if not move.by_commit) if one != head]
        commits = dict.fromkeys((head, *(move.before for move in self._moved))) if self._left else ()
        self._revisions = RevisionFiles(project, git, tuple(commits))
        self._known: dict[str, Index] = {}

    def recorded(self) -> dict[str, list[Content]]:
        """What commits that HEAD has left say of cached outputs, if their pointers or pipelines are others than in HEAD."""
        found: dict[str, list[Content]] = {}
        now = self._revisions.named(self._head) if self._left else {}
        for commit in self._left:
            gone = (path for path, blob in self._revisions.named(commit).items() if now.get(path) != blob)
            if not any(_declares(self._project, path, now) for path in gone):
                continue
            for tracked in self._index(commit).tracked:
                if tracked.output.cached and tracked.recorded is not None and tracked.recorded.content is not None:
                    found.setdefault(tracked.output.path, []).append(tracked.recorded.content)
        return found

    def was_left(self, path: str) -> bool:
        """Whether it was no commit, and nothing that is yet to be one, that stopped to track `path`."""
        if self._index(self._head).overlapping(path):
            return False
        return next((not move.by_commit for move in self._moved if self._index(move.before).overlapping(path)), False)

    def _index(self, commit: str) -> Index:
        if commit not in self._known:
            self._known[commit], _ = load_revision(self._project, self._revisions.source(commit), commit[:7])
        return self._known[commit]


def _declares(project: Project, path: str, now: Iterable[str]) -> bool:
    """Whether a file that is gone or another may declare outputs that nobody declares now; a pointer's stay the same."""
    is_pointer = path.endswith(project.dialect.pointer_suffix)
    return path not in now if is_pointer else path.rpartition("/")[2] == project.dialect.pipeline


def _named(index: Index) -> set[str]:
    """What stages read, and what pipeline files name."""
    read = {dep for stage in index.stages.values() for dep in stage.deps}
    pipelines = index.pipelines.values()
    return read.union(*((*one.params_files, *one.metrics, *one.plot_files, *one.used) for one in pipelines))


def _is_left_alone(project: Project, ignore: Ignore, path: str) -> bool:
    """Whether ignore files name it, a link leads to it, or it belongs to a project in a folder of this one."""
    folders = list(ancestors(path))
    return (
        any(os.path.islink(project.abs(folder)) for folder in folders)
        or any(ignore.skip(folder, True) for folder in folders)
        or ignore.skip(path, os.path.isdir(project.abs(path)))
    )


def _is_safe(project: Project, path: str, content: Content, tell: Tell) -> bool:
    """Whether all that is there is as recorded, and kept; of a folder also a part, which a removal left that was cut off."""
    digest = content.digest
    # what cannot be read is nothing to stop at
    try:
        seen = look(project, path, tell, digest.algorithm)
    except (DvxError, OSError):
        return False
    if seen is None or (seen.tree is not None) != digest.is_tree:
        return False
    if seen.tree is None:
        return holds(seen.content, content, project.dialect) and is_kept(project, path, digest)
    try:
        whole = project.cache.read_tree(digest).by_path
    except (MissingData, Corrupted):
        return False
    entries = seen.tree.entries
    return bool(entries) and all(
        (known := whole.get(entry.path)) is not None
        and known.digest == entry.digest
        and (known.executable == entry.executable or not project.dialect.rich_trees)
        and is_kept(project, f"{path}/{entry.path}", entry.digest)
        for entry in entries
    )
