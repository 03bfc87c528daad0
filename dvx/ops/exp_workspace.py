"""exp run in the workspace, known to others while it runs, and remembered if it fails."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from msgspec.structs import replace

from dvx.errors import DvxError
from dvx.journal import TaskBook
from dvx.model.events import Tell
from dvx.model.task import State, Task, TaskPlace
from dvx.ops.employment import employed
from dvx.ops.exp_body import body_so_far
from dvx.ops.exp_edits import read_overrides
from dvx.ops.exp_run import RecordedExperiment, RunOptions, prepare, run
from dvx.ops.exp_tasks import open_book, taken, waiting_names
from dvx.project import Project

_KEPT_FAILURES = 50


def run_here(project: Project, options: RunOptions, tell: Tell) -> RecordedExperiment:
    """`exp_run.run`, with a task in the list of experiments as long as it runs; one that fails stays there, but nothing of what
    was refused before it began.

    Raises:
        DvxError: as `exp_run.prepare` and `exp_run.run`; also for a name of another that waits or runs.
    """
    book = open_book(project)
    prepared = prepare(project, options, (one.name for one in book.tasks()))
    ref = prepared.ref
    if options.repro.dry:
        return run(project, prepared, options, tell)
    overrides = read_overrides(project, options.overrides)
    with employed(project) as worker:
        now = time.time()
        task = Task(
            secrets.token_hex(20), ref.name, ref.baseline, TaskPlace.WORKSPACE, overrides=overrides,
            state=State.RUNNING, created=now, started=now, worker=worker,
        )  # fmt: skip

        def make(found: Sequence[Task]) -> tuple[Sequence[Task], Sequence[str]]:
            if ref.name in waiting_names(project, found, ref.baseline) and not options.force:
                raise taken(ref.name)
            return [task], ()

        book.change(make)
        try:
            recorded = run(project, prepared, options, tell)
        except BaseException as error:
            state = State.FAILED if isinstance(error, DvxError) else State.KILLED
            told = error.message.splitlines()[0] if isinstance(error, DvxError) else "it was stopped"
            book.update(replace(task, state=state, ended=time.time(), error=told, seen=body_so_far(project, now)))
            book.remove([one.ident for one in _failures(book)[:-_KEPT_FAILURES]])
            raise
    # what failed under this name is made good
    older = [one.ident for one in _failures(book) if (one.name, one.baseline) == (ref.name, ref.baseline)]
    book.remove([task.ident, *older])
    return recorded


def _failures(book: TaskBook) -> list[Task]:
    return [one for one in book.tasks(State.FAILED, State.KILLED) if not one.snapshot]
