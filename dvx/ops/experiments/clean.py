"""exp clean: what experiments that were killed leave behind."""

from __future__ import annotations

import os

from dvx.model.events import Notice, Tell
from dvx.model.kept import TASK_LOG
from dvx.model.paths import printable
from dvx.ops.experiments.queue import release, snapshots
from dvx.ops.experiments.share import sweep_incoming
from dvx.ops.pipelines.run_record import known_experiments, open_registry
from dvx.ops.pipelines.worktrees import remove_old_worktrees
from dvx.ops.stages.worker_locks import remove_dead
from dvx.ops.tracked.refs import git_of, sweep_locks
from dvx.project import Project
from dvx.store import files
from dvx.store.scratch import sweep


def clean(project: Project, tell: Tell) -> tuple[str, ...]:
    """Remove work trees, refs, locks and logs that belong to no experiment any more; returns their names.

    What waits, runs or failed keeps its own; a work tree in which a worker died is kept too, as its run goes on there. While
    something in the list of runs cannot be read, all work trees and logs stay.
    """
    folder = os.path.join(project.state, "exps")
    sweep_locks(git_of(project))
    gone = list(sweep_incoming(project))
    if not tell_unreadable(project, tell):
        tasks = open_registry(project).experiments()
        gone += remove_old_worktrees(project, tasks)
        logs = {f"{one.ident}.log" for one in tasks}
        for name in files.names_in(os.path.join(folder, "logs"), TASK_LOG):
            if name not in logs:
                gone.append(name)
                files.remove(os.path.join(folder, "logs", name))
    remove_dead(project)
    sweep(os.path.join(folder, "scratch"))
    release(project, snapshots(project))
    return tuple(gone)


def sweep_rooms(project: Project) -> None:
    """Remove the work trees of experiments that are done, unless something in the list of runs cannot be read."""
    if not open_registry(project).unreadable():
        remove_old_worktrees(project, known_experiments(project))


def tell_unreadable(project: Project, tell: Tell) -> bool:
    """Name what in the list of runs cannot be read, and is left alone; returns whether there is anything."""
    found = open_registry(project).unreadable()
    if found:
        shown = ", ".join(f"`{printable(name[:40])}`" for name in found[:5]) + (", ..." if len(found) > 5 else "")
        place = f"{project.dialect.folder}/{project.dialect.state_folder}/runs.db"
        hint = f"update dvx if a newer one was used here; if none was, somebody else wrote it: remove `{place}`"
        tell(Notice(f"the list of runs holds what this dvx cannot read, and leaves alone: {shown}", hint))
    return bool(found)
