"""The commands that write and list stages: stage add, stage list."""

from __future__ import annotations

from typing import Annotated

import typer

from dvx.cli.common import JsonOption, RecursiveOption, StagesArgument, find_project, tell_git
from dvx.cli.pipelines.pipeline import Paths, run_stages
from dvx.cli.setup import complete, complete_values
from dvx.cli.terminal import render, screen
from dvx.ops.stages.repro_plan import ReproOptions

# as long as DVC shows it
_DESCRIPTION = 80


def stage_add(
    command: Annotated[list[str], typer.Argument(help="Command that the stage runs: the rest of the line.", show_default=False)],
    *,
    name: Annotated[str, typer.Option("--name", "-n", help="Name of the stage.", show_default=False)],
    deps: Annotated[Paths, typer.Option("--deps", "-d", help="File or folder that the stage reads; can be repeated.")] = None,
    params: Annotated[
        Paths,
        typer.Option(
            "--params",
            "-p",
            help="Parameters that the stage reads: KEY,KEY or FILE:KEY,KEY or FILE:",
            autocompletion=complete_values.parameters,
        ),
    ] = None,
    outs: Annotated[Paths, typer.Option("--outs", "-o", help="Output, stored in the cache; can be repeated.")] = None,
    outs_no_cache: Annotated[
        Paths, typer.Option("--outs-no-cache", "-O", help="Output that Git tracks instead of the cache; can be repeated.")
    ] = None,
    outs_persist: Annotated[
        Paths, typer.Option("--outs-persist", help="Output that is not deleted before the stage runs.")
    ] = None,
    outs_persist_no_cache: Annotated[
        Paths,
        typer.Option("--outs-persist-no-cache", help="Output that Git tracks and that is not deleted before the stage runs."),
    ] = None,
    metrics: Annotated[Paths, typer.Option("--metrics", "-m", help="Metrics file, stored in the cache.")] = None,
    metrics_no_cache: Annotated[Paths, typer.Option("--metrics-no-cache", "-M", help="Metrics file that Git tracks.")] = None,
    plots: Annotated[Paths, typer.Option("--plots", help="Plot data or image, stored in the cache.")] = None,
    plots_no_cache: Annotated[Paths, typer.Option("--plots-no-cache", help="Plot data or image that Git tracks.")] = None,
    wdir: Annotated[
        str,
        typer.Option(
            "--wdir", "-w", help="Working folder of the command (default: the current folder).", autocompletion=complete.folders
        ),
    ] = "",
    always_changed: Annotated[
        bool, typer.Option("--always-changed", help="Run the stage every time, even if nothing changed.")
    ] = False,
    desc: Annotated[str, typer.Option("--desc", help="Description of the stage, stored in the pipeline file.")] = "",
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite an existing stage of that name.")] = False,
    run: Annotated[bool, typer.Option("--run", help="Run the stage after adding it.")] = False,
) -> None:
    """Add a stage to the pipeline file.

    Uses the pipeline file in the current folder.

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
    everything: Annotated[bool, typer.Option("--all", help="List all stages and pointer files of the repository.")] = False,
    recursive: RecursiveOption = False,
    name_only: Annotated[bool, typer.Option("--name-only", "--names-only", help="Print only the names of stages.")] = False,
    fail: Annotated[bool, typer.Option("--fail", help="Fail if any pipeline or pointer file cannot be read.")] = False,
    json: JsonOption = False,
) -> None:
    """List the stages of the pipeline.

    Shows each stage with its outputs or its description.

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


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"
