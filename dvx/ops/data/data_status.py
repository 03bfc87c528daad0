"""data status: tracked data in the last commit, in the pointers and locks, and in the workspace, compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from dvx.git.worktree import WorkTree, examine
from dvx.model.data.changes import Changes, DiffItem, Items
from dvx.model.events import Tell, silent
from dvx.model.paths import within
from dvx.ops.data.snapshots import Snapshots, scope_of
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.sources import Revision
from dvx.ops.tracked.unreadable import load_revision, without_files
from dvx.ops.transfer.plans import Remotes
from dvx.ops.transfer.scope import SyncOptions, find_scope
from dvx.project import Project


class DataStatusOptions(Struct, frozen=True):
    """What to look at. `granular` also compares files in directories; `remote` is a name, or empty for the default one."""

    targets: tuple[str, ...] = ()
    granular: bool = False
    untracked: bool = False
    not_in_remote: bool = False
    remote: str = ""


class DataStatus(Struct, frozen=True):
    """`committed` is what pointers and locks say against the last commit, `uncommitted` the workspace against them.

    `unread` says which files of the last commit, and which paths of the workspace, could not be read, and are left out.
    `git_dirty` when Git sees changes, `git_empty` when there is no commit yet.
    """

    committed: Changes = field(default_factory=Changes)
    uncommitted: Changes = field(default_factory=Changes)
    not_in_cache: tuple[DiffItem, ...] = ()
    not_in_remote: tuple[DiffItem, ...] = ()
    unchanged: tuple[DiffItem, ...] = ()
    untracked: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    git_dirty: bool = False
    git_empty: bool = False


def data_status(project: Project, options: DataStatusOptions, tell: Tell = silent) -> DataStatus:
    """Compare; nothing but statistics is written.

    Raises:
        FormatError: a pointer, pipeline or lock cannot be understood.
        UnknownTarget, RemoteError: with `not_in_remote`, when there is no such remote, or it cannot be reached.
    """
    index = load_index(project)
    commit = project.git.head() if project.git is not None else None
    head, unread = load_revision(project, Revision(project, commit), "HEAD") if commit else (Index(), {})
    scope, unknown = scope_of(project, (index, head), options.targets)
    scope += tuple(project.relative(target) for target in unknown)
    snapshots = Snapshots(project, scope, tell)
    recorded = snapshots.recorded(index)
    uncommitted = snapshots.compare(recorded, snapshots.workspace(index), granular=options.granular)
    committed = Changes()
    if project.git is not None:
        comparable = snapshots.recorded(without_files(index, unread))
        committed = snapshots.compare(snapshots.recorded(head), comparable, granular=options.granular)
    seen = examine(project.git, untracked=options.untracked) if project.git is not None else WorkTree((), False)
    known = snapshots.known(recorded, granular=options.granular)
    return DataStatus(
        committed=committed,
        uncommitted=uncommitted,
        not_in_cache=snapshots.not_cached(known.values()),
        not_in_remote=_not_in_remote(project, options, snapshots) if options.not_in_remote else (),
        unchanged=_unchanged(known, (committed, uncommitted), snapshots.unread),
        untracked=tuple(path for path in seen.untracked if not scope or any(within(path, one) for one in scope)),
        unread=(*unread.values(), *snapshots.unread.values()),
        git_dirty=seen.is_dirty,
        git_empty=project.git is not None and commit is None,
    )


def as_json(status: DataStatus) -> dict[str, Any]:
    """The shape that DVC prints: lists of paths, a slash at the end of directories; what is empty is left out."""
    document = {
        "not_in_cache": [item.label for item in status.not_in_cache],
        "not_in_remote": [item.label for item in status.not_in_remote],
        "committed": _changes(status.committed),
        "uncommitted": _changes(status.uncommitted),
        "untracked": list(status.untracked),
        "unchanged": [item.label for item in status.unchanged],
    }
    return {key: value for key, value in document.items() if value}


def _changes(changes: Changes) -> dict[str, list[Any]]:
    parts: dict[str, list[Any]] = {
        "modified": [pair.new.label for pair in changes.modified],
        "renamed": [{"old": pair.old.label, "new": pair.new.label} for pair in changes.renamed],
        "added": [item.label for item in changes.added],
        "deleted": [item.label for item in changes.deleted],
        "unknown": [item.label for item in changes.unknown],
    }
    return {key: value for key, value in parts.items() if value}


def _unchanged(known: Items, both: Iterable[Changes], unread: Iterable[str]) -> tuple[DiffItem, ...]:
    touched = set(unread)
    for changes in both:
        touched |= {item.path for item in (*changes.added, *changes.deleted, *changes.unknown)}
        touched |= {item.path for pair in (*changes.modified, *changes.renamed) for item in (pair.old, pair.new)}
    return tuple(item for path, item in sorted(known.items()) if path not in touched)


def _not_in_remote(project: Project, options: DataStatusOptions, snapshots: Snapshots) -> tuple[DiffItem, ...]:
    """What would be pushed and is not at its remote. The remote is asked; nothing is remembered."""
    remotes = Remotes(project, options.remote, 0)
    found: list[DiffItem] = []
    for name, items in find_scope(project, SyncOptions(remote=options.remote)).items.items():
        wanted = snapshots.known(
            {item.path: DiffItem(item.path, item.content.digest) for item in items}, granular=options.granular
        )
        missing = remotes.open(name).missing(item.digest for item in wanted.values())
        found += [item for item in wanted.values() if item.digest in missing]
    return tuple(sorted(found, key=lambda item: item.path))
