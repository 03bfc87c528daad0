"""move: give tracked data another name or place, together with its pointer and its ignore entry.

Until the data has moved both pointers stand; the old one goes last, so that a command that was killed can be run again. One that
fails takes back what it did.
"""

from __future__ import annotations

import os
from typing import Any

from msgspec import Struct

from dvx.errors import DvxError, GraphError, UnknownTarget, nearest, quoted
from dvx.formats import edit_yaml
from dvx.model.events import Notice, Tell, silent
from dvx.model.paths import join, parent, printable, relative, within
from dvx.model.pipelines.stage import is_url
from dvx.model.tracked.pointer import Pointer
from dvx.model.upkeep.undo_facts import Moved
from dvx.ops.stages.owners import for_git
from dvx.ops.tracked.git_ignored import demand_shared
from dvx.ops.tracked.gitignore import files_for, ignore, unignore
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.pointers import renew_checksum
from dvx.ops.tracked.text_files import text_of
from dvx.ops.tracked.trackable import check_owners, check_place
from dvx.ops.workspace.rollback import Rollback, check_movable, check_writable
from dvx.project import Project
from dvx.store import durable, files


class MoveResult(Struct, frozen=True):
    """Where the data is now, its pointer, and the files that belong into Git."""

    path: str
    pointer: str
    for_git: tuple[str, ...]


def move(project: Project, source: str, target: str, tell: Tell = silent) -> MoveResult:
    """Move what a pointer tracks (paths as typed); a `target` that is a folder takes it in. The recorded content stays.

    Raises:
        UnknownTarget: no pointer tracks `source`.
        DvxError: there is something at `target`.
        GraphError: `source` is an output of a stage, or `target` overlaps with what is tracked.
    """
    index = load_index(project)
    old, new = project.relative(source), project.relative(target)
    pointer = _pointer_of(index, old)
    if os.path.isdir(project.abs(new)) and not (new in index.by_path and not os.path.lexists(project.abs(old))):
        new = join(new, old.rpartition("/")[2])
    place = _pointer_place(project, pointer, old, new)
    text = _moved(project, pointer, new, place)
    _check(project, index, old, new)
    demand_shared(project, [place] if place != pointer.path else [])
    if place != pointer.path and place in index.pointers and text_of(project, place) != text:
        hint = f"run `dvx remove {quoted(place)}` first"
        raise GraphError(f"`{printable(new)}` is already tracked by `{printable(place)}`", hint)
    texts = [*files_for(project, [old, new]), place, pointer.path]
    check_writable(project, [*texts, old, new])
    check_movable(project, old, new)
    with Rollback(project, tell) as back:
        back.keep(texts)
        changed = list(ignore(project, [new])) if pointer.outs[0][0].cached else []
        with project.lock(place):
            project.write(place, text)
        back.moves(old, new)
        _move_data(project, old, new)
        changed += unignore(project, [old])
        if place != pointer.path:
            project.drop(pointer.path)
    for stage in index.stages.values():
        if any(within(dep, old) for dep in stage.deps):
            tell(Notice(f"the stage `{stage.address}` depends on `{printable(old)}`", f"change it in `{stage.file}`"))
    there = [path for path in (place, *changed) if os.path.exists(project.abs(path))]
    gone = {pointer.path, *changed} - {*there}
    return MoveResult(new, place, for_git(project, there, gone))


def _pointer_of(index: Index, path: str) -> Pointer:
    path = path if path not in index.pointers else index.pointers[path].outs[0][0].path
    tracked = index.by_path.get(path)
    if tracked is None:
        owner = index.owner_of(path)
        if owner is not None:
            whole = printable(owner.output.path)
            hint = f"move it yourself, then add `{whole}`"
            raise UnknownTarget(f"`{printable(path)}` lies in `{whole}`, which is tracked as a whole", hint)
        known = [each.output.path for each in index.tracked if each.owner == each.file]
        raise UnknownTarget(f"no pointer tracks `{printable(path)}`", nearest(path, known) or "to move a plain file, use `mv`")
    if tracked.owner not in index.pointers:
        hint = f"change the path in `{tracked.file}`, and in the command"
        raise GraphError(f"`{printable(path)}` is an output of the stage `{tracked.owner}`", hint)
    pointer = index.pointers[tracked.owner]
    if len(pointer.outs) > 1:
        raise DvxError(f"`{printable(pointer.path)}` tracks several paths", "add each of them by itself first")
    return pointer


def _pointer_place(project: Project, pointer: Pointer, old: str, new: str) -> str:
    """Beside the data; a pointer with a name or place of its own stays where it is."""
    suffix = project.dialect.pointer_suffix
    return new + suffix if pointer.path == old + suffix else pointer.path


def _moved(project: Project, pointer: Pointer, new: str, place: str) -> str:
    """The pointer's text for its new place."""
    folder = parent(place)

    def edit(document: Any) -> None:
        if place != pointer.path:
            document.pop("wdir", None)
            for dep in document.get("deps") or ():
                _rewrite(dep, pointer.workdir, folder)
        document["outs"][0]["path"] = relative(new, folder if place != pointer.path else pointer.workdir)
        if document.get("deps"):
            renew_checksum(document)

    return edit_yaml(text_of(project, pointer.path), edit, pointer.path)


def _rewrite(dep: Any, old: str, folder: str) -> None:
    """The path of an import's source, seen from another folder; URLs and paths in other repositories stay."""
    written = dep.get("path", "")
    if "repo" not in dep and "db" not in dep and not is_url(written) and not written.startswith("/"):
        dep["path"] = relative(join(old, written), folder)


def _check(project: Project, index: Index, old: str, new: str) -> None:
    """Refuse a move onto something; what an interrupted move of the same left is no obstacle."""
    shown = printable(new)
    if old == new or within(new, old):
        raise DvxError(f"`{printable(old)}` cannot be moved to `{shown}`", "choose another name")
    is_done = new in index.by_path and not os.path.lexists(project.abs(old))
    if os.path.lexists(project.abs(new)) and not is_done:
        raise DvxError(f"`{shown}` exists", "move it away, or choose another name")
    check_place(project, new, is_folder=os.path.isdir(project.abs(old)))
    check_owners(project, index, new)


def _move_data(project: Project, old: str, new: str) -> None:
    source, target = project.abs(old), project.abs(new)
    if not os.path.lexists(source):
        return
    files.make_folder(os.path.dirname(target))
    project.undo.note(Moved(old, new))
    try:
        files.move_new(source, target)
    except FileExistsError:
        raise DvxError(f"`{printable(new)}` appeared meanwhile", "move it away, then run the same command again") from None
    for place in {os.path.dirname(source), os.path.dirname(target)}:
        durable.sync_folder(place)
