"""The command that records what is there: commit."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dvx.cli.common import RecursiveOption, TargetsArgument, WithDepsOption, find_project, tell_git
from dvx.cli.terminal import render, screen
from dvx.model.paths import printable
from dvx.ops.tracked.index import SelectOptions


def commit(
    targets: TargetsArgument = None,
    *,
    force: Annotated[bool, typer.Option("--force", "-f", help="Record changes without asking for confirmation.")] = False,
    with_deps: WithDepsOption = False,
    recursive: RecursiveOption = False,
    relink: Annotated[
        bool, typer.Option("--relink/--no-relink", help="Replace workspace files by links to the cache, as `cache.type` says.")
    ] = True,
) -> None:
    """Record the current state of tracked data and stage outputs.

    Use it after editing tracked data, or when the outputs of a stage are known to be right. No command is run.

    What is not as it was recorded is asked about; where nobody can answer, the command stops.

    Example: dvx commit -f data/images
    """
    from dvx.ops.data.commit import CommitOptions, commit

    project = find_project()
    options = CommitOptions(
        targets=tuple(targets or ()),
        select=SelectOptions(with_deps=with_deps, recursive=recursive),
        force=force,
        share=relink,
        confirm=_confirm if sys.stdin.isatty() else None,
    )
    result = commit(project, options, render.terminal())
    for owner in result.recorded:
        render.note(f"Recorded {printable(owner)}")
    if not result.recorded:
        render.note("Everything is recorded already.")
    tell_git(project, result.for_git)


def _confirm(owner: str, changes: tuple[str, ...]) -> bool:
    return screen.confirm(f"`{printable(owner)}`: {', '.join(changes)}. Are you sure you want to commit it?")
