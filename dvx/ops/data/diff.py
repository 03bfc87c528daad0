"""diff: tracked data of two revisions, or of a revision and the workspace, compared file by file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from dvx.errors import DvxError, UnknownTarget, nearest
from dvx.model.data.changes import Changes, DiffItem
from dvx.model.events import Tell, silent
from dvx.ops.data.snapshots import Snapshots, scope_of
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.sources import Revision
from dvx.ops.tracked.unreadable import load_revision, without_files
from dvx.project import Project


class Diff(Struct, frozen=True):
    """What changed, and in a comparison with the workspace those old items whose objects the cache lacks.

    `unread` says what could not be read: files of the revisions, with all that they name, and paths of the workspace.
    """

    changes: Changes = field(default_factory=Changes)
    not_in_cache: tuple[DiffItem, ...] = ()
    unread: tuple[str, ...] = ()


def diff(project: Project, old: str = "HEAD", new: str = "", targets: Sequence[str] = (), tell: Tell = silent) -> Diff:
    """Compare the revision `old` with the revision `new`, or with the workspace if that is empty.

    Trees are read where digests differ. Before the first commit there is nothing to compare.

    Raises:
        DvxError: the project is without Git.
        UnknownTarget: a revision does not exist, or a target is on neither side.
    """
    if project.git is None:
        raise DvxError("revisions need Git, and this project is without", "use `dvx status` to look at the workspace")
    if project.git.head() is None:
        return Diff()
    before, after = project.git.resolve(old), project.git.resolve(new) if new else ""
    first, unread = load_revision(project, Revision(project, before), old)
    second, lost = load_revision(project, Revision(project, after), new) if after else (load_index(project), {})
    indexes = without_files(first, lost), without_files(second, unread)
    scope, unknown = scope_of(project, indexes, targets)
    if unknown:
        raise UnknownTarget(
            f"`{unknown[0]}` is tracked on neither side",
            nearest(unknown[0], _names(indexes)) or "`dvx ls --dvc-only -R` shows what is",
        )
    snapshots = Snapshots(project, scope, tell)
    recorded = snapshots.recorded(indexes[0])
    present = snapshots.recorded(indexes[1]) if after else snapshots.workspace(indexes[1])
    changes = snapshots.compare(recorded, present, granular=True)
    absent = () if after else snapshots.not_cached(snapshots.known(recorded, granular=True).values())
    return Diff(changes, absent, (*unread.values(), *lost.values(), *snapshots.unread.values()))


def as_json(found: Diff, *, hashes: bool, missing: bool) -> dict[str, list[Any]]:
    """The shape that DVC prints; empty when nothing is to be told. Hashes and missing objects come on request."""
    changes = found.changes
    document: dict[str, list[Any]] = {
        "added": [_row(item.label, item.digest.hex) for item in changes.added],
        "deleted": [_row(item.label, item.digest.hex) for item in changes.deleted],
        "modified": [_row(pair.old.label, {"old": pair.old.digest.hex, "new": pair.new.digest.hex}) for pair in changes.modified],
        "renamed": [_row({"old": pair.old.label, "new": pair.new.label}, pair.old.digest.hex) for pair in changes.renamed],
        "not in cache": [_row(item.label, item.digest.hex) for item in found.not_in_cache],
    }
    if not any(document.values()):
        return {}
    if not missing:
        del document["not in cache"]
    shown = {key: sorted(rows, key=_place) for key, rows in document.items()}
    return shown if hashes else {key: [{"path": row["path"]} for row in rows] for key, rows in shown.items()}


def _row(path: str | dict[str, str], digest: str | dict[str, str]) -> dict[str, Any]:
    return {"path": path, "hash": digest}


def _place(row: Mapping[str, Any]) -> str:
    path = row["path"]
    return str(path) if isinstance(path, str) else str(path["old"])


def _names(indexes: Sequence[Index]) -> list[str]:
    return [name for index in indexes for tracked in index.tracked for name in (tracked.output.path, tracked.owner)]
