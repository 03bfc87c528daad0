"""Revisions of which not every file can be read: what the others say counts, and these are named."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from dvx.errors import DvxError, Partial
from dvx.model.paths import parent, printable
from dvx.ops.index import Index, load_index
from dvx.ops.source import Source
from dvx.project import Project


def load_revision(project: Project, source: Source, name: str) -> tuple[Index, dict[str, str]]:
    """Everything tracked in the revision `name` but by files that cannot be read; these files, and why in words."""
    unread: dict[str, str] = {}

    def doubt(path: str, error: DvxError) -> None:
        unread[path] = f"could not read all of revision `{printable(name)}`: {error.message.splitlines()[0]}"

    return load_index(project, source, doubt), unread


def without_files(index: Index, files: Collection[str]) -> Index:
    """An index without what some pointers, pipeline and lock files say."""
    pointers = {path: pointer for path, pointer in index.pointers.items() if path not in files}
    locks = {parent(path) for path in files if path.rpartition("/")[2] == index.lock_name}
    pipelines = {path: one for path, one in index.pipelines.items() if path not in files and parent(path) not in locks}
    return replace(index, pointers=pointers, pipelines=pipelines)


def demand_read(unread: Sequence[str]) -> None:
    """Raise Partial if anything could not be read."""
    if unread:
        more = f" (and {len(unread) - 1} more)" if len(unread) > 1 else ""
        raise Partial(f"{unread[0]}{more}", "all else was done")
