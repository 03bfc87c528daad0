"""Rooms: work trees of their own for experiments, and for commands of stages, with the cache and the settings of the project."""

from __future__ import annotations

import os
from collections.abc import Iterable

from msgspec.structs import replace

from dvx.config.own import check_own
from dvx.errors import DvxError, UnsafePath, quoted
from dvx.git.submodules import fill_submodules
from dvx.git.worktrees import add_work_tree, record_of
from dvx.model.canonical import json_sorted
from dvx.model.digest import digest_bytes
from dvx.model.events import Notice, Tell
from dvx.model.kept import OWN_FOLDER
from dvx.model.paths import printable
from dvx.model.pipelines.run import Run, State
from dvx.model.setup import ini
from dvx.model.setup.power import Power, power_of
from dvx.model.setup.settings import Level, is_path
from dvx.ops.pipelines.overrides import edits_of
from dvx.ops.setup.configuration import PRIVATE
from dvx.ops.setup.trust import carry_over, drop_file
from dvx.ops.stages.running_lock import claims
from dvx.ops.stages.worker_locks import home_of
from dvx.ops.tracked.index import SelectOptions, load_index, select
from dvx.ops.tracked.refs import git_of
from dvx.ops.workspace.checkout import recorded, restore
from dvx.project import Project
from dvx.store import files
from dvx.store.stats import StatCache
from dvx.store.trash import Trash
from dvx.store.undo import UndoLog


def create_worktree(project: Project, task: Run, tell: Tell) -> Project:
    """The room of a task, made if there is none: Git's files as in its snapshot, with its overrides, and the data they name.

    What a dead worker had finished in it is still there.

    Raises:
        DvxError: an override or a path to copy does not fit any more.
        UnsafePath: the snapshot holds what belongs to dvx alone.
    """
    git = git_of(project)
    room = worktree_at(project, task.ident)
    ready = os.path.join(room.state, "ready")
    if os.path.exists(ready) and not os.path.islink(_top(project, task.ident)):
        return room
    remove_worktree(project, task.ident)
    add_work_tree(git, _top(project, task.ident), task.baseline, task.snapshot)
    try:
        check_own(room.root, room.dialect, project.config.environ)
    except UnsafePath:
        remove_worktree(project, task.ident)
        raise
    for path in fill_submodules(git, _top(project, task.ident), os.path.join(git_of(room).folder, "submodule-index")):
        lost = f"the submodule `{printable(path)}` is left empty for the experiment: its commit is not in its repository here"
        tell(Notice(lost, f"run `git submodule update --init {quoted(path)}`, then run the experiment again"))
    _settle(project, room)
    for path, data in edits_of(room, task.overrides, hydra=task.composes).items():
        files.write_atomic(room.abs(path), data)
    for path in task.copied:
        _copy(project, room, path)
    contents, _ = recorded(select(room, load_index(room), (), SelectOptions()))
    restore(room, contents, tell, force=True, allow_missing=True)
    files.write_atomic(ready, b"")
    return room


def create_empty_worktree(project: Project, ident: str, commit: str) -> Project:
    """A new room with no files but dvx's settings; its HEAD is `commit`, whatever was there is gone."""
    remove_worktree(project, ident)
    add_work_tree(git_of(project), _top(project, ident), commit)
    room = worktree_at(project, ident)
    _settle(project, room)
    return room


def remove_worktree(project: Project, ident: str) -> None:
    """Remove the room of a task, or of a stage, with all that is in it; objects in the cache stay."""
    _remove(project, _top(project, ident))


def remove_old_worktrees(project: Project, tasks: Iterable[Run]) -> list[str]:
    """Remove the rooms of all but the tasks that wait or run and the stages that are worked on; returns their names."""
    folder = os.path.join(project.state, "exps", "rooms")
    idents = [one.ident for one in tasks if one.state in (State.QUEUED, State.RUNNING)]
    kept = {os.path.basename(_top(project, one)) for one in (*idents, *(ident_of(project, slug) for slug in claims(project)))}
    gone = [name for name in files.names_in(folder, OWN_FOLDER) if name not in kept]
    for name in gone:
        _remove(project, os.path.join(folder, name))
    return gone


def _remove(project: Project, top: str) -> None:
    # the folder last: as long as it is there, somebody will see that it is to go
    git = git_of(project)
    for place in (record_of(git, top), top):
        if os.path.lexists(place):
            files.remove_tree(place)
    private = os.path.join(os.path.realpath(top), git.prefix, project.dialect.folder, "config.local")
    drop_file(project.root, project.config.environ, private)


def existing_worktree(project: Project, ident: str) -> Project | None:
    """The room of a task, or of a stage, as it is; None if there is none."""
    room = worktree_at(project, ident)
    return room if os.path.isdir(room.root) and not os.path.islink(_top(project, ident)) else None


def ident_of(project: Project, slug: str) -> str:
    """What names the room of a stage; Git keeps those of all work trees of a repository in one folder."""
    return digest_bytes(json_sorted([project.root, slug]).encode(), "sha256").hex[:40]


def _top(project: Project, ident: str) -> str:
    return os.path.join(project.state, "exps", "rooms", ident[:16])


def worktree_at(project: Project, ident: str) -> Project:
    """The room of a task, or of a stage, as a project; it may not be there."""
    root = os.path.join(_top(project, ident), git_of(project).prefix).rstrip(os.sep)
    state = os.path.join(root, project.dialect.folder, project.dialect.state_folder)
    undo = UndoLog(os.path.join(state, "undo"))
    return replace(
        project,
        root=root,
        cwd=root,
        stats=StatCache(os.path.join(state, "stats.db")),
        trash=Trash(os.path.join(state, "trash"), undo.run),
        undo=undo,
        state=state,
        home=home_of(project),
    )


def _settle(project: Project, room: Project) -> None:
    """Let commands that use dvx in the room find the cache and the remotes, too: relative paths lead elsewhere from there."""
    config = project.config
    document = config.document(Level.LOCAL)
    for setting in config.upto(Level.LOCAL).settings.values():
        # what a tracked file says of commands is not honored, and must not be in a private one
        shared = setting.level is Level.REPO and power_of(setting.name) is Power.COMMAND
        if setting.level in (Level.REPO, Level.LOCAL) and is_path(setting) and not shared:
            document = document.put(setting.name.title, setting.name.option, config.value(setting))
    document = document.put("cache", "dir", os.path.abspath(project.cache.root))
    # as private as the file that it comes from
    files.write_atomic(os.path.join(room.root, room.dialect.folder, "config.local"), ini.render(document).encode(), mode=PRIVATE)
    carry_over(config, room.root, room.dialect)


def _copy(project: Project, room: Project, path: str) -> None:
    source = project.abs(path)
    if not os.path.exists(source):
        raise DvxError(f"`{printable(path)}`, which is to be copied for the experiment, does not exist any more", "queue it anew")
    if not os.path.isdir(source):
        _copy_file(source, room.abs(path))
        return
    for folder, _, names in files.walk_folders(source):
        target = os.path.join(room.abs(path), os.path.relpath(folder, source))
        files.make_folder(target)
        for name in names:
            _copy_file(os.path.join(folder, name), os.path.join(target, name))


def _copy_file(source: str, target: str) -> None:
    files.make_folder(os.path.dirname(target))
    if not os.path.lexists(target):
        files.copy_file(source, target, files.NEW_EXECUTABLE if os.access(source, os.X_OK) else files.NEW_FILE)
