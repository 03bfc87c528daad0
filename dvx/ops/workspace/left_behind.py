"""What a switch to another commit leaves in the workspace: data that only the commit tracks that HEAD was at before."""

from __future__ import annotations

import os
from collections.abc import Iterable

from dvx.errors import Corrupted, GitError, MissingData
from dvx.git import Git
from dvx.git.history import left_commits
from dvx.model.events import Tell
from dvx.model.paths import overlap
from dvx.model.tree import Content, holds
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
        found = _recorded_before(project, git, head)
    except GitError:
        return ()
    there = [path for path in found if os.path.lexists(project.abs(path))]
    if not there:
        return ()
    index = load_index(project)
    named = _named(index)
    unwanted = [path for path in there if not index.overlapping(path) and not any(overlap(path, one) for one in named)]
    unwanted = sorted(set(unwanted) - git.tracked(unwanted))
    return tuple(path for path in unwanted if any(_is_safe(project, path, content, tell) for content in found[path]))


def _recorded_before(project: Project, git: Git, head: str) -> dict[str, list[Content]]:
    """What commits say of cached outputs whose pointers or pipelines are others in HEAD."""
    commits = left_commits(git, _MOVES)
    if not commits:
        return {}
    revisions = RevisionFiles(project, git, (head, *commits))
    now = revisions.named(head)
    found: dict[str, list[Content]] = {}
    for commit in commits:
        gone = (path for path, blob in revisions.named(commit).items() if now.get(path) != blob)
        if not any(_declares(project, path, now) for path in gone):
            continue
        index, _ = load_revision(project, revisions.source(commit), commit[:7])
        for tracked in index.tracked:
            if tracked.output.cached and tracked.recorded is not None and tracked.recorded.content is not None:
                found.setdefault(tracked.output.path, []).append(tracked.recorded.content)
    return found


def _declares(project: Project, path: str, now: Iterable[str]) -> bool:
    """Whether a file that is gone or another may declare outputs that nobody declares now; a pointer's stay the same."""
    is_pointer = path.endswith(project.dialect.pointer_suffix)
    return path not in now if is_pointer else path.rpartition("/")[2] == project.dialect.pipeline


def _named(index: Index) -> set[str]:
    """What stages read, and what pipeline files name."""
    read = {dep for stage in index.stages.values() for dep in stage.deps}
    pipelines = index.pipelines.values()
    return read.union(*((*one.params_files, *one.metrics, *one.plot_files, *one.used) for one in pipelines))


def _is_safe(project: Project, path: str, content: Content, tell: Tell) -> bool:
    """Whether all that is there is as recorded, and kept; of a folder also a part, which a removal left that was cut off."""
    digest = content.digest
    seen = look(project, path, tell, digest.algorithm)
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
