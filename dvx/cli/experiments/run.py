"""The command exp run: in the workspace, in a work tree of its own, or later."""

from __future__ import annotations

from typing import Annotated

import typer

from dvx.cli.common import JsonOption, RecursiveOption, StagesArgument, find_project
from dvx.cli.experiments.manage import MessageOption, NameOption, tell_way_back
from dvx.cli.experiments.queue import APPLY, run_waiting
from dvx.cli.setup import complete_values
from dvx.cli.terminal import render, screen
from dvx.errors import UsageError
from dvx.model.experiments.override import Op, Override
from dvx.model.pipelines.run import State
from dvx.ops.experiments.run import RunOptions
from dvx.ops.stages.repro_plan import ReproOptions
from dvx.project import Project


def exp_run(
    targets: StagesArgument = None,
    *,
    set_param: Annotated[
        list[str] | None,
        typer.Option(
            "--set-param",
            "-S",
            help="Change a parameter: [FILE:]KEY=VALUE, +KEY=VALUE or ~KEY; with --queue also 1,2 or range(1,9). Repeatable.",
            autocompletion=complete_values.overrides,
            show_default=False,
        ),
    ] = None,
    name: NameOption = "",
    message: MessageOption = "",
    queue: Annotated[bool, typer.Option("--queue", help="Add it to the queue, for `dvx queue start`.")] = False,
    run_all: Annotated[
        bool, typer.Option("--run-all", help="Run all queued experiments, -j in parallel, and wait for them.")
    ] = False,
    temp: Annotated[bool, typer.Option("--temp", help="Run in a temporary work tree, leaving the workspace as it is.")] = False,
    copy_paths: Annotated[
        list[str] | None,
        typer.Option(
            "--copy-paths",
            "-C",
            help="With --temp or --queue: untracked path to copy into the work tree; can be repeated.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", "-f", help="Run stages even if nothing changed, and overwrite an experiment of the same name."),
    ] = False,
    single_item: Annotated[
        bool, typer.Option("--single-item", "-s", help="Run only the targets, without the stages that they depend on.")
    ] = False,
    pipeline: Annotated[
        bool, typer.Option("--pipeline", "-p", help="Run the whole pipelines that the targets belong to.")
    ] = False,
    all_pipelines: Annotated[bool, typer.Option("--all-pipelines", "-P", help="Run all pipelines of the repository.")] = False,
    recursive: RecursiveOption = False,
    downstream: Annotated[bool, typer.Option("--downstream", help="Run the targets and all stages that depend on them.")] = False,
    force_downstream: Annotated[
        bool, typer.Option("--force-downstream", help="Run all stages that depend on a changed one.")
    ] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Download missing data from the remote first.")] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Do not run a stage only because data is missing.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", "-k", help="After a failure, continue with stages that do not depend on it.")
    ] = False,
    ignore_errors: Annotated[
        bool, typer.Option("--ignore-errors", help="After a failure, continue as if the stage had succeeded.")
    ] = False,
    interactive: Annotated[bool, typer.Option("--interactive", "-i", help="Ask before running each stage.")] = False,
    no_hydra: Annotated[bool, typer.Option("--no-hydra", help="Do not compose the parameters with Hydra.")] = False,
    dry: Annotated[bool, typer.Option("--dry", help="Show what would run without running it.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=0,
            help="Number of stages to run in parallel; with --run-all, of experiments (default: 1).",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run an experiment now, in a temporary copy, or in the queue.

    Without `--temp` or `--queue` it runs in the workspace. The result is saved as an experiment.

    Example: dvx exp run -S train.lr=0.1 -n small-steps
    """
    if queue + run_all + temp > 1:
        raise UsageError("`--queue`, `--run-all` and `--temp` exclude each other", "name one of them")
    if (queue or temp) and (dry or interactive):
        raise UsageError("`--dry` and `--interactive` are for runs in the workspace", "leave `--temp` or `--queue` out")
    project = find_project()
    if run_all:
        _run_all(project, jobs or 1)
        return
    asks = interactive or (not (queue or temp) and project.config.flag("core.interactive", False))
    repro = ReproOptions(
        targets=tuple(targets or ()),
        recursive=recursive,
        single=single_item,
        pipeline=pipeline,
        all_pipelines=all_pipelines,
        downstream=downstream,
        force=force,
        force_downstream=force_downstream,
        dry=dry,
        keep_going=keep_going,
        ignore_errors=ignore_errors,
        pull=pull,
        allow_missing=allow_missing,
        jobs=jobs,
        confirm=(lambda stage: screen.confirm(f"Run stage `{stage}`?")) if asks else None,
    )
    options = RunOptions(repro, name, tuple(set_param or ()), message, force, not no_hydra)
    if queue:
        _queue(project, options, tuple(copy_paths or ()), json=json)
    elif temp:
        _apart(project, options, tuple(copy_paths or ()), json=json)
    else:
        _here(project, options, json=json)


def _here(project: Project, options: RunOptions, *, json: bool) -> None:
    from dvx.ops.experiments.workspace_run import run_here

    recorded = run_here(project, options, render.terminal())
    if json:
        render.json({"name": recorded.ref.name, "commit": recorded.commit or None, "ref": str(recorded.ref)})
    elif not options.repro.dry:
        render.notes("", f"Ran experiment(s): {recorded.ref.name}", "Experiment results have been applied to your workspace.")
    tell_way_back(recorded.ref, recorded.replaced)


def _apart(project: Project, options: RunOptions, copied: tuple[str, ...], *, json: bool) -> None:
    from dvx.model.pipelines.run import Place
    from dvx.ops.experiments.enqueue import TaskOptions, enqueue
    from dvx.ops.experiments.queue import run_task
    from dvx.ops.stages.worker_locks import worker_lock

    tell = render.terminal()
    with worker_lock(project) as worker:
        task = enqueue(project, TaskOptions(options, copied), Place.ALONE, tell, worker)[0]
        render.note(f"Reproducing experiment '{task.name}'")
        recorded = run_task(project, task, tell)
    if json:
        render.json({"name": recorded.ref.name, "commit": recorded.commit, "ref": str(recorded.ref)})
    else:
        render.notes("", f"Ran experiment(s): {task.name}", APPLY, "", f"\tdvx exp apply {task.name}")
    tell_way_back(recorded.ref, recorded.replaced)


def _queue(project: Project, options: RunOptions, copied: tuple[str, ...], *, json: bool) -> None:
    from dvx.model.pipelines.run import Place
    from dvx.ops.experiments.enqueue import TaskOptions, enqueue

    tasks = enqueue(project, TaskOptions(options, copied), Place.QUEUE, render.terminal())
    if json:
        render.json([{"id": one.ident, "name": one.name} for one in tasks])
        return
    for one in tasks:
        if len(tasks) > 1:
            render.note(f"Queueing with overrides '{_written(one.overrides)}'.")
        render.note(f"Queued experiment '{one.name}' for future execution.")


def _run_all(project: Project, jobs: int) -> None:
    from dvx.ops.pipelines.run_record import known_experiments

    waiting = sum(one.state in (State.QUEUED, State.RUNNING) and bool(one.snapshot) for one in known_experiments(project))
    if not waiting:
        render.note("No experiment waits. Queue some with `dvx exp run --queue`.")
        return
    render.note(f"Running {waiting} experiments; `dvx queue status` shows them, `dvx queue logs NAME` what they write.")
    run_waiting(project, jobs)


def _written(overrides: tuple[Override, ...]) -> dict[str, list[str]]:
    """Overrides by file, as people write them."""
    found: dict[str, list[str]] = {}
    for one in overrides:
        value = "" if one.op is Op.REMOVE else f"={one.value}"
        found.setdefault(one.path, []).append(f"{one.op.value}{one.name}{value}")
    return found
