"""The commands that change what is tracked: remove, move, unprotect, freeze, unfreeze."""

from __future__ import annotations

from typing import Annotated

import typer

from dvx.cli.common import find_project, tell_git
from dvx.cli.setup import complete
from dvx.cli.terminal import render, units
from dvx.model.paths import printable

OwnersArgument = Annotated[
    list[str],
    typer.Argument(help="Pointer files, tracked paths and stages.", autocompletion=complete.targets, show_default=False),
]


def remove(
    targets: OwnersArgument,
    *,
    outs: Annotated[bool, typer.Option("--outs", help="Remove the data too; what no store has goes to the trash.")] = False,
) -> None:
    """Stop tracking data, or take stages out of the pipeline; the data itself stays unless `--outs` is given.

    Example: dvx remove data.csv.dvx
    """
    from dvx.ops.data.remove import remove

    project = find_project()
    result = remove(project, targets, render.terminal(), outs=outs)
    for owner in result.removed:
        render.note(f"Removed {printable(owner)}")
    tell_git(project, result.for_git)


def move(
    src: Annotated[str, typer.Argument(help="The tracked file or folder.", autocompletion=complete.targets, show_default=False)],
    dst: Annotated[str, typer.Argument(help="Its new name, or a folder to put it in.", show_default=False)],
) -> None:
    """Give tracked data another name or place, together with its pointer file.

    Example: dvx move data.csv raw/data.csv
    """
    from dvx.ops.data.move import move

    project = find_project()
    result = move(project, src, dst, render.terminal())
    render.note(f"Moved {printable(src)} to {printable(project.shown(result.path))}")
    tell_git(project, result.for_git)


def unprotect(
    targets: Annotated[list[str], typer.Argument(help="Tracked paths.", autocompletion=complete.targets, show_default=False)],
) -> None:
    """Make tracked files safe to edit where they are links to the cache.

    Example: dvx unprotect data.csv
    """
    from dvx.ops.workspace.protect import unprotect

    changed = unprotect(find_project(), targets, render.terminal())
    render.note(f"{units.count(len(changed), 'file')} made writable" if changed else "All files are writable already.")


def freeze(targets: OwnersArgument) -> None:
    """Keep stages from running, and imports from being updated, until they are unfrozen.

    Example: dvx freeze prepare
    """
    from dvx.ops.data.freeze import freeze

    project = find_project()
    tell_git(project, freeze(project, targets, render.terminal(), frozen=True))


def unfreeze(targets: OwnersArgument) -> None:
    """Let frozen stages and imports follow their dependencies again.

    Example: dvx unfreeze prepare
    """
    from dvx.ops.data.freeze import freeze

    project = find_project()
    tell_git(project, freeze(project, targets, render.terminal(), frozen=False))
