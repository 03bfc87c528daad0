"""The commands about runs of pipelines: runs list, show, logs, cancel, pause, resume, retry; stage run."""

from __future__ import annotations

import os
import time
from typing import Annotated

import typer
from msgspec import structs, to_builtins

from dvx.cli.common import JsonOption, MarkdownOption, find_project
from dvx.cli.pipelines.pipeline import run_stages
from dvx.cli.setup import complete
from dvx.cli.terminal import render, screen
from dvx.cli.terminal.units import duration
from dvx.errors import DvxError, StageFailed, nearest
from dvx.model.pipelines.run import FAILURES, State, Wish
from dvx.model.pipelines.run_history import AttemptRecord, RunRecord
from dvx.model.pipelines.staleness import Action
from dvx.ops.stages.repro_plan import ReproOptions, from_plain
from dvx.project import Project

_UNCHANGED, _MAY_BE_RETRIED = 99, 75
_POLL_SECONDS = 0.2
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="[run]",
        help="Run, by name or unique prefix (default: the latest).",
        autocompletion=complete.runs,
        show_default=False,
    ),
]


def runs_list(
    *,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Number of runs to list (default: 10).")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="List all runs on record.")] = False,
    markdown: MarkdownOption = False,
    json: JsonOption = False,
) -> None:
    """List the runs of pipelines and their state.

    The newest run comes first; runs in which every stage was up to date are left out.

    Example: dvx runs list -n 5
    """
    from dvx.ops.pipelines.run_record import list_runs

    found = list_runs(find_project(), 1_000_000 if everything else number)
    if json:
        render.json([_document(run) for run in found])
    elif found:
        rows = [(run.name, run.status.value, _moment(run.started), _lasted(run), _summary(run)) for run in found]
        render.table(rows, ("Run", "State", "Started", "Time", "Stages"), markdown=markdown)
    else:
        render.note("Nothing ran yet.")


def runs_show(run: RunArgument = "", *, json: JsonOption = False) -> None:
    """Show what happened in a run, stage by stage.

    Shows what was requested, and each attempt to run a stage.

    Example: dvx runs show
    """
    from dvx.ops.pipelines.run_record import find_run

    found = find_run(find_project(), run)
    if json:
        render.json(_document(found))
        return
    render.data(f"{found.name}: {found.status.value}, started {_moment(found.started)}, {_lasted(found)}")
    targets = found.options.get("targets")
    if targets:
        render.data(f"targets: {' '.join(map(str, targets))}")
    if found.error:
        render.data(f"error: {found.error}")
    rows: list[tuple[str | int | None, ...]] = [
        (one.stage, one.number, one.status.value, _seconds(one.started, one.ended), one.code, one.beat or None, one.log)
        for one in found.attempts
    ]
    rows += [(stage, None, "restored", None, None, None, None) for stage in found.restored]
    rows += [(stage, None, "adopted", None, None, None, None) for stage in found.adopted]
    rows += [(stage, None, "unchanged", None, None, None, None) for stage in found.skipped]
    if rows:
        render.data("")
        render.table(rows, ("Stage", "Attempt", "State", "Time", "Exit code", "Heartbeat", "Log"))


def runs_logs(
    stage: Annotated[
        str,
        typer.Argument(help="Stage whose output to print (default: all).", autocompletion=complete.stages, show_default=False),
    ] = "",
    *,
    run: Annotated[
        str,
        typer.Option("--run", help="Run, by name or unique prefix (default: the latest).", autocompletion=complete.runs),
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing until the run ends.")] = False,
) -> None:
    """Print the output of a run's commands.

    Example: dvx runs logs -f train
    """
    from dvx.ops.pipelines.run_record import find_run

    project = find_project()
    found = find_run(project, run)
    chosen = _attempts_at(found, stage)
    if not chosen and not follow:
        where = f"at the stage `{stage}` " if stage else ""
        hint = nearest(stage, {one.stage for one in found.attempts}) or "run `dvx runs show` to see what was done"
        raise DvxError(f"there was no attempt {where}in the run `{found.name}`", hint)
    read: dict[str, int] = {}
    while True:
        several = len({one.stage for one in chosen}) > 1
        for one in chosen:
            said = _new_lines(project, one, read, final=one.status is not State.RUNNING)
            screen.log(said, f"{one.stage} | " if several else "")
        if not follow or found.status is State.SUCCESS or found.status in FAILURES:
            return
        time.sleep(_POLL_SECONDS)
        found = find_run(project, found.ident)
        chosen = _attempts_at(found, stage)


def runs_cancel(
    run: RunArgument = "",
    *,
    now: Annotated[bool, typer.Option("--now", help="Kill its commands immediately, without time to clean up.")] = False,
) -> None:
    """Cancel a run and stop its commands.

    The commands receive SIGINT, then SIGTERM, and last SIGKILL. Finished stages are kept.

    Example: dvx runs cancel
    """
    _ask(run, Wish.KILL if now else Wish.CANCEL, "is told to stop")


def runs_pause(run: RunArgument = "") -> None:
    """Pause a run after the stages that are running.

    Example: dvx runs pause
    """
    _ask(run, Wish.PAUSE, "starts no more stages")


def runs_resume(run: RunArgument = "") -> None:
    """Resume a run after `dvx runs pause`.

    Example: dvx runs resume
    """
    _ask(run, Wish.NOTHING, "goes on")


def runs_retry(run: RunArgument = "") -> None:
    """Resume a failed or canceled run from where it stopped.

    Uses the same targets and options. Finished stages are not run again.

    Example: dvx runs retry
    """
    from dvx.ops.experiments.queue import retry
    from dvx.ops.pipelines.run_record import find_run

    project = find_project()
    found = find_run(project, run)
    if found.status in (State.RUNNING, State.PAUSED):
        raise DvxError(f"the run `{found.name}` still works", "run `dvx runs cancel` first")
    if found.name != found.ident:
        (again,) = retry(project, [found.ident])
        render.note(f"Queued again: {again.name}")
        return
    # to do all of it again is what `--force` would say
    run_stages(project, structs.replace(from_plain(found.options), force=False))


def stage_run(
    name: Annotated[str, typer.Argument(help="Name of the stage.", autocompletion=complete.stages, show_default=False)],
    *,
    force: Annotated[bool, typer.Option("--force", "-f", help="Run the stage even if nothing changed.")] = False,
) -> None:
    """Bring one stage up to date, for use by orchestrators.

    Stages that it depends on are not run.

    Exits with 0 if it ran or was restored, 99 if nothing changed, 75 if it failed in a way that may pass, by its `retry`.

    Example: dvx stage run train
    """
    try:
        result = run_stages(find_project(), ReproOptions((name,), single=True, force=force))
    except StageFailed as error:
        if not error.may_pass:
            raise
        render.error(error.message, error.hint, error.place)
        raise typer.Exit(_MAY_BE_RETRIED) from None
    if all(outcome.action is Action.SKIP for outcome in result.stages):
        raise typer.Exit(_UNCHANGED)


def _ask(run: str, wish: Wish, what: str) -> None:
    from dvx.ops.pipelines.run_record import ask

    asked = ask(find_project(), run, wish)
    render.note(f"The run {asked.name or asked.ident} {what}.")


def _document(run: RunRecord) -> object:
    return to_builtins(run, str_keys=True)


def _attempts_at(run: RunRecord, stage: str) -> list[AttemptRecord]:
    """The attempts at a stage, and at its items if it maps; all of the run without a stage."""
    mine = (one for one in run.attempts if not stage or one.stage == stage or one.stage.startswith(f"{stage}["))
    return [one for one in mine if one.log]


def _new_lines(project: Project, one: AttemptRecord, read: dict[str, int], *, final: bool) -> str:
    """What was written to a log since the last time, in whole lines unless it is `final`."""
    place = os.path.join(project.root, one.log)
    try:
        with open(place, "rb") as file:
            file.seek(read.get(place, 0))
            data = file.read()
    except FileNotFoundError:
        return ""
    whole = data if final else data[: data.rfind(b"\n") + 1]
    read[place] = read.get(place, 0) + len(whole)
    return whole.decode("utf-8", "replace")


def _summary(run: RunRecord) -> str:
    last = {one.stage: one.status for one in run.attempts}
    counts = [(sum(status is wanted for status in last.values()), wanted.value) for wanted in State]
    counts += [(len(run.restored), "restored"), (len(run.adopted), "adopted"), (len(run.skipped), "unchanged")]
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "none"


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _lasted(run: RunRecord) -> str:
    return _seconds(run.started, run.ended) or "-"


def _seconds(start: float, end: float | None) -> str | None:
    return None if end is None else duration(end - start)
