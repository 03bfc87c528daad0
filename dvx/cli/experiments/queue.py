"""The commands about experiments that wait: queue start, work, stop, status, logs, kill, retry, remove."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from dvx.cli.common import JsonOption, find_project
from dvx.cli.setup import complete, complete_values
from dvx.cli.terminal import render, screen
from dvx.cli.terminal.clock import moment
from dvx.errors import DvxError, UsageError
from dvx.model.events import Tell
from dvx.model.pipelines.run import FAILURES, Place, Run, State
from dvx.project import Project

_POLL_SECONDS = 0.3
_PATIENCE = 20
APPLY = "To apply the results of an experiment to your workspace run:"
_ORDER = (State.RUNNING, State.PAUSED, State.QUEUED, *FAILURES, State.SUCCESS)
TasksArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TASK]...", help="Experiments, by name or task id.", autocompletion=complete.tasks, show_default=False
    ),
]
TaskArgument = Annotated[
    str,
    typer.Argument(metavar="TASK", help="Experiment, by name or task id.", autocompletion=complete.tasks, show_default=False),
]
WorkersOption = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Number of experiments to run in parallel (default: 1).")]


def queue_start(*, jobs: WorkersOption = 1) -> None:
    """Start workers that run queued experiments in the background.

    A worker that dies is replaced, and its experiment goes on where it was. They end when nothing waits any more.

    Example: dvx queue start -j 4
    """
    from dvx.ops.experiments.workers import start

    count = start(find_project(), jobs)
    render.note(f"Started '{count}' new experiments task queue worker{'' if count == 1 else 's'}.")


def queue_work(
    *,
    jobs: WorkersOption = 1,
    alone: Annotated[bool, typer.Option("--alone", help="Run in this process instead of a supervised worker.")] = False,
) -> None:
    """Run queued experiments in the foreground.

    Ends when the queue is empty and other workers are done, too. Fails if one of the experiments failed.

    Example: dvx queue work -j 4
    """
    from dvx.ops.experiments.workers import work

    project = find_project()
    if alone:
        work(project, lambda task: _into_log(project, task))
    else:
        run_waiting(project, jobs)


def queue_stop(
    *, kill: Annotated[bool, typer.Option("--kill", help="Kill running experiments, too; they count as failed.")] = False
) -> None:
    """Stop the workers after the experiments that are running.

    Example: dvx queue stop
    """
    from dvx.ops.experiments.workers import kill as kill_tasks
    from dvx.ops.pipelines.run_record import open_registry

    project = find_project()
    open_registry(project).ask_stop()
    if kill:
        kill_tasks(project, [], now=True)
    render.note("Queue workers will stop after running tasks finish.")


def queue_status(*, json: JsonOption = False) -> None:
    """Show queued, running, failed and finished experiments.

    Example: dvx queue status
    """
    from dvx.ops.experiments.clean import tell_unreadable
    from dvx.ops.experiments.dvc_queue import tell_others
    from dvx.ops.pipelines.run_record import known_experiments, open_registry
    from dvx.ops.stages.worker_locks import workers

    project = find_project()
    tell_unreadable(project, render.terminal())
    tell_others(project, render.terminal())
    tasks = sorted((one for one in known_experiments(project) if one.snapshot), key=lambda one: _ORDER.index(one.state))
    # others than those of the queue run in the workspace, or for one call
    alive = set(workers(project)).difference(
        one.worker for one in open_registry(project).unended() if one.place is not Place.QUEUE
    )
    active = len({one.worker for one in tasks if one.state in _ORDER[:2]} & alive)
    if json:
        render.json({"tasks": [_document(one) for one in tasks], "workers": {"active": active, "idle": len(alive) - active}})
        return
    if tasks:
        rows = [(one.ident[:7], one.name, moment(one.created), one.state.value.capitalize()) for one in tasks]
        render.table(rows, ("Task", "Name", "Created", "Status"))
    else:
        render.data("No experiment tasks in the queue.")
    render.data("")
    render.data(f"Worker status: {active} active, {len(alive) - active} idle")


def queue_logs(
    task: TaskArgument,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing until it ends.")] = False,
    encoding: Annotated[
        str,
        typer.Option(
            "--encoding", "-e", help="Text encoding of the log (default: UTF-8).", autocompletion=complete_values.encodings
        ),
    ] = "utf-8",
) -> None:
    """Print the output of a queued or running experiment.

    Example: dvx queue logs -f small-steps
    """
    from dvx.ops.experiments.queue import find_tasks, log_of
    from dvx.ops.pipelines.run_record import as_it_is, open_registry

    project = find_project()
    registry = open_registry(project)
    found = find_tasks(registry.experiments(), [task])[-1]
    read = orphaned = 0
    while True:
        now = next((one for one in registry.experiments() if one.ident == found.ident), None)
        # a keeper replaces a worker that died
        orphaned = orphaned + 1 if now is not None and as_it_is(project, now).state is State.QUEUED is not now.state else 0
        try:
            with open(log_of(project, found), "rb") as file:
                file.seek(read)
                data = file.read()
        except FileNotFoundError:
            if not follow:
                raise DvxError(f"the experiment `{found.name}` wrote nothing yet", "use `--follow` to wait for it") from None
            data = b""
        read += len(data)
        try:
            text = data.decode(encoding, "replace")
        except LookupError:
            raise UsageError(f"there is no encoding `{encoding}`", "write for example `utf-8` or `latin-1`") from None
        screen.log(text)
        if follow and orphaned > _PATIENCE:
            raise DvxError(f"who ran the experiment `{found.name}` died", "`dvx queue start` goes on with it")
        if not follow or now is None or now.state not in (State.QUEUED, State.RUNNING):
            return
        time.sleep(_POLL_SECONDS)


def queue_kill(
    tasks: TasksArgument = None,
    *,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Kill the commands immediately, without time to clean up.")
    ] = False,
) -> None:
    """Kill experiments that are running.

    Without names, all of them. What their stages have produced so far is kept.

    Example: dvx queue kill small-steps
    """
    from dvx.ops.experiments.workers import kill

    killed = kill(find_project(), list(tasks or ()), now=force)
    render.note(f"Stopped: {_names(killed)}" if killed else "No experiment runs in the queue.")


def queue_retry(tasks: TasksArgument = None) -> None:
    """Queue failed experiments again.

    Experiments that were killed can be queued again, too. Finished stages are not run again.

    Example: dvx queue retry small-steps
    """
    from dvx.ops.experiments.queue import retry

    again = retry(find_project(), list(tasks or ()))
    render.note(f"Queued again: {_names(again)}" if again else "No experiment failed.")


def queue_remove(
    tasks: TasksArgument = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Remove all experiments that are not running.")] = False,
    queued: Annotated[bool, typer.Option("--queued", help="Remove all queued experiments.")] = False,
    success: Annotated[
        bool, typer.Option("--success", help="Remove all finished ones from the queue; the experiments are kept.")
    ] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Remove all that failed or were killed.")] = False,
) -> None:
    """Remove experiments from the queue.

    Example: dvx queue remove --failed
    """
    from dvx.ops.experiments.clean import tell_unreadable
    from dvx.ops.experiments.queue import remove_tasks

    wanted: set[State] = set()
    wanted |= {State.QUEUED} if queued or everything else set()
    wanted |= {State.SUCCESS} if success or everything else set()
    wanted |= set(FAILURES) if failed or everything else set()
    if not tasks and not wanted:
        raise UsageError("no experiment is named", "name some, or use `--all`, `--queued`, `--success` or `--failed`")
    project = find_project()
    removed = remove_tasks(project, list(tasks or ()), wanted)
    tell_unreadable(project, render.terminal())
    render.note(f"Removed tasks in queue: {_names(removed)}" if removed else "Nothing to remove.")


def run_waiting(project: Project, jobs: int) -> None:
    """Run what waits, and say what came of it."""
    from dvx.ops.experiments.workers import keep

    ended = keep(project, jobs, render.terminal())
    done = [one for one in ended if one.state is State.SUCCESS]
    failed = [one for one in ended if one.state in FAILURES]
    if done:
        render.notes("", f"Ran experiment(s): {_names(done)}", APPLY, "", "\tdvx exp apply <exp>")
    if failed:
        render.error(f"failed: {_names(failed)}", "`dvx queue logs NAME` shows why, `dvx queue retry` queues them again")
        raise typer.Exit(project.dialect.exit_codes.error)


@contextmanager
def _into_log(project: Project, task: Run) -> Iterator[Tell]:
    """Let all that this process and its commands write go to the log of a task."""
    from dvx.ops.experiments.queue import open_log

    with open_log(project, task) as log:
        for number in (1, 2):
            os.dup2(log.fileno(), number)
        yield render.terminal()


def _names(tasks: Sequence[Run]) -> str:
    return ", ".join(one.name for one in tasks)


def _document(task: Run) -> dict[str, object]:
    return {
        "id": task.ident,
        "name": task.name,
        "baseline": task.baseline,
        "state": task.state.value,
        "created": task.created,
        "started": task.started,
        "ended": task.ended,
        "commit": task.commit or None,
        "error": task.error or None,
    }
