"""The commands that run and draw pipelines: repro, dag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from dvx.cli.common import JsonOption, MarkdownOption, RecursiveOption, StagesArgument, find_project, tell_git
from dvx.cli.setup import complete
from dvx.cli.terminal import render, screen
from dvx.cli.terminal.drawing import boxes, dot, mermaid, page, text
from dvx.cli.terminal.units import duration
from dvx.model.pipelines.staleness import Action
from dvx.ops.stages.repro_plan import ReproOptions, ReproResult, StageOutcome
from dvx.project import Project

GlobOption = Annotated[bool, typer.Option("--glob", help="Treat targets as patterns of stage names.")]
Paths = list[str] | None
_MOST_BOXES = 200


def repro(
    targets: StagesArgument = None,
    *,
    force: Annotated[bool, typer.Option("--force", "-f", help="Run stages even if nothing changed.")] = False,
    interactive: Annotated[bool, typer.Option("--interactive", "-i", help="Ask before running each stage.")] = False,
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
    dry: Annotated[bool, typer.Option("--dry", "--dry-run", help="Show what would be done without doing it.")] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", "-k", help="After a failure, continue with stages that do not depend on it.")
    ] = False,
    ignore_errors: Annotated[
        bool, typer.Option("--ignore-errors", help="After a failure, continue as if the stage had succeeded.")
    ] = False,
    glob: GlobOption = False,
    no_commit: Annotated[bool, typer.Option("--no-commit", help="Do not store outputs in the cache.")] = False,
    no_run_cache: Annotated[
        bool, typer.Option("--no-run-cache", help="Run stages instead of restoring earlier results.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=0,
            help="Number of stages to run in parallel; 0 means one per CPU core (default: 1).",
            show_default=False,
        ),
    ] = None,
    metrics: Annotated[bool, typer.Option("--metrics", "-m", help="Print the metrics afterwards.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Explain in full why each stage runs.")] = False,
    json: JsonOption = False,
) -> None:
    """Run the pipeline stages whose inputs have changed.

    A stage runs if its command, dependencies, parameters or outputs have changed since its last run.

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
            help="Show only this stage or output and what it depends on.",
            autocompletion=complete.stages_and_outputs,
            show_default=False,
        ),
    ] = "",
    *,
    as_dot: Annotated[bool, typer.Option("--dot", help="Print the graph in the DOT language of Graphviz.")] = False,
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="Print the graph as a Mermaid flowchart.")] = False,
    as_page: Annotated[bool, typer.Option("--html", help="Print a self-contained HTML page.")] = False,
    as_list: Annotated[bool, typer.Option("--list", help="Print one line per node, with its dependencies.")] = False,
    markdown: MarkdownOption = False,
    json: JsonOption = False,
    full: Annotated[bool, typer.Option("--full", help="Show the whole pipeline that the target belongs to.")] = False,
    outs: Annotated[bool, typer.Option("--outs", "-o", help="Show outputs instead of stages.")] = False,
    collapse: Annotated[
        bool, typer.Option("--collapse-foreach-matrix", help="Show the stages that `foreach` or `matrix` generates as one.")
    ] = False,
) -> None:
    """Show the dependency graph of the pipeline.

    Each stage is drawn below the stages that it depends on. More than 200 stages are listed, one per line.

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
