"""trash: bring back what commands took out of the workspace."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from dvx.errors import AtRisk, DvxError, UnknownTarget, nearest
from dvx.model.events import Notice, Tell
from dvx.model.kept import Moment, convert_kept, read_kept
from dvx.model.paths import check_path, parent, printable
from dvx.model.upkeep.undo_facts import Placed, Stays
from dvx.ops.tracked.trackable import check_inside
from dvx.ops.workspace.detach import to_trash
from dvx.project import Project
from dvx.store import files
from dvx.store.trash import Trashed


class Restored(Struct, frozen=True):
    """What came back, and the paths whose present content went to the trash in turn."""

    items: tuple[Trashed, ...]
    replaced: tuple[str, ...] = ()


class _Plan(Struct, frozen=True):
    """What a `restore` of some `targets` brings back, by id: its `run` in the trash, when it began (seconds since the epoch)."""

    run: str
    begun: Moment
    ids: frozenset[str]
    targets: tuple[str, ...]


def listing(project: Project) -> list[Trashed]:
    """What is in the trash, the newest first."""
    return project.trash.items()


def tell_unreadable(project: Project, tell: Tell) -> None:
    """Name what is in the trash without a note that can be read: nothing is done with it."""
    found = project.trash.unreadable()
    if found:
        hint = f"what they hold is in `content` of folders of these names in `{project.trash.root}`; remove them yourself"
        tell(Notice(f"in the trash is what cannot be told, and is left alone: {', '.join(found[:5])}", hint))


def size_of(item: Trashed) -> int:
    """The bytes that a thing in the trash takes up."""
    if os.path.islink(item.place) or not os.path.isdir(item.place):
        return os.lstat(item.place).st_size
    places = (os.path.join(folder, name) for folder, _, names in files.walk_folders(item.place) for name in names)
    return sum(os.lstat(place).st_size for place in places)


def restore(project: Project, targets: Sequence[str], *, force: bool) -> Restored:
    """Bring things back, by id or by path (then the newest of that path). One that was cut short is finished.

    Raises:
        UnknownTarget: there is no such thing in the trash.
        AtRisk: without `force`, something is in its place; nothing was changed.
    """
    items = project.trash.items()
    plan = _unfinished(project, items, tuple(targets))
    if plan is not None:
        return _carry_out(project, plan, force=force)
    ids = frozenset(_pick(project, items, target).id for target in targets)
    return _carry_out(project, _Plan(project.trash.run, time.time(), ids, tuple(targets)), force=force)


def empty(project: Project, items: Sequence[Trashed]) -> None:
    """Remove things for good."""
    if items:
        project.undo.note(Stays("what was in the trash is gone"))
    for item in items:
        project.trash.drop(item)
    project.trash.sweep()


def _place(project: Project) -> str:
    return os.path.join(project.state, "restore.json")


def _unfinished(project: Project, items: Sequence[Trashed], targets: tuple[str, ...]) -> _Plan | None:
    """The `restore` of the same targets that was cut short, unless a later command took something."""
    try:
        plan = convert_kept(read_kept(files.read_note(_place(project))), _Plan)
    except (FileNotFoundError, ValueError):
        return None
    is_last = not items or items[0].run == plan.run or items[0].taken <= plan.begun
    return plan if is_last and plan.targets == targets else None


def _carry_out(project: Project, plan: _Plan, *, force: bool) -> Restored:
    """Bring back what is still in the trash. The plan stands in a file from before the first change until after the last."""
    project.trash.run = project.undo.run = plan.run
    items = [item for item in project.trash.items() if item.id in plan.ids]
    for item in items:
        check_place(project, item)
    blocked = tuple(item.path for item in items if os.path.lexists(project.abs(item.path)))
    if blocked and not force:
        shown = ", ".join(f"`{printable(path)}`" for path in blocked[:5]) + (", ..." if len(blocked) > 5 else "")
        raise AtRisk(f"something else is there now: {shown}", blocked, "Use `--force` to put that into the trash instead.")
    files.write_atomic(_place(project), json.dumps(msgspec.to_builtins(plan)).encode())
    for item in items:
        if item.path not in blocked:
            project.undo.places(Placed(item.path, None))
    for path in dict.fromkeys(blocked):
        to_trash(project, path)
    project.trash.settle()
    project.trash.put_back((item, project.abs(item.path)) for item in items)
    project.trash.sweep()
    files.remove(_place(project))
    return Restored(tuple(items), blocked)


def check_place(project: Project, item: Trashed) -> None:
    """The note in the trash is a file like any other: what it says is checked before it is believed."""
    if item.path != f"{project.dialect.folder}/config":
        check_path(item.path)
        check_inside(project, item.path)
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
