"""The command `undo`."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from dvx.cli.common import JsonOption, find_project
from dvx.cli.terminal import render, screen, units
from dvx.errors import DvxError
from dvx.model.events import Notice
from dvx.model.paths import printable
from dvx.model.upkeep.undo_facts import Began
from dvx.ops.upkeep import undo as ops
from dvx.ops.upkeep.undo_done import carry_out
from dvx.project import Project

_RECENT = 3600
_SHOWN = 20


def undo(
    *,
    redo: Annotated[bool, typer.Option("--redo", help="Redo the last command that `undo` reverted.")] = False,
    list_: Annotated[bool, typer.Option("--list", "-l", help="List the commands that can be undone or redone.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "--dry", help="Show what would change without changing it.")] = False,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Do not ask; files changed since then are moved to the trash.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Undo the last command that changed something.

    It restores files, data, experiments, the queue and the configuration. Run it again to undo the command before that.

    Files, pointers, data and refs are as they were before that command. What you edited since is not touched without `--force`.
    The last 100 commands can be undone; uploads, `gc`, `queue retry` and changes of your own configuration files cannot.

    Example: dvx undo
    """
    project = find_project()
    if list_:
        _list(project, json=json)
        return
    planned = ops.plan_undo(project, again=redo, tell=render.terminal())
    word = "redo" if redo else "undo"
    if dry_run:
        render.note(f"Would {word} {_named(planned.began)}:")
        for name in planned.touched:
            render.data(printable(name))
        return
    reasons = ops.reasons_to_ask(planned)
    if time.time() - planned.began.at > _RECENT:
        reasons += (f"{_named(planned.began)} is older than an hour",)
    if reasons and not force:
        question = f"{'; '.join(reasons)}"
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise DvxError(question, f"`dvx undo --dry` shows what would change; use `--force` to {word} {_named(planned.began)}")
        screen.confirm(f"{question[0].upper()}{question[1:]}. {word.capitalize()} {_named(planned.began)}?", abort=True)
    done = carry_out(project, planned, render.terminal(), force=force)
    if json:
        render.json({"command": done.began.command, "at": done.began.at, "changed": done.touched, "missing": done.missing})
        return
    for name in done.touched[:_SHOWN]:
        render.note(f"  {printable(name)}")
    if len(done.touched) > _SHOWN:
        render.note(f"  and {len(done.touched) - _SHOWN} more")
    if done.replaced:
        render.note(f"Moved the current versions of {units.count(len(done.replaced), 'file')} to the trash")
    for path in done.missing:
        render.terminal()(
            Notice(f"the old data of `{printable(path)}` is not in the cache any more", "`dvx pull` gets it if a remote has it")
        )
    render.note(f"{'Redid' if redo else 'Undid'} {_named(done.began)}; `dvx undo{'' if redo else ' --redo'}` takes that back")


def _named(began: Began) -> str:
    return f"`{began.command}` of {_when(began.at)}"


def _when(moment: float) -> str:
    then, now = time.localtime(moment), time.localtime()
    return time.strftime("%H:%M:%S" if then[:3] == now[:3] else "%Y-%m-%d %H:%M", then)


def _list(project: Project, *, json: bool) -> None:
    past, meant = ops.known(project)
    rows = [("undo", one) for one in reversed(past.done)] + [("redo", one) for one in reversed(past.undone)]
    if json:
        render.json([{"command": meant[one.run].command, "at": meant[one.run].at, "next": word} for word, one in rows])
        return
    if not rows:
        render.note("There is nothing to undo.")
    shown = []
    for word, one in rows:
        began = meant[one.run]
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(began.at))
        shown.append(("no" if one.stays else word, moment, began.command))
    if shown:
        render.table(shown, ("Can", "Time", "Command"))
