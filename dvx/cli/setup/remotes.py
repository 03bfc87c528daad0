"""The commands about remotes: remote add, list, default, modify, remove, rename, test."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import to_builtins

from dvx.cli.common import JsonOption, find_project
from dvx.cli.setup import complete, complete_values
from dvx.cli.setup.config import (
    GlobalOption,
    LocalOption,
    ProjectOption,
    SystemOption,
    UnsetOption,
    editing_of,
    find_config,
    level_of,
)
from dvx.cli.terminal import render
from dvx.errors import UsageError, quoted
from dvx.model.setup.settings import OptionName
from dvx.ops.setup import remotes

NameArgument = Annotated[str, typer.Argument(help="Name of the remote.", autocompletion=complete.remotes, show_default=False)]


def remote_add(
    name: Annotated[str, typer.Argument(help="Name of the remote.", show_default=False)],
    url: Annotated[
        str,
        typer.Argument(
            help="Folder, or URL such as `s3://bucket/path`.", autocompletion=complete_values.urls, show_default=False
        ),
    ],
    *,
    global_: GlobalOption = False,
    system: SystemOption = False,
    project: ProjectOption = False,
    local: LocalOption = False,
    default: Annotated[bool, typer.Option("--default", "-d", help="Make it the default remote.")] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite an existing remote of that name.")] = False,
) -> None:
    """Add a location of remote storage.

    Example: dvx remote add --default storage s3://bucket/path
    """
    editing = editing_of(find_config(), level_of(system, global_, project, local))
    remotes.add_remote(editing, remotes.NewRemote(name, url, default, force))
    if default:
        render.note(f"Setting '{name.lower()}' as a default remote.")


def remote_list(
    *,
    global_: GlobalOption = False,
    system: SystemOption = False,
    project: ProjectOption = False,
    local: LocalOption = False,
    json: JsonOption = False,
) -> None:
    """List the configured remotes, with passwords hidden.

    Example: dvx remote list
    """
    rows = remotes.list_remotes(find_config(), level_of(system, global_, project, local))
    if json:
        render.json([{"name": row.name, "url": row.url, "default": row.default} for row in rows])
    else:
        for row in rows:
            render.data((f"{row.name}\t{row.url}" + ("\t(default)" if row.default else "")).expandtabs())


def remote_default(
    name: Annotated[
        str | None, typer.Argument(help="Name of the new default remote.", autocompletion=complete.remotes, show_default=False)
    ] = None,
    *,
    global_: GlobalOption = False,
    system: SystemOption = False,
    project: ProjectOption = False,
    local: LocalOption = False,
    unset: UnsetOption = False,
) -> None:
    """Show or set the default remote.

    Example: dvx remote default storage
    """
    found, level = find_config(), level_of(system, global_, project, local)
    if unset:
        remotes.choose_default(editing_of(found, level), "")
    elif name is None:
        render.data(remotes.default_remote(found, level))
    else:
        remotes.choose_default(editing_of(found, level), name)


def remote_modify(
    name: NameArgument,
    option: Annotated[
        str,
        typer.Argument(
            help="Name of the option, such as `url` or `profile`.",
            autocompletion=complete_values.remote_options,
            show_default=False,
        ),
    ],
    value: Annotated[
        str | None,
        typer.Argument(help="New value of the option.", autocompletion=complete_values.remote_values, show_default=False),
    ] = None,
    *,
    global_: GlobalOption = False,
    system: SystemOption = False,
    project: ProjectOption = False,
    local: LocalOption = False,
    unset: UnsetOption = False,
) -> None:
    """Change an option of a remote; secrets are kept out of Git.

    Example: dvx remote modify storage profile work
    """
    editing = editing_of(find_config(), level_of(system, global_, project, local))
    full = OptionName("remote", name.lower(), option.lower())
    if value is None and not unset:
        hint = f"run `dvx remote modify {quoted(name)} {quoted(option)} VALUE`, or add `--unset`"
        raise UsageError(f"a value for `{option}` is missing", hint)
    remotes.modify_remote(editing, full, None if unset else value)


def remote_remove(
    name: NameArgument,
    *,
    global_: GlobalOption = False,
    system: SystemOption = False,
    project: ProjectOption = False,
    local: LocalOption = False,
) -> None:
    """Remove a remote from the configuration, keeping its data.

    Example: dvx remote remove storage
    """
    remotes.remove_remote(editing_of(find_config(), level_of(system, global_, project, local)), name)


def remote_rename(
    name: NameArgument,
    new: Annotated[str, typer.Argument(help="New name of the remote.", show_default=False)],
    *,
    global_: GlobalOption = False,
    system: SystemOption = False,
    project: ProjectOption = False,
    local: LocalOption = False,
) -> None:
    """Rename a remote in the configuration.

    Example: dvx remote rename storage archive
    """
    remotes.rename_remote(editing_of(find_config(), level_of(system, global_, project, local)), name, new)


def remote_test(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of the remote (default: the default remote).", autocompletion=complete.remotes, show_default=False
        ),
    ] = "",
    *,
    read_only: Annotated[bool, typer.Option("--read-only", help="Test only downloads, without writing to the remote.")] = False,
    json: JsonOption = False,
) -> None:
    """Test the connection to a remote and your permissions there.

    A small file is written there, and removed. The exit code is 0 if everything works that a push and a pull need.

    Example: dvx remote test storage
    """
    from dvx.ops.transfer.remote_test import try_remote

    found = try_remote(find_project(), name, reading=read_only)
    if json:
        render.json({**to_builtins(found), "works": not found.lacking})
    else:
        rows = [[each.check, each.verdict.value, each.detail] for each in found.probes]
        if found.latency is not None:
            rows.append(["latency", "ok", f"{found.latency:.1f} ms"])
        render.table(rows, ["check", "result", ""])
        for each in found.probes:
            if each.hint:
                render.note(f"{each.check}: {each.hint}")
    if found.lacking:
        raise typer.Exit(1)
