"""The commands config, cache dir: options of the repository and of the user."""

from __future__ import annotations

from typing import Annotated

import typer

from dvx.cli.common import JsonOption, cwd, find_project, undo_log
from dvx.cli.session import SESSION
from dvx.cli.setup import complete_values
from dvx.cli.terminal import render
from dvx.config import Config, environment
from dvx.errors import UsageError
from dvx.model.setup.settings import Level, Setting, parse_name, shown
from dvx.ops.setup import configuration

GlobalOption = Annotated[bool, typer.Option("--global", help="Use your personal configuration file, for all repositories.")]
SystemOption = Annotated[bool, typer.Option("--system", help="Use the system-wide configuration file.")]
ProjectOption = Annotated[
    bool, typer.Option("--project", help="Use the repository's file, which Git tracks (default for changes).")
]
LocalOption = Annotated[bool, typer.Option("--local", help="Use the repository's private file, which Git ignores.")]
UnsetOption = Annotated[bool, typer.Option("--unset", "-u", help="Remove the option from the file.")]


def config(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Option, as `section.option` or `remote.NAME.option`.",
            autocompletion=complete_values.option_names,
            show_default=False,
        ),
    ] = None,
    value: Annotated[
        str | None,
        typer.Argument(help="New value of the option.", autocompletion=complete_values.option_values, show_default=False),
    ] = None,
    *,
    global_: GlobalOption = False,
    system: SystemOption = False,
    project: ProjectOption = False,
    local: LocalOption = False,
    unset: UnsetOption = False,
    list_: Annotated[bool, typer.Option("--list", "-l", help="List all options that are set.")] = False,
    show_origin: Annotated[bool, typer.Option("--show-origin", help="Show the file that each option comes from.")] = False,
    json: JsonOption = False,
) -> None:
    """Show or change configuration options.

    Secrets are kept in the private file, and `--list` does not show them.

    Example: dvx config core.autostage true
    """
    found = find_config()
    level = level_of(system, global_, project, local)
    _check_usage(name, change=unset or (value is not None), list_=list_, show=show_origin or json)
    if list_:
        _show_settings(found, configuration.list_settings(found, level), show_origin=show_origin, json=json)
    elif unset:
        configuration.unset_option(editing_of(found, level), parse_name(str(name)))
    elif value is not None:
        configuration.set_option(editing_of(found, level), parse_name(str(name)), value)
    else:
        setting = configuration.get_setting(found, str(name), level)
        _show_setting(found, setting, show_origin=show_origin, json=json)


def cache_dir(
    value: Annotated[str, typer.Argument(help="New location, relative to the current folder.", show_default=False)] = "",
    *,
    global_: GlobalOption = False,
    system: SystemOption = False,
    project: ProjectOption = False,
    local: LocalOption = False,
    unset: UnsetOption = False,
) -> None:
    """Show or change where the cache is, without moving its contents.

    Example: dvx cache dir /mnt/shared/cache
    """
    name = parse_name("cache.dir")
    level = level_of(system, global_, project, local)
    found = find_config()
    if unset:
        configuration.unset_option(editing_of(found, level), name)
    elif value:
        configuration.set_option(editing_of(found, level), name, value)
    elif level is not None:
        _show_setting(found, configuration.get_setting(found, str(name), level), show_origin=False, json=False)
    else:
        render.data(find_project().cache.root)


def find_config() -> Config:
    """The configuration here, also where there is no repository or options are wrong: this is where they are mended."""
    root, dialect = SESSION.get().here()
    return Config.read(root, dialect, environment())


def editing_of(found: Config, level: Level | None) -> configuration.Editing:
    return configuration.Editing(found, level, cwd(), render.terminal(), undo_log(found))


def level_of(system: bool, global_: bool, project: bool, local: bool) -> Level | None:
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
