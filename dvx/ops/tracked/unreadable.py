"""Files that cannot be read: what the others say counts, and these are named."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec.structs import replace

from dvx.errors import DvxError, Partial, UnknownTarget
from dvx.model.events import Notice, Tell, silent
from dvx.model.paths import join, parent, printable
from dvx.ops.tracked.index import Index, Selected, SelectOptions, load_index, select
from dvx.ops.tracked.sources import Source
from dvx.project import Project

Search = Callable[[Index], Iterable[str]]
"""Gives the owners of a command's targets, pointers by path and stages by address; raises UnknownTarget."""


def load_revision(project: Project, source: Source, name: str) -> tuple[Index, dict[str, str]]:
    """Everything tracked in the revision `name` but by files that cannot be read; these files, and why in words."""
    return _load(project, source, f"could not read all of revision `{printable(name)}`")


def load_readable(project: Project, tell: Tell = silent) -> tuple[Index, dict[str, str]]:
    """The same of the workspace, in which each file that cannot be read is told of, too."""
    index, unread = _load(project, None, "could not read all of the workspace")
    for text in unread.values():
        tell(Notice(text))
    return index, unread


def load_for(project: Project, targets: Sequence[str], search: Search, tell: Tell = silent) -> Index:
    """What the workspace tracks, for a command that is about `targets`: files that it does not need may be broken.

    Without targets it needs all of them.

    Raises:
        FormatError: a file that cannot be read may be meant by a target, or is the lock of a stage that is.
        UnknownTarget: there is no such file as a target names.
    """
    unread: dict[str, DvxError] = {}
    index = load_index(project, doubt=unread.__setitem__)
    if not unread:
        return index
    if not targets:
        raise next(iter(unread.values()))
    try:
        stages = [index.stages[owner] for owner in search(index) if owner in index.stages]
    except UnknownTarget as unknown:
        raise _reason(project, targets, unread) or unknown from None
    for stage in stages:
        lock = join(parent(stage.file), index.lock_name)
        if lock in unread:
            raise unread[lock]
    for path, error in unread.items():
        why = error.message.splitlines()[0].removeprefix(f"{error.place}: ")
        tell(Notice(f"left out `{printable(path)}`, which cannot be read: {why}", error.hint, error.place))
    return index


def select_for(project: Project, targets: Sequence[str], options: SelectOptions, tell: Tell = silent) -> tuple[Selected, ...]:
    """The outputs that the targets of a command mean in the workspace; raises like `load_for`."""

    def search(index: Index) -> list[str]:
        return [one.tracked.owner for one in select(project, index, targets, options)]

    # what folders, patterns and needs mean depends on all files
    index = load_for(project, targets if options == SelectOptions() else (), search, tell)
    return select(project, index, targets, options)


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


def _load(project: Project, source: Source | None, where: str) -> tuple[Index, dict[str, str]]:
    unread: dict[str, str] = {}

    def doubt(path: str, error: DvxError) -> None:
        unread[path] = f"{where}: {error.message.splitlines()[0]}"

    return load_index(project, source, doubt), unread


def _reason(project: Project, targets: Sequence[str], unread: Mapping[str, DvxError]) -> DvxError | None:
    """The file that cannot be read and may be why there is nothing that a target names; None if none can be."""
    dialect = project.dialect
    files = [project.relative(target.rpartition(":")[0] or target) for target in targets]
    for path, error in unread.items():
        if path in files or path.removesuffix(dialect.pointer_suffix) in files:
            return error
    is_answered = all(dialect.is_machinery(file.rpartition("/")[2]) for file in files)
    return None if is_answered else next(iter(unread.values()))
