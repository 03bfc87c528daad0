"""trash, undo: bring back what commands took out of the workspace."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from dvx.errors import AtRisk, DvxError, UnknownTarget, UnsafePath, nearest
from dvx.model.paths import check_path, parent, printable
from dvx.project import Project
from dvx.store import files
from dvx.store.trash import Trashed


class Restored(Struct, frozen=True):
    """What came back, and the paths whose present content went to the trash in turn."""

    items: tuple[Trashed, ...]
    replaced: tuple[str, ...] = ()


class _Undo(Struct, frozen=True):
    """An `undo` under way: its `run` in the trash, when it began (seconds since the epoch), the ids of what it brings back."""

    run: str
    begun: float
    ids: frozenset[str]


def listing(project: Project) -> list[Trashed]:
    """What is in the trash, the newest first."""
    return project.trash.items()


def size_of(item: Trashed) -> int:
    """The bytes that a thing in the trash takes up."""
    if os.path.islink(item.place) or not os.path.isdir(item.place):
        return os.lstat(item.place).st_size
    places = (os.path.join(folder, name) for folder, _, names in os.walk(item.place) for name in names)
    return sum(os.lstat(place).st_size for place in places)


def restore(project: Project, targets: Sequence[str], *, force: bool) -> Restored:
    """Bring things back, by id or by path (then the newest of that path).

    Raises:
        UnknownTarget: there is no such thing in the trash.
        AtRisk: without `force`, something is in its place; nothing was changed.
    """
    items = project.trash.items()
    return _bring_back(project, list(dict.fromkeys(_pick(project, items, target) for target in targets)), force=force)


def empty(project: Project, items: Iterable[Trashed]) -> None:
    """Remove things for good."""
    for item in items:
        project.trash.drop(item)


def last_run(project: Project) -> tuple[Trashed, ...]:
    """What the last command took that took anything; after an `undo` that was cut short, what it has still to bring back."""
    items = project.trash.items()
    plan = _unfinished(project, items)
    if plan is not None:
        return tuple(item for item in items if item.id in plan.ids)
    return tuple(item for item in items if item.run == items[0].run) if items and items[0].run else ()


def undo(project: Project) -> Restored:
    """Bring back what the last command took; what is in its place goes to the trash, so that a second `undo` takes this one back.

    One that was cut short is finished first: what it meant to do stands in a file until all is done.

    Raises:
        DvxError: there is nothing to bring back.
    """
    plan = _unfinished(project, project.trash.items()) or _begun(project)
    project.trash.run = plan.run
    items = [item for item in project.trash.items() if item.id in plan.ids]
    restored = _bring_back(project, items, force=True)
    project.trash.sweep()
    files.remove(_place(project))
    return restored


def _place(project: Project) -> str:
    return os.path.join(project.state, "undo.json")


def _unfinished(project: Project, items: Sequence[Trashed]) -> _Undo | None:
    """The `undo` that was cut short, unless a later command took something."""
    try:
        plan = msgspec.json.decode(files.read(_place(project)), type=_Undo)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    is_last = not items or items[0].run == plan.run or items[0].taken <= plan.begun
    return plan if is_last else None


def _begun(project: Project) -> _Undo:
    items = last_run(project)
    if not items:
        raise DvxError(
            "there is nothing to undo: no command put anything into the trash in the last 14 days",
            "files that Git tracks come back with `git restore`, and data of an earlier commit with `dvx checkout` after it",
        )
    oldest = {item.path: item for item in items}
    for item in oldest.values():
        _check_place(project, item)
    plan = _Undo(project.trash.run, time.time(), frozenset(item.id for item in oldest.values()))
    files.write_atomic(_place(project), msgspec.json.encode(plan))
    return plan


def _bring_back(project: Project, items: Sequence[Trashed], *, force: bool) -> Restored:
    for item in items:
        _check_place(project, item)
    blocked = tuple(item.path for item in items if os.path.lexists(project.abs(item.path)))
    if blocked and not force:
        shown = ", ".join(f"`{printable(path)}`" for path in blocked[:5]) + (", ..." if len(blocked) > 5 else "")
        raise AtRisk(f"something else is there now: {shown}", blocked, "Use `--force` to put that into the trash instead.")
    for path in dict.fromkeys(blocked):
        project.trash.take(project.abs(path), path)
    project.trash.settle()
    for item in items:
        project.trash.put_back(item, project.abs(item.path))
    return Restored(tuple(items), blocked)


def _check_place(project: Project, item: Trashed) -> None:
    """The note in the trash is a file like any other: what it says is checked before it is believed."""
    if item.path.split("/")[0] != project.dialect.folder:
        check_path(item.path)
    real, root = os.path.realpath(project.abs(parent(item.path))), os.path.realpath(project.root)
    if real != root and not real.startswith(root + os.sep):
        raise UnsafePath(f"`{printable(item.path)}` lies behind a link that leaves the repository")
    above = parent(item.path)
    while above:
        if os.path.lexists(project.abs(above)) and not os.path.isdir(project.abs(above)):
            raise DvxError(f"`{printable(above)}` is a file where a folder belongs", "move it away")
        above = parent(above)


def _pick(project: Project, items: Sequence[Trashed], target: str) -> Trashed:
    by_id = {item.id: item for item in items}
    if target in by_id:
        return by_id[target]
    path = project.relative(target)
    for item in items:
        if item.path == path:
            return item
    known = [*(item.path for item in items), *by_id]
    raise UnknownTarget(
        f"`{printable(target)}` is not in the trash", nearest(target, known) or "`dvx trash list` shows what is in it"
    )
