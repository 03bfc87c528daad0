"""exp clean: what experiments that were killed leave behind."""

from __future__ import annotations

import os

from dvx.git import RefChange
from dvx.model.experiment import OWN_REFS
from dvx.ops.employment import sweep_dead
from dvx.ops.exp_tasks import open_book, release, snapshots
from dvx.ops.experiments import git_of
from dvx.ops.rooms import clear_old_rooms
from dvx.project import Project
from dvx.store import files
from dvx.store.scratch import sweep

_INCOMING = OWN_REFS + "incoming/"


def clean(project: Project) -> tuple[str, ...]:
    """Remove work trees, refs, locks and logs that belong to no experiment any more; returns their names.

    What waits, runs or failed keeps its own; a work tree in which a worker died is kept too, as its run goes on there.
    """
    book = open_book(project)
    tasks = book.tasks()
    folder = os.path.join(project.state, "exps")
    gone = _drop_refs(project, _INCOMING)
    gone += clear_old_rooms(project, tasks)
    logs = {f"{one.ident}.log" for one in tasks} | {"workers.log"}
    for name in _names(os.path.join(folder, "logs")):
        if name not in logs:
            gone.append(name)
            files.remove(os.path.join(folder, "logs", name))
    sweep_dead(project)
    sweep(os.path.join(folder, "scratch"))
    release(project, book, snapshots(project))
    return tuple(gone)


def _drop_refs(project: Project, prefix: str) -> list[str]:
    git = git_of(project)
    found = git.refs(prefix)
    git.update_refs([RefChange(ref, None, commit) for ref, commit in found.items()])
    return list(found)


def _names(folder: str) -> list[str]:
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []
