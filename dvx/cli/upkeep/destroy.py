"""The command destroy: takes dvx out of a project."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from dvx.cli.common import find_project
from dvx.cli.terminal import render, screen, units
from dvx.errors import DvxError
from dvx.model.paths import printable
from dvx.ops.upkeep.destroy import DestroyPlan, plan
from dvx.ops.upkeep.destroy import destroy as carry_out

_SHOWN = 5


def destroy(*, force: Annotated[bool, typer.Option("--force", "-f", help="Do not ask for confirmation.")] = False) -> None:
    """Remove dvx from a project, keeping its data.

    Removes pointer, pipeline, lock and ignore files, and the folder with the configuration and the cache.

    The data in the workspace stays; files that are links into the cache become copies first. It shows what is only in the
    cache, and so goes for good, and asks. What .gitignore says, and Git's hooks, stay as they are.

    Example: dvx destroy
    """
    project = find_project()
    planned = plan(project, render.terminal())
    _show(planned)
    if not force:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise DvxError("nothing was removed, as nobody can be asked", "use `-f` to do it without being asked")
        if not screen.confirm("Remove all this for good?"):
            raise DvxError("nothing was removed", "")
    freed = carry_out(project, planned, render.terminal())
    if freed:
        render.note(f"{units.count(len(freed), 'file')} of the workspace became {'a copy' if len(freed) == 1 else 'copies'}.")
    render.note(f"Removed {units.count(len(planned.files), 'file')} and `{planned.folder}`.")


def _show(planned: DestroyPlan) -> None:
    render.note(f"To be removed: {_named((planned.folder, *planned.files))}")
    if planned.objects:
        more = f", among them what is recorded of {_named(planned.absent)}" if planned.absent else ""
        amount = f"{units.count(planned.objects, 'object')} ({units.size(planned.bytes)})"
        render.note(f"Only in the cache, and gone with it: {amount}{more}")
    if planned.trashed:
        render.note(f"Gone with the trash: {units.count(planned.trashed, 'thing')} that `dvx trash list` shows")
    if planned.cache:
        render.note(f"The cache in `{printable(planned.cache)}` stays.")


def _named(paths: Sequence[str]) -> str:
    return ", ".join(f"`{printable(path)}`" for path in paths[:_SHOWN]) + (
        f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    )
