"""undo, redo: take back what a command did to files, data, refs and the queue, whole."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from msgspec import Struct

from dvx.errors import AtRisk, DvxError, MissingData
from dvx.git import RefChange
from dvx.git.changing import is_checked_out
from dvx.model.events import Tell, silent
from dvx.model.experiments.refs import EXPERIMENTS
from dvx.model.paths import printable
from dvx.model.pipelines.run import decode_run
from dvx.model.tree import Content, decode_tree
from dvx.model.upkeep.undo_facts import Began, Ended, Forgot, Left, Moved, Placed, Queued, Returns
from dvx.model.upkeep.undo_log import Undoable
from dvx.ops.stages.owners import for_git
from dvx.ops.tracked.refs import change_refs, git_of, hold
from dvx.ops.tracked.trackable import check_inside
from dvx.ops.upkeep.undo import UndoPlan, bytes_at, index_of, placed_by, refs_of, returning, shown_ref, sum_of, tasks_of
from dvx.ops.workspace.checkout import arrange, clear, restore
from dvx.ops.workspace.detach import to_trash
from dvx.ops.workspace.observe import look
from dvx.ops.workspace.overwrites import note_placed
from dvx.ops.workspace.protect import free
from dvx.ops.workspace.trash import check_place
from dvx.project import Project
from dvx.store import durable, files
from dvx.store.trash import Trashed


class Undone(Struct, frozen=True):
    """`replaced` are paths whose present content went to the trash, `missing` those whose old content is nowhere any more."""

    began: Began
    touched: tuple[str, ...]
    replaced: tuple[str, ...]
    missing: tuple[str, ...]


def carry_out(project: Project, planned: UndoPlan, tell: Tell = silent, *, force: bool = False) -> Undone:
    """Do it. All of it stands in the log before anything changes, so that one that was cut short is finished by the next.

    Raises:
        AtRisk: without `force`, something changed since; nothing was done then.
    """
    if planned.changed and not force:
        shown = ", ".join(f"`{printable(name)}`" for name in planned.changed[:5]) + (", ..." if len(planned.changed) > 5 else "")
        hint = "`--force` takes it back all the same, and puts changed files into the trash"
        raise AtRisk(f"changed since `{planned.began.command}`: {shown}", planned.changed, hint)
    entry, log = planned.entry, project.undo
    items = returning(project, entry, planned.left)
    for item in items:
        check_place(project, item)
    if planned.left is not None:
        log.resume(planned.left.run, planned.left.facts)
        project.trash.run = log.run
    log.command = log.command or "undo"
    log.of, log.again = entry.run, planned.again
    if planned.left is None:
        log.note(Returns({item.id: item.path for item in items}))
    begun = planned.left.all(Returns) if planned.left is not None else []
    back = {item.path for item in items}.union(*(one.items.values() for one in begun))
    placed = placed_by(entry)
    for path in placed:
        note_placed(project, path, look(project, path, tell, project.algorithm))
    replaced = _return(project, items)
    replaced += _rewrite(project, entry, back)
    _move_back(project, entry)
    missing = _place(project, {path: one for path, one in placed.items() if one.old is not None or path not in back}, tell)
    _set_refs(project, entry)
    _requeue(project, entry)
    there = [path for path in entry.written() if os.path.exists(project.abs(path))]
    for_git(project, there, set(entry.written()) - {*there})
    project.trash.sweep()
    for path in dict.fromkeys((*(item.path for item in items), *placed)):
        seen = look(project, path, tell, project.algorithm)
        if seen is not None:
            log.note(Left(path, seen.content))
    log.note(Ended())
    return Undone(planned.began, planned.touched, tuple(replaced), tuple(missing))


def _return(project: Project, items: Sequence[Trashed]) -> list[str]:
    """Bring things back from the trash; what is in their place goes there."""
    blocked = [item.path for item in items if os.path.lexists(project.abs(item.path))]
    for item in items:
        if item.path not in blocked:
            project.undo.places(Placed(item.path, None))
    for path in blocked:
        to_trash(project, path)
    project.trash.settle()
    project.trash.put_back((item, project.abs(item.path)) for item in items)
    return blocked


def _rewrite(project: Project, entry: Undoable, done: set[str]) -> list[str]:
    """Give files of text what they held before; data that nothing tracks any more becomes the user's own."""
    before = index_of(project)
    tracked = {one.output.path for one in before.tracked if one.output.cached} if before else set()
    trashed = []
    for path, one in entry.written().items():
        now = bytes_at(project, path)
        if path in done or now == one.old:
            continue
        if not path.startswith(f"{project.dialect.folder}/"):
            check_inside(project, path)
        if one.old is None and before is not None:
            free(project, [each.output.path for each in before.tracked if each.file == path and each.owner == path])
        if now is not None and sum_of(now) != one.new:
            to_trash(project, path)
            project.trash.settle()
            trashed.append(path)
        if one.old is None:
            project.drop(path)
        else:
            project.write(path, one.old, mode=one.mode)
    after = index_of(project)
    if before is not None and after is not None:
        free(project, sorted(tracked - after.by_path.keys()))
    return trashed


def _move_back(project: Project, entry: Undoable) -> None:
    for one in reversed(entry.all(Moved)):
        source, target = project.abs(one.source), project.abs(one.target)
        if not os.path.lexists(target):
            continue
        check_inside(project, one.source)
        check_inside(project, one.target)
        if os.path.lexists(source):
            to_trash(project, one.source)
            project.trash.settle()
        files.make_folder(os.path.dirname(source))
        project.undo.note(Moved(one.target, one.source))
        files.move_new(target, source)
        durable.barrier({os.path.dirname(source), os.path.dirname(target)}, project.root)


def _place(project: Project, placed: Mapping[str, Placed], tell: Tell) -> list[str]:
    """Let paths hold what they held; returns what of that is nowhere any more."""
    missing: list[str] = []
    for path, one in placed.items():
        check_inside(project, path)
        try:
            if one.old is None:
                clear(project, [path], tell)
            elif not one.old.digest.is_tree:
                restore(project, {path: one.old}, tell, force=True)
            else:
                missing += _arrange(project, one.path, one.old, one.tree, tell)
        except MissingData:
            missing.append(path)
    return missing


def _arrange(project: Project, path: str, content: Content, encoded: bytes, tell: Tell) -> list[str]:
    tree = decode_tree(encoded, content.digest.algorithm) if encoded else project.cache.read_tree(content.digest)
    seen = look(project, path, tell, content.digest.algorithm)
    now = seen.tree.by_path if seen is not None and seen.tree is not None else {}
    # what is nowhere does not go for it
    lacking = {entry.path for entry in tree.entries if now.get(entry.path) != entry and not project.cache.has(entry.digest)}
    lacking -= {path for path, entry in now.items() if tree.by_path.get(path) and tree.by_path[path].digest == entry.digest}
    entries = [now.get(entry.path, entry) if entry.path in lacking else entry for entry in tree.entries]
    arrange(project, path, [entry for entry in entries if entry.path not in lacking or entry.path in now], tell)
    return [f"{path}/{name}" for name in sorted(lacking)]


def _set_refs(project: Project, entry: Undoable) -> None:
    refs = refs_of(entry)
    if not refs:
        return
    git = git_of(project)
    now = git.refs(EXPERIMENTS, "refs/heads/")
    commits = {commit for name, commit in now.items() if name.startswith(EXPERIMENTS)}
    changes = []
    for name, one in refs.items():
        if now.get(name, "") == one.old:
            continue
        if not name.startswith(EXPERIMENTS) and not one.old and (is_checked_out(git, name) or now[name] not in commits):
            raise DvxError(f"`{shown_ref(name)}` is in use", "check out another branch, and remove it with `git branch -d`")
        changes.append(RefChange(name, one.old or None, now.get(name)))
    change_refs(git, changes, project.undo)


def _requeue(project: Project, entry: Undoable) -> None:
    lost, fresh = entry.all(Forgot), entry.all(Queued)
    if not lost and not fresh:
        return
    from dvx.ops.experiments.queue import SNAPSHOTS, remove_tasks
    from dvx.ops.pipelines.run_record import open_registry

    there = {
        one.ident for one in tasks_of(project, [*(decode_run(one.task).ident for one in lost), *(one.ident for one in fresh)])
    }
    wanted = [task for task in (decode_run(one.task) for one in lost) if task.ident not in there]
    for task in wanted:
        if task.snapshot:
            hold(git_of(project), SNAPSHOTS + task.snapshot, task.snapshot)
        project.undo.note(Queued(task.ident))
    if wanted:
        open_registry(project).change(lambda _: (wanted, ()))
    gone = [one.ident for one in fresh if one.ident in there]
    if gone:
        remove_tasks(project, gone, ())
