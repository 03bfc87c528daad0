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
    typer.Argument(help="Pointer files, tracked paths or stages.", autocompletion=complete.targets, show_default=False),
]


def remove(
    targets: OwnersArgument,
    *,
    outs: Annotated[
        bool,
        typer.Option("--outs", help="Remove the data from the workspace, too (data that is not in the cache goes to the trash)."),
    ] = False,
) -> None:
    """Stop tracking data, or delete stages from the pipeline.

    The data stays in the workspace unless you pass `--outs`.

    Example: dvx remove data.csv.dvx
    """
    from dvx.ops.data.remove import remove

    project = find_project()
    result = remove(project, targets, render.terminal(), outs=outs)
    for owner in result.removed:
        render.note(f"Removed {printable(owner)}")
    tell_git(project, result.for_git)


def move(
    src: Annotated[
        str, typer.Argument(help="Tracked file or folder to move.", autocompletion=complete.targets, show_default=False)
    ],
    dst: Annotated[str, typer.Argument(help="New path, or an existing folder to move it into.", show_default=False)],
) -> None:
    """Move or rename tracked data and its pointer file.

    Example: dvx move data.csv raw/data.csv
    """
    from dvx.ops.data.move import move

    project = find_project()
    result = move(project, src, dst, render.terminal())
    render.note(f"Moved {printable(src)} to {printable(project.shown(result.path))}")
    tell_git(project, result.for_git)


def unprotect(
    targets: Annotated[
        list[str], typer.Argument(help="Tracked files or folders.", autocompletion=complete.targets, show_default=False)
    ],
) -> None:
    """Make tracked files safe to edit in place.

    Files that are links to the cache are replaced by copies, so that an edit cannot change the cache.

    Example: dvx unprotect data.csv
    """
    from dvx.ops.workspace.protect import unprotect

    changed = unprotect(find_project(), targets, render.terminal())
    render.note(f"{units.count(len(changed), 'file')} made writable" if changed else "All files are writable already.")


def freeze(targets: OwnersArgument) -> None:
    """Freeze stages and imports so that they are not run or updated.

    Example: dvx freeze prepare
    """
    from dvx.ops.data.freeze import freeze

    project = find_project()
    tell_git(project, freeze(project, targets, render.terminal(), frozen=True))


def unfreeze(targets: OwnersArgument) -> None:
    """Unfreeze stages and imports so that they are run or updated again.

    Example: dvx unfreeze prepare
    """
    from dvx.ops.data.freeze import freeze

    project = find_project()
    tell_git(project, freeze(project, targets, render.terminal(), frozen=False))
