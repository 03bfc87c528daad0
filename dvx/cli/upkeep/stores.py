"""The commands for what is stored and what was put aside: du, trash list, trash restore, trash empty."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer
from msgspec import to_builtins

from dvx.cli.common import JsonOption, find_project
from dvx.cli.imports.origins import ConfigOption, RemoteConfigOption, SourceRemoteOption, origin_of
from dvx.cli.setup import complete
from dvx.cli.terminal import render, screen, units
from dvx.errors import UsageError
from dvx.model.data.listing import sums
from dvx.model.paths import printable
from dvx.model.tracked.origin import Origin
from dvx.model.upkeep.gc import parse_age
from dvx.model.upkeep.usage import Share
from dvx.ops.upkeep.du import usage
from dvx.ops.workspace import trash

_TARGETS = typer.Argument(help="Ids or paths, as shown by `dvx trash list`.", autocompletion=complete.trash, show_default=False)


def du(
    url: Annotated[
        str, typer.Argument(help="Repository to measure instead: a Git URL or a folder.", autocompletion=complete.folders)
    ] = "",
    path: Annotated[str, typer.Argument(help="File or folder in the repository.", show_default=False)] = "",
    *,
    rev: Annotated[str, typer.Option("--rev", help="Branch, tag or commit of that repository.")] = "",
    config: ConfigOption = "",
    remote: SourceRemoteOption = "",
    remote_config: RemoteConfigOption = None,
    summarize: Annotated[bool, typer.Option("--summarize", "-s", help="Print only the totals.")] = False,
    json: JsonOption = False,
) -> None:
    """Show how much space the cache uses, by path and by revision.

    Also shows how much space is saved because files with the same contents are stored once.

    With a repository, here or elsewhere, show how much each file and folder in it takes, data that is not here too.

    Size is what plain copies would take up, held is what they take up in the cache, and alone the part of that which would
    become free without that path or revision.

    Example: dvx du
    """
    if url:
        _contents(origin_of(url, path, rev, config, remote, remote_config), summarize=summarize, json=json)
        return
    if rev or config or remote or remote_config:
        raise UsageError("these options are about a repository whose contents are measured", "name it: `dvx du . --rev v1`")
    found = usage(find_project(), render.terminal())
    if json:
        totals = {name: getattr(found, name) for name in ("objects", "bytes", "unnamed", "size", "saved")}
        rows = {name: [to_builtins(share) for share in getattr(found, name)] for name in ("paths", "revisions")}
        render.json(totals if summarize else totals | rows)
        return
    for title, shares in () if summarize else (("Path", found.paths), ("Revision", found.revisions)):
        if shares:
            render.table([_row(share) for share in shares], (title, "Size", "Held", "Alone", "Versions", "Missing"))
            render.data("")
    render.data(f"{units.size(found.bytes)} in {units.count(found.objects, 'object')}, {units.size(found.unnamed)} unnamed")
    render.data(f"{units.size(found.size)} as plain copies, {units.size(found.saved)} saved")


def _contents(origin: Origin, *, summarize: bool, json: bool) -> None:
    """Print how much the files and folders of a repository take, as DVC does."""
    from dvx.cli.data.listing import amount, listed

    rows = sums(listed(origin, None)[1])[-1 if summarize else 0 :]
    if json:
        render.json([{"path": name, "size": size} for name, size in rows])
        return
    shown = [amount(size) for _, size in rows]
    wide = max(map(len, shown))
    for (name, _), size in zip(rows, shown, strict=True):
        render.data(f"{size:<{wide}}  {printable(name)}")


def _row(share: Share) -> tuple[str, ...]:
    sizes = (units.size(number) for number in (share.size, share.held, share.alone))
    return (printable(share.name), *sizes, str(share.versions), str(share.missing or "-"))


def trash_list(*, json: JsonOption = False) -> None:
    """List the files that dvx removed and keeps in the trash.

    The newest come first. Files are kept for 14 days.

    Example: dvx trash list
    """
    project = find_project()
    trash.tell_unreadable(project, render.terminal())
    items = [(item, trash.size_of(item)) for item in trash.listing(project)]
    if json:
        fields = ("id", "path", "taken", "command")
        render.json([{**{name: getattr(item, name) for name in fields}, "size": size} for item, size in items])
    elif items:
        rows = [
            (
                item.id,
                time.strftime("%Y-%m-%d %H:%M", time.localtime(item.taken)),
                units.size(size),
                item.command,
                printable(item.path),
            )
            for item, size in items
        ]
        render.table(rows, ("Id", "Taken", "Size", "By", "Path"))
    else:
        render.note("The trash is empty.")


def trash_restore(
    targets: Annotated[list[str], _TARGETS],
    *,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite existing files (they are moved to the trash).")] = False,
) -> None:
    """Restore removed files from the trash.

    If several have the same path, the newest is restored.

    Example: dvx trash restore data/raw.csv
    """
    _tell(trash.restore(find_project(), targets, force=force))


def trash_empty(
    *,
    older: Annotated[str, typer.Option("--older", help="Delete only files older than this: `3d`, `12h` (default: all).")] = "0",
    force: Annotated[bool, typer.Option("--force", "-f", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete the files in the trash permanently.

    Without `-f` it asks first; without a terminal to ask at, it deletes nothing.

    Example: dvx trash empty --older 3d
    """
    project = find_project()
    age = parse_age(older)
    if age:
        project.trash.clock.check(project.root)
    horizon = time.time() - age
    items = [item for item in trash.listing(project) if item.taken <= horizon]
    total = f"{units.count(len(items), 'thing')} ({units.size(sum(trash.size_of(item) for item in items))})"
    if items and not force:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            render.note(f"Nothing was removed; use `-f` to remove {total}.")
            return
        screen.confirm(f"Remove {total} for good?", abort=True)
    trash.empty(project, items)
    render.note(f"Removed {total} from the trash.")


def _tell(restored: trash.Restored) -> None:
    for item in restored.items:
        render.note(f"Restored {printable(item.path)}" + (f" (taken by `{item.command}`)" if item.command else ""))
    if restored.replaced:
        render.note(f"What was there went to the trash: {units.count(len(restored.replaced), 'path')}")
