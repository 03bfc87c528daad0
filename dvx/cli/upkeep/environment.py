"""The commands about what surrounds the data: check-ignore, cache migrate."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from dvx.cli.common import DryRunOption, find_project, tell_git
from dvx.cli.terminal import render, units
from dvx.errors import UsageError
from dvx.model.paths import printable


def check_ignore(
    targets: Annotated[list[str] | None, typer.Argument(help="Paths to check; they need not exist.", show_default=False)] = None,
    *,
    details: Annotated[
        bool, typer.Option("--details", "-d", help="Show the pattern that decides, with its file and line number.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", "-a", help="With `-d`: show all patterns that match.")] = False,
    non_matching: Annotated[
        bool, typer.Option("--non-matching", "-n", help="With `-d`: list paths that are not ignored, too.")
    ] = False,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read paths from standard input, one per line.")] = False,
) -> None:
    """Check which paths dvx ignores, and by which rule.

    Exits with 1 if no path is ignored.

    Example: dvx check-ignore -d data/raw.tmp
    """
    from dvx.ops.tracked.check_ignore import check_ignore

    for flag, given in (("--all", every), ("--non-matching", non_matching)):
        if given and not details:
            raise UsageError(f"`{flag}` goes with `--details`", "add `-d`")
    if bool(targets) == stdin:
        raise UsageError("either paths or `--stdin` are needed", "name paths, or send them one a line")
    found = False
    for verdict in check_ignore(find_project(), _lines() if stdin else targets or ()):
        found = found or (bool(verdict.rules) if details else verdict.ignored)
        shown = printable(verdict.target)
        if render.is_quiet():
            continue
        if details:
            rules = verdict.rules if every else verdict.rules[-1:]
            for rule in rules or (("::",) if non_matching else ()):
                render.data(f"{rule}\t{shown}")
        elif verdict.ignored:
            render.data(shown)
    if not found:
        raise typer.Exit(1)


def _lines() -> Iterator[str]:
    for line in sys.stdin:
        name = line.rstrip("\n")
        if name:
            yield name


def cache_migrate(
    *,
    dvc_files: Annotated[bool, typer.Option("--dvc-files", help="Rewrite pointer and lock files to use the new names.")] = False,
    dry: DryRunOption = False,
) -> None:
    """Convert a cache of DVC 2 to the layout of DVC 3.

    The old names are kept, for old commits.

    Example: dvx cache migrate --dvc-files
    """
    from dvx.ops.upkeep.migrate_cache import migrate

    project = find_project()
    result = migrate(project, render.terminal(), entries=dvc_files, dry=dry)
    objects = units.count(result.objects, "object")
    render.note(f"{objects} would be hashed anew and migrated" if dry else f"Migrated {objects}.")
    for path in result.changed:
        render.data(f"{path}" if dry else f"M\t{path}")
    _tell_kept(result.kept)
    if not dry:
        tell_git(project, result.changed)


def _tell_kept(paths: Sequence[str]) -> None:
    if paths:
        shown = ", ".join(f"`{printable(path)}`" for path in paths[:5]) + (", ..." if len(paths) > 5 else "")
        render.note(f"note: the data of {shown} is not here, so its entries stay as they were; run `dvx fetch`, then this again")
