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
            help="[FILE:]KEY=VALUE, +KEY=VALUE or ~KEY; with --queue also several values: 1,2 or range(1,9). May be repeated.",
            autocompletion=complete_values.overrides,
            show_default=False,
        ),
    ] = None,
    name: NameOption = "",
    message: MessageOption = "",
    queue: Annotated[bool, typer.Option("--queue", help="Do not run it now, but with `dvx queue start`.")] = False,
    run_all: Annotated[
        bool, typer.Option("--run-all", help="Run all that wait, -j at once, and end when they are done.")
    ] = False,
    temp: Annotated[bool, typer.Option("--temp", help="In a work tree of its own; the workspace stays as it is.")] = False,
    copy_paths: Annotated[
        list[str] | None,
        typer.Option(
            "--copy-paths",
            "-C",
            help="A path that Git does not have, for a run outside of the workspace. May be repeated.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Run even what did not change; replace an experiment of that name.")
    ] = False,
    single_item: Annotated[bool, typer.Option("--single-item", "-s", help="Not the stages that the targets depend on.")] = False,
    pipeline: Annotated[bool, typer.Option("--pipeline", "-p", help="The whole pipelines of the targets.")] = False,
    all_pipelines: Annotated[bool, typer.Option("--all-pipelines", "-P", help="All pipelines of the project.")] = False,
    recursive: RecursiveOption = False,
    downstream: Annotated[bool, typer.Option("--downstream", help="The targets and what depends on them.")] = False,
    force_downstream: Annotated[bool, typer.Option("--force-downstream", help="Run what needs a stage that changed.")] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Get absent data from the remote first.")] = False,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="Absent data is no reason to run.")] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", "-k", help="Go on with stages that do not need one that failed.")
    ] = False,
    ignore_errors: Annotated[bool, typer.Option("--ignore-errors", help="Go on as if failed stages had succeeded.")] = False,
    interactive: Annotated[bool, typer.Option("--interactive", "-i", help="Ask before each stage.")] = False,
    no_hydra: Annotated[bool, typer.Option("--no-hydra", help="Do not let Hydra compose the parameters.")] = False,
    dry: Annotated[bool, typer.Option("--dry", help="Show what would run; run and record nothing.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=0,
            help="How many stages at once, as in repro; with --run-all how many experiments.",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run the pipeline, in the workspace if nothing else is said, and record what comes out as an experiment.

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
    from dvx.ops.stages.worker_locks import employed

    tell = render.terminal()
    with employed(project) as worker:
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
