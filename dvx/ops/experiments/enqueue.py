"""exp run --queue, --temp: the workspace becomes a snapshot, and an experiment of it a task, both or none."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Collection, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError, UsageError
from dvx.git import Git
from dvx.model.events import Tell
from dvx.model.experiments.refs import ExpRef, check_name, draw_name
from dvx.model.experiments.sweep import combine
from dvx.model.paths import check_path, printable
from dvx.model.pipelines.run import Place, Run, State
from dvx.model.upkeep.undo_facts import Queued
from dvx.ops.experiments.contents import extra_of
from dvx.ops.experiments.queue import SNAPSHOTS, release, taken, waiting_names
from dvx.ops.experiments.refs import head_of
from dvx.ops.experiments.run import RunOptions, knows_user, scratch_index
from dvx.ops.pipelines.overrides import edits_of, read_sweeps
from dvx.ops.pipelines.repro_data import record_data
from dvx.ops.pipelines.run_record import as_it_is, open_registry
from dvx.ops.pipelines.worktrees import remove_worktree
from dvx.ops.stages.observation import Observer
from dvx.ops.stages.repro_plan import ReproOptions, resolve, to_plain
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.pipeline_files import check_graph
from dvx.ops.tracked.refs import git_of, hold
from dvx.project import Project

_TRIED = 100


class TaskOptions(Struct, frozen=True):
    """What the tasks have in common beside `run`: `copied` are paths, as typed, that Git does not have."""

    run: RunOptions
    copied: tuple[str, ...] = ()


def enqueue(project: Project, options: TaskOptions, place: Place, tell: Tell, worker: str = "") -> tuple[Run, ...]:
    """Put an experiment, or all of a sweep, into the queue, as the workspace is now; HEAD, index and stash stay as they are.

    Data that was edited enters the cache and its pointer first. A `worker` has them from the start.

    Raises:
        UsageError: an override is malformed.
        DvxError: a name is taken, a parameter or target unknown, a path to copy absent, or the pipeline cannot be understood.
    """
    git = git_of(project)
    baseline = head_of(git)
    sweeps = read_sweeps(project, options.run.overrides)
    rows = combine(sweeps)
    if len(rows) > 1 and place is not Place.QUEUE:
        raise UsageError("a sweep stands for several experiments", "add `--queue`, then run them with `dvx queue start`")
    # where the combinations are many, each value beside the first of the others
    beside = [[*rows[0][:number], one, *rows[0][number + 1 :]] for number, sweep in enumerate(sweeps) for one in sweep]
    for row in rows if len(rows) <= _TRIED else beside:
        edits_of(project, row, hydra=options.run.hydra)
    copied = tuple(project.relative(path) for path in options.copied)
    for path in copied:
        check_path(path)
        if not os.path.exists(project.abs(path)):
            raise DvxError(f"`{printable(path)}`, which is to be copied, does not exist", "check the spelling after `-C`")
    index = load_index(project)
    asked = resolve(project, index, options.run.repro)
    snapshot = _snapshot(project, index, baseline, tell)
    now = time.time()
    task = partial(
        Run,
        baseline=baseline,
        place=place,
        snapshot=snapshot,
        options=to_plain(asked),
        copied=copied,
        message=options.run.message,
        replaces=options.run.force,
        composes=options.run.hydra,
        created=now,
        state=State.RUNNING if worker else State.QUEUED,
        started=now if worker else None,
        worker=worker,
    )
    freed: list[Run] = []

    def make(found: Sequence[Run]) -> tuple[list[Run], list[str]]:
        freed[:] = [one for one in found if _is_abandoned(as_it_is(project, one), options.run.name, baseline)]
        names = _names(project, waiting_names(project, found, baseline), options.run, baseline, len(rows))
        made = [task(ident=secrets.token_hex(20), name=name, overrides=row) for name, row in zip(names, rows, strict=True)]
        again = next((one for one in freed if place is Place.ALONE and _is_same(git, one, made[0])), None)
        if again is not None:
            freed.remove(again)
            made = [replace(again, state=State.RUNNING, worker=worker)]
        # the ref is there before the tasks are, and as long as they are not, nobody lets go of it
        hold(git, SNAPSHOTS + made[0].snapshot, made[0].snapshot)
        for one in made if place is Place.QUEUE else ():
            project.undo.note(Queued(one.ident))
        return made, [one.ident for one in freed]

    made = open_registry(project).change(make)
    for gone in freed:
        remove_worktree(project, gone.ident)
    release(project, [gone.snapshot for gone in freed])
    return made


def _is_abandoned(task: Run, name: str, baseline: str) -> bool:
    """Whether a task is what a killed `exp run --temp` of this name left; nobody waits for it."""
    return task.place is Place.ALONE and task.state is State.QUEUED and (task.name, task.baseline) == (name, baseline)


def _is_same(git: Git, one: Run, other: Run) -> bool:
    """Whether two tasks come to the same: then what was done of one is done of the other."""
    same = replace(one, ident=other.ident, snapshot=other.snapshot, created=other.created, started=other.started)
    same = replace(same, state=other.state, worker=other.worker, name=other.name)
    return same == other and git.tree(one.snapshot) == git.tree(other.snapshot)


def _snapshot(project: Project, index: Index, baseline: str, tell: Tell) -> str:
    """Commit the workspace as it is, with edited data in the cache; nothing names the commit yet."""
    check_graph(project, index)
    observer = Observer(project, index.datasets, tell)
    for pointer in index.pointers.values():
        record_data(project, pointer, observer, ReproOptions(), tell)
    git = git_of(project)
    with scratch_index(project, git) as copy:
        extra, message = extra_of(project, git, load_index(project)), "dvx: the workspace, for experiments\n"
        return git.snapshot(copy, baseline, extra, message, as_nobody=not knows_user(git, tell))


def _names(project: Project, waiting: Collection[str], run: RunOptions, baseline: str, count: int) -> list[str]:
    """The names of new experiments; those of others that wait are taken, too."""
    refs = git_of(project).experiments()
    if run.name:
        check_name(run.name)
        chosen = [run.name] if count == 1 else [f"{run.name}-{number}" for number in range(1, count + 1)]
        for name in chosen:
            if (ExpRef(baseline, name) in refs or name in waiting) and not run.force:
                raise taken(name)
        return chosen
    known = {ref.name for ref in refs}.union(waiting)
    found = []
    for _ in range(count):
        found.append(draw_name(secrets.randbelow(1 << 32), known))
        known.add(found[-1])
    return found
