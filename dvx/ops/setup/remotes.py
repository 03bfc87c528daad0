"""remote: add, list, rename and remove remotes, and choose the default one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from dvx.config import Config
from dvx.errors import ConfigError, DvxError, UnknownTarget, quoted
from dvx.model.events import Notice
from dvx.model.paths import printable
from dvx.model.setup.ini import Document, IniItem, Section, title_of
from dvx.model.setup.settings import Level, OptionName, demand_reached, shown
from dvx.ops.setup.configuration import Editing, check_remote_name, edit, set_option, stored, unknown_remote, unset_option

_DEFAULT = OptionName("core", "", "remote")


class NewRemote(Struct, frozen=True):
    """A remote to add; `replacing` says that one of that name may exist."""

    name: str
    url: str
    default: bool = False
    replacing: bool = False


class RemoteRow(Struct, frozen=True):
    """One remote as it is listed; passwords in `url` are hidden."""

    name: str
    url: str
    default: bool


def list_remotes(config: Config, level: Level | None = None) -> tuple[RemoteRow, ...]:
    """The remotes, or those whose URL one level gives."""
    if level is not None:
        config.path(level)
        config = config.only(level)
    chosen = (config.get("core.remote") or "").lower()
    named = [setting for name, setting in config.settings.items() if name.section == "remote" and name.option == "url"]
    return tuple(RemoteRow(each.name.name, shown(each, config.value(each)), each.name.name == chosen) for each in named)


def add_remote(editing: Editing, new: NewRemote) -> None:
    """Add a remote.

    Raises:
        ConfigError: one of that name exists, or the name or URL is wrong.
    """
    config = editing.config
    name = OptionName("remote", check_remote_name(new.name.lower()), "url")
    first = not config.remotes()
    level = editing.level_for(name, new.url)
    url = stored(editing, level, name, new.url)
    demand_reached(new.url)
    if not url:
        raise ConfigError(f"the remote `{name.name}` needs a url", "give a path or a URL such as `s3://bucket/path`")

    def change(document: Document) -> Document:
        old = document.section(name.title)
        if old is not None and not new.replacing:
            hint = f"replace it with `--force`, or change it: `dvx remote modify {quoted(name.name)} url URL`"
            raise ConfigError(f"there is a remote `{name.name}` already", hint)
        document = document.put_section(replace(old or Section(name.title), items=(IniItem("url", url),)))
        return document.put(_DEFAULT.title, _DEFAULT.option, name.name) if new.default else document

    edit(editing, level, change, name)
    editing.tell_kept(name, new.url)
    if first and (config.get("core.hash") or config.dialect.algorithm) == "xxh128":
        message = "this repository names content by `xxh128`, which finds accidents but does not stop attackers"
        hint = "where others can write to the remote, use `blake3` or `sha256`: `dvx migrate --hash blake3`"
        editing.tell(Notice(message, hint))


def remove_remote(editing: Editing, name: str) -> None:
    """Remove a remote and, where it is the default, that too.

    Raises:
        ConfigError: there is none of that name.
    """
    name = name.lower()
    _everywhere(editing, name, lambda document, title: document.drop_section(title), None)


def rename_remote(editing: Editing, name: str, new: str) -> None:
    """Rename a remote, also where it is the default.

    Raises:
        ConfigError: there is no remote `name`, or there is one called `new`.
    """
    new = check_remote_name(new.lower())
    if new in editing.config.remotes():
        raise ConfigError(f"there is a remote `{new}` already", f"remove it first with `dvx remote remove {quoted(new)}`")
    _everywhere(editing, name.lower(), lambda document, title: document.rename(title, title_of("remote", new)), new)


def modify_remote(editing: Editing, name: OptionName, value: str | None) -> None:
    """Set an option of a remote; None removes it, if it is set.

    Raises:
        ConfigError: there is no such remote or option, or the value is wrong.
    """
    if not any(known.title == name.title for known in editing.config.settings):
        raise unknown_remote(editing.config, name.name)
    if value is not None:
        set_option(editing, name, value)
        return
    if name.name not in editing.config.upto(editing.level or Level.LOCAL).remotes():
        raise unknown_remote(editing.config, name.name)
    if any(setting.name == name for setting in editing.config.given):
        unset_option(editing, name)


def default_remote(config: Config, level: Level | None = None) -> str:
    """The name of the default remote.

    Raises:
        UnknownTarget: there is none.
    """
    chosen = (config if level is None else config.only(level)).get("core.remote")
    if not chosen:
        raise UnknownTarget("there is no default remote", "run `dvx remote default NAME`")
    return chosen


def choose_default(editing: Editing, name: str) -> None:
    """Make a remote the default one; with an empty name, none.

    Raises:
        ConfigError: there is no remote of that name.
    """
    if not name:
        edit(editing, editing.level or Level.REPO, lambda document: document.drop(_DEFAULT.title, _DEFAULT.option))
        return
    if name.lower() not in editing.config.upto(editing.level or Level.REPO).remotes():
        raise unknown_remote(editing.config, name.lower())
    set_option(editing, _DEFAULT, name.lower())


def _everywhere(editing: Editing, name: str, change: Callable[[Document, str], Document], heir: str | None) -> None:
    """Change the section of a remote at its level, or in both files of the repository, and the default in those that win over it.

    The file that decides whether the remote exists comes last, so that a command which was interrupted can be run again.
    """
    config = editing.config
    wanted = editing.level or Level.REPO
    config.path(wanted)
    title = title_of("remote", name)
    levels = config.levels()[config.levels().index(wanted) :]
    holders = [level for level in (levels if editing.level is None else (wanted,)) if config.document(level).section(title)]
    if not holders:
        raise unknown_remote(config, name)

    def changed(level: Level, document: Document) -> Document:
        document = change(document, title) if level in holders else document
        core = document.section(_DEFAULT.title)
        if core is None or str(core.get(_DEFAULT.option)).lower() != name:
            return document
        return document.put("core", "remote", heir) if heir else document.drop("core", "remote")

    before = {level: config.document(level) for level in reversed(levels)}
    try:
        for level in before:
            edit(editing, level, partial(changed, level))
    except (OSError, DvxError):
        for level, document in before.items():
            _put_back(editing, level, document)
        raise


def _put_back(editing: Editing, level: Level, document: Document) -> None:
    try:
        edit(editing, level, lambda _: document)
    except (OSError, DvxError):
        path = editing.config.path(level)
        editing.tell(Notice(f"`{printable(path)}` could not be put back as it was", "mend the cause, then run the command again"))
