"""The commands about pipelines: stage add, stage list, repro, dag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from dvx.cli.common import JsonOption, MarkdownOption, RecursiveOption, StagesArgument, find_project, tell_git
from dvx.cli.setup import complete, complete_values
from dvx.cli.terminal import render, screen
from dvx.cli.terminal.drawing import boxes, dot, mermaid, page, text
from dvx.cli.terminal.units import duration
from dvx.model.pipelines.staleness import Action
from dvx.ops.stages.repro_plan import ReproOptions, ReproResult, StageOutcome
from dvx.project import Project

GlobOption = Annotated[bool, typer.Option("--glob", help="Targets are patterns of stage names.")]
Paths = list[str] | None
_MOST_BOXES = 200
# as long as DVC shows it
_DESCRIPTION = 80


def stage_add(
    command: Annotated[list[str], typer.Argument(help="The command: the rest of the line.", show_default=False)],
    *,
    name: Annotated[str, typer.Option("--name", "-n", help="The name of the stage.", show_default=False)],
    deps: Annotated[Paths, typer.Option("--deps", "-d", help="A file or folder that it reads.")] = None,
    params: Annotated[
        Paths,
        typer.Option(
            "--params", "-p", help="Parameters: KEY,KEY or FILE:KEY,KEY or FILE:", autocompletion=complete_values.parameters
        ),
    ] = None,
    outs: Annotated[Paths, typer.Option("--outs", "-o", help="An output, kept in the cache.")] = None,
    outs_no_cache: Annotated[Paths, typer.Option("--outs-no-cache", "-O", help="An output that Git keeps.")] = None,
    outs_persist: Annotated[Paths, typer.Option("--outs-persist", help="An output that stays when the stage runs.")] = None,
    outs_persist_no_cache: Annotated[Paths, typer.Option("--outs-persist-no-cache", help="Both.")] = None,
    metrics: Annotated[Paths, typer.Option("--metrics", "-m", help="Metrics, kept in the cache.")] = None,
    metrics_no_cache: Annotated[Paths, typer.Option("--metrics-no-cache", "-M", help="Metrics that Git keeps.")] = None,
    plots: Annotated[Paths, typer.Option("--plots", help="Data of a plot, kept in the cache.")] = None,
    plots_no_cache: Annotated[Paths, typer.Option("--plots-no-cache", help="Data of a plot that Git keeps.")] = None,
    wdir: Annotated[
        str, typer.Option("--wdir", "-w", help="The folder in which the command runs.", autocompletion=complete.folders)
    ] = "",
    always_changed: Annotated[bool, typer.Option("--always-changed", help="Run it each time.")] = False,
    desc: Annotated[str, typer.Option("--desc", help="A line about the stage.")] = "",
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace a stage of that name.")] = False,
    run: Annotated[bool, typer.Option("--run", help="Run it at once.")] = False,
) -> None:
    """Write a stage into the pipeline file of this folder.

    Example: dvx stage add -n train -d train.py -d data.csv -p lr -o model.bin -M metrics.json python train.py
    """
    from dvx.ops.stages.editing import NewOutput, NewStage, add_stage

    declared = (
        *(NewOutput(path) for path in outs or ()),
        *(NewOutput(path, cached=False) for path in outs_no_cache or ()),
        *(NewOutput(path, persist=True) for path in outs_persist or ()),
        *(NewOutput(path, cached=False, persist=True) for path in outs_persist_no_cache or ()),
        *(NewOutput(path, "metrics") for path in metrics or ()),
        *(NewOutput(path, "metrics", cached=False) for path in metrics_no_cache or ()),
        *(NewOutput(path, "plots") for path in plots or ()),
        *(NewOutput(path, "plots", cached=False) for path in plots_no_cache or ()),
    )
    project = find_project()
    new = NewStage(name, command, deps or (), params or (), declared, wdir, always_changed, desc, force)
    added = add_stage(project, new)
    render.note(f"Added stage '{added.address}' in '{project.shown(added.file)}'")
    if run:
        run_stages(project, ReproOptions((name,), single=True), added.for_git)
    else:
        tell_git(project, added.for_git)


def stage_list(
    targets: StagesArgument = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All stages and pointer files of the repository.")] = False,
    recursive: RecursiveOption = False,
    name_only: Annotated[bool, typer.Option("--name-only", "--names-only", help="Names only.")] = False,
    fail: Annotated[bool, typer.Option("--fail", help="Fail if any pipeline or pointer file cannot be read.")] = False,
    json: JsonOption = False,
) -> None:
    """List stages with their outputs.

    Example: dvx stage list --all
    """
    from dvx.ops.stages.listing import ListStagesOptions, list_stages

    options = ListStagesOptions(tuple(targets or ()), recursive, everything, fail)
    listed = list_stages(find_project(), options, render.terminal())
    if json:
        render.json([dict(stage.document) for stage in listed])
    elif name_only:
        for stage in listed:
            render.data(stage.address)
    else:
        width = max((len(stage.address) for stage in listed), default=0)
        for stage in listed:
            # what programs read is whole, and so is what one can type
            shown = _cut(stage.summary, _DESCRIPTION) if screen.is_watched() else stage.summary
            render.data(f"{stage.address:<{width}}  {shown}")


def repro(
    targets: StagesArgument = None,
    *,
    force: Annotated[bool, typer.Option("--force", "-f", help="Run stages though nothing changed.")] = False,
    interactive: Annotated[bool, typer.Option("--interactive", "-i", help="Ask before each stage.")] = False,
    single_item: Annotated[bool, typer.Option("--single-item", "-s", help="Only the targets, not what they need.")] = False,
    pipeline: Annotated[bool, typer.Option("--pipeline", "-p", help="The whole pipelines of the targets.")] = False,
    all_pipelines: Annotated[bool, typer.Option("--all-pipelines", "-P", help="All stages of the repository.")] = False,
    recursive: RecursiveOption = False,
    downstream: Annotated[bool, typer.Option("--downstream", help="The targets and all that need them.")] = False,
    force_downstream: Annotated[bool, typer.Option("--force-downstream", help="Run what needs a stage that changed.")] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Get absent data from the remote first.")] = False,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="Absent data is no reason to run.")] = False,
    dry: Annotated[bool, typer.Option("--dry", "--dry-run", help="Show what would be done; do nothing.")] = False,
    keep_going: Annotated[bool, typer.Option("--keep-going", "-k", help="Go on with what does not need a failed stage.")] = False,
    ignore_errors: Annotated[bool, typer.Option("--ignore-errors", help="Go on as if failed stages were done.")] = False,
    glob: GlobOption = False,
    no_commit: Annotated[bool, typer.Option("--no-commit", help="Do not put outputs into the cache.")] = False,
    no_run_cache: Annotated[bool, typer.Option("--no-run-cache", help="Do not restore earlier runs.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=0, help="How many stages at once; 0 is as many as there are cores.", show_default=False),
    ] = None,
    metrics: Annotated[bool, typer.Option("--metrics", "-m", help="Show the metrics afterwards.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say in full why each stage runs.")] = False,
    json: JsonOption = False,
) -> None:
    """Bring stages up to date: run those whose command, dependencies, parameters or outputs changed.

    As many stages run at once as there are cores, within what their `resources` say; in DVC's repositories one. `core.jobs` and
    `DVX_JOBS` say otherwise.

    Example: dvx repro train
    """
    project = find_project()
    options = ReproOptions(
        targets=tuple(targets or ()),
        recursive=recursive,
        glob=glob,
        single=single_item,
        pipeline=pipeline,
        all_pipelines=all_pipelines,
        downstream=downstream,
        force=force,
        force_downstream=force_downstream,
        dry=dry,
        keep_going=keep_going,
        ignore_errors=ignore_errors,
        no_commit=no_commit,
        no_run_cache=no_run_cache,
        pull=pull,
        allow_missing=allow_missing,
        jobs=jobs,
        confirm=_confirm if interactive or project.config.flag("core.interactive", False) else None,
    )
    if explain:
        from dvx.cli.pipelines.explain import lines_of
        from dvx.ops.pipelines.explain import explain as explain_stages

        for explanation in explain_stages(project, options):
            if explanation.action is not Action.SKIP:
                for line in lines_of(explanation):
                    render.note(line)
    result = run_stages(project, options)
    if json:
        render.json([_outcome(outcome) for outcome in result.stages])
    if metrics:
        from dvx.cli.compare.metrics import metrics_show

        metrics_show()


def dag(
    target: Annotated[
        str,
        typer.Argument(
            help="Only what this stage or output needs.", autocompletion=complete.stages_and_outputs, show_default=False
        ),
    ] = "",
    *,
    as_dot: Annotated[bool, typer.Option("--dot", help="Print Graphviz.")] = False,
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="Print Mermaid.")] = False,
    as_page: Annotated[bool, typer.Option("--html", help="Print a page for a browser, complete in itself.")] = False,
    as_list: Annotated[bool, typer.Option("--list", help="Print a line for each node and what it needs.")] = False,
    markdown: MarkdownOption = False,
    json: JsonOption = False,
    full: Annotated[bool, typer.Option("--full", help="The whole pipeline of the target.")] = False,
    outs: Annotated[bool, typer.Option("--outs", "-o", help="Show outputs instead of stages.")] = False,
    collapse: Annotated[
        bool, typer.Option("--collapse-foreach-matrix", help="Show stages that a template generates as one.")
    ] = False,
) -> None:
    """Draw how stages depend on each other: each stands below what it needs. More than 200 are listed, a line each.

    Example: dvx dag --html > pipeline.html
    """
    from dvx.ops.stages.listing import DagOptions, find_dag

    found = find_dag(find_project(), DagOptions(target, full, outs, collapse))
    needs = found.needs
    if json:
        render.json({name: list(needed) for name, needed in needs.items()})
    elif markdown:
        screen.block(f"```mermaid\n{mermaid(needs)}\n```")
    elif as_page:
        screen.block(page(needs, found.details))
    elif as_mermaid or as_dot:
        screen.block(mermaid(needs) if as_mermaid else dot(needs))
    elif needs:
        screen.block(text(needs) if as_list or len(needs) > _MOST_BOXES else boxes(needs))


def run_stages(project: Project, options: ReproOptions, for_git: Sequence[str] = ()) -> ReproResult:
    """Run `repro` and tell how it ended."""
    from dvx.ops.pipelines.repro import repro

    result = repro(project, options, render.terminal())
    tell_git(project, sorted({*for_git, *result.for_git}))
    if all(outcome.action is Action.SKIP for outcome in result.stages):
        render.note("Data and pipelines are up to date.")
    elif not options.dry:
        render.note(_summary(result))
        render.note("Use `dvx push` to send your updates to remote storage.")
    return result


def _summary(result: ReproResult) -> str:
    """How many stages did what, and what was saved by those that did not have to run."""
    words = {Action.RUN: "ran", Action.RESTORE: "restored", Action.RECORD: "recorded", Action.SKIP: "unchanged"}
    counts = [(sum(one.action is action for one in result.stages), word) for action, word in words.items()]
    spent = sum(one.seconds for one in result.stages)
    text = ", ".join(f"{count} {word}" for count, word in counts if count)
    took = f"; commands took {duration(spent)}" if spent else ""
    saved = f"; {duration(result.saved)} saved" if result.saved >= 0.1 else ""
    return f"Stages: {text}{took}{saved}"


def _outcome(outcome: StageOutcome) -> dict[str, object]:
    return {
        "stage": outcome.address,
        "action": outcome.action.value,
        "reasons": [{"cause": reason.cause.value, "subject": reason.subject} for reason in outcome.reasons],
        "seconds": round(outcome.seconds, 3),
    }


def _confirm(stage: str) -> bool:
    return screen.confirm(f"Going to reproduce '{stage}'. Are you sure you want to continue?")


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"
