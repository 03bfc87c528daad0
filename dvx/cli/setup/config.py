"""config, remote: options of the repository and of the user."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import to_builtins

from dvx.cli.common import JsonOption, cwd, find_project, undo_log
from dvx.cli.session import SESSION
from dvx.cli.setup import complete, complete_values
from dvx.cli.terminal import render
from dvx.config import Config, environment
from dvx.errors import UsageError, quoted
from dvx.model.setup.settings import Level, OptionName, Setting, parse_name, shown
from dvx.ops.setup import configuration, remotes

GlobalOption = Annotated[bool, typer.Option("--global", help="Your own file, for all repositories.")]
SystemOption = Annotated[bool, typer.Option("--system", help="The file of this machine.")]
ProjectOption = Annotated[bool, typer.Option("--project", help="The file that Git tracks; it is where changes go by default.")]
LocalOption = Annotated[bool, typer.Option("--local", help="The private file of this repository.")]
UnsetOption = Annotated[bool, typer.Option("--unset", "-u", help="Remove the option.")]
NameArgument = Annotated[str, typer.Argument(help="Name of the remote.", autocompletion=complete.remotes, show_default=False)]


def config(
    name: Annotated[
        str | None,
        typer.Argument(
            help="`section.option` or `remote.NAME.option`.", autocompletion=complete_values.option_names, show_default=False
        ),
    ] = None,
    value: Annotated[
        str | None, typer.Argument(help="Its new value.", autocompletion=complete_values.option_values, show_default=False)
    ] = None,
    *,
    global_: GlobalOption = False,
    system: SystemOption = False,
    project: ProjectOption = False,
    local: LocalOption = False,
    unset: UnsetOption = False,
    list_: Annotated[bool, typer.Option("--list", "-l", help="List all options that are set.")] = False,
    show_origin: Annotated[bool, typer.Option("--show-origin", help="Begin with the file that sets it.")] = False,
    json: JsonOption = False,
) -> None:
    """Show or change options.

    Secrets are kept in the private file, and `--list` does not show them.

    Example: dvx config core.autostage true
    """
    found = _find_config()
    level = _level(system, global_, project, local)
    _check_usage(name, change=unset or (value is not None), list_=list_, show=show_origin or json)
    if list_:
        _show_settings(found, configuration.list_settings(found, level), show_origin=show_origin, json=json)
    elif unset:
        configuration.unset_option(_editing(found, level), parse_name(str(name)))
    elif value is not None:
        configuration.set_option(_editing(found, level), parse_name(str(name)), value)
    else:
        setting = configuration.get_setting(found, str(name), level)
        _show_setting(found, setting, show_origin=show_origin, json=json)


def cache_dir(
    value: Annotated[str, typer.Argument(help="Its new place, seen from this folder.", show_default=False)] = "",
    *,
    global_: GlobalOption = False,
    system: SystemOption = False,
    project: ProjectOption = False,
    local: LocalOption = False,
    unset: UnsetOption = False,
) -> None:
    """Show or change where the cache is. What is in the old one stays there.

    Example: dvx cache dir /mnt/shared/cache
    """
    name = parse_name("cache.dir")
    level = _level(system, global_, project, local)
    found = _find_config()
    if unset:
        configuration.unset_option(_editing(found, level), name)
    elif value:
        configuration.set_option(_editing(found, level), name, value)
    elif level is not None:
        _show_setting(found, configuration.get_setting(found, str(name), level), show_origin=False, json=False)
    else:
        render.data(find_project().cache.root)


def remote_add(
    name: Annotated[str, typer.Argument(help="Name of the remote.", show_default=False)],
    url: Annotated[
        str,
        typer.Argument(
            help="A folder, or a URL such as `s3://bucket/path`.", autocompletion=complete_values.urls, show_default=False
        ),
    ],
    *,
    global_: GlobalOption = False,
    system: SystemOption = False,
    project: ProjectOption = False,
    local: LocalOption = False,
    default: Annotated[bool, typer.Option("--default", "-d", help="Make it the default remote.")] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace the remote of that name.")] = False,
) -> None:
    """Add a remote: a place that data is pushed to and pulled from.

    Example: dvx remote add --default storage s3://bucket/path
    """
    editing = _editing(_find_config(), _level(system, global_, project, local))
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
    """List remotes, with the passwords in their URLs hidden.

    Example: dvx remote list
    """
    rows = remotes.list_remotes(_find_config(), _level(system, global_, project, local))
    if json:
        render.json([{"name": row.name, "url": row.url, "default": row.default} for row in rows])
    else:
        for row in rows:
            render.data((f"{row.name}\t{row.url}" + ("\t(default)" if row.default else "")).expandtabs())


def remote_default(
    name: Annotated[
        str | None, typer.Argument(help="The new default remote.", autocompletion=complete.remotes, show_default=False)
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
    found, level = _find_config(), _level(system, global_, project, local)
    if unset:
        remotes.choose_default(_editing(found, level), "")
    elif name is None:
        render.data(remotes.default_remote(found, level))
    else:
        remotes.choose_default(_editing(found, level), name)


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
        str | None, typer.Argument(help="Its new value.", autocompletion=complete_values.remote_values, show_default=False)
    ] = None,
    *,
    global_: GlobalOption = False,
    system: SystemOption = False,
    project: ProjectOption = False,
    local: LocalOption = False,
    unset: UnsetOption = False,
) -> None:
    """Change an option of a remote; secrets are kept in the private file.

    Example: dvx remote modify storage profile work
    """
    editing = _editing(_find_config(), _level(system, global_, project, local))
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
    """Remove a remote from the configuration; the data in it stays.

    Example: dvx remote remove storage
    """
    remotes.remove_remote(_editing(_find_config(), _level(system, global_, project, local)), name)


def remote_rename(
    name: NameArgument,
    new: Annotated[str, typer.Argument(help="Its new name.", show_default=False)],
    *,
    global_: GlobalOption = False,
    system: SystemOption = False,
    project: ProjectOption = False,
    local: LocalOption = False,
) -> None:
    """Rename a remote.

    Example: dvx remote rename storage archive
    """
    remotes.rename_remote(_editing(_find_config(), _level(system, global_, project, local)), name, new)


def remote_test(
    name: Annotated[
        str,
        typer.Argument(help="Name of the remote; the default one without.", autocompletion=complete.remotes, show_default=False),
    ] = "",
    *,
    read_only: Annotated[bool, typer.Option("--read-only", help="Write nothing; say whether a pull would work.")] = False,
    json: JsonOption = False,
) -> None:
    """Say who you are at a remote, what you may do there, and how far away it is.

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


def _find_config() -> Config:
    """The configuration here, also where there is no repository or options are wrong: this is where they are mended."""
    root, dialect = SESSION.get().here()
    return Config.read(root, dialect, environment())


def _editing(found: Config, level: Level | None) -> configuration.Editing:
    return configuration.Editing(found, level, cwd(), render.terminal(), undo_log(found))


def _level(system: bool, global_: bool, project: bool, local: bool) -> Level | None:
    flags = {Level.SYSTEM: system, Level.GLOBAL: global_, Level.REPO: project, Level.LOCAL: local}
    chosen = [level for level, given in flags.items() if given]
    if len(chosen) > 1:
        raise UsageError("only one of `--system`, `--global`, `--project` and `--local` may be given", "leave out the others")
    return chosen[0] if chosen else None


def _check_usage(name: str | None, *, change: bool, list_: bool, show: bool) -> None:
    if list_ and (name is not None or change):
        raise UsageError("`--list` takes neither a name nor a value nor `--unset`", "leave them out")
    if not list_ and name is None:
        raise UsageError("the name of an option is missing", "run `dvx config --list` to see those that are set")
    if change and show:
        raise UsageError("`--show-origin` and `--json` show options; they do not go with a change", "leave them out")


def _show_settings(found: Config, settings: tuple[Setting, ...], *, show_origin: bool, json: bool) -> None:
    rows = [(setting, shown(setting, found.value(setting))) for setting in settings]
    if json:
        render.json([{"name": str(each.name), "value": text, "level": each.level, "file": each.file} for each, text in rows])
        return
    for setting, text in rows:
        origin = f"{setting.file}\t" if show_origin else ""
        render.data(f"{origin}{setting.name}={text}")


def _show_setting(found: Config, setting: Setting | None, *, show_origin: bool, json: bool) -> None:
    """Print one value as it is, also a secret: it was asked for by its name."""
    if json:
        render.json(None if setting is None else found.value(setting))
    elif setting is not None:
        origin = f"{setting.file}\t" if show_origin else ""
        render.data(origin + found.value(setting))
