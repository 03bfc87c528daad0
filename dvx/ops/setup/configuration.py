"""config: show and change options, and keep secrets out of files that Git tracks."""

from __future__ import annotations

import os
from collections.abc import Callable

from msgspec import Struct

from dvx.config import Config
from dvx.config.own import check_own
from dvx.errors import ConfigError, nearest, quoted
from dvx.model.events import Notice, Tell
from dvx.model.paths import printable, within
from dvx.model.setup.ini import Document, parse, render
from dvx.model.setup.quoting import Value
from dvx.model.setup.settings import (
    Level,
    OptionName,
    Setting,
    check,
    demand_reached,
    is_path,
    is_secret,
    lacks_host,
    merge,
    parse_name,
    read_settings,
)
from dvx.model.setup.unused_options import why_unused
from dvx.model.upkeep.undo_facts import Stays
from dvx.ops.setup.trust import note_choice
from dvx.store import files
from dvx.store.undo import UndoLog

PRIVATE = 0o600
"""The mode of files that may hold secrets."""
_IGNORED = "/config.local"
_URL = "url"


class Editing(Struct, frozen=True):
    """Which configuration is changed. Without a `level` it is the tracked file, or the private one for secrets."""

    config: Config
    level: Level | None
    cwd: str
    tell: Tell
    log: UndoLog | None = None

    def level_for(self, name: OptionName, value: str) -> Level:
        """The file that an option goes to; a secret never goes to the tracked one."""
        wanted = self.level or Level.REPO
        return Level.LOCAL if wanted is Level.REPO and is_secret(name, value) else wanted

    def tell_kept(self, name: OptionName, value: str) -> None:
        """Say that an option went to another file than asked for, if it did."""
        if self.level_for(name, value) is (self.level or Level.REPO):
            return
        private = self.config.label(Level.LOCAL)
        hint = "others who clone the repository give their own"
        if any(setting.name == name and setting.level is Level.REPO for setting in self.config.given):
            hint = f"an older value is still in `{self.config.label(Level.REPO)}`, which Git tracks: unset and change it"
        self.tell(Notice(f"`{name}` is a secret, so it is kept in `{private}`, which Git ignores", hint))


def get_setting(config: Config, name: str, level: Level | None = None) -> Setting | None:
    """The setting of an option that wins, or the one of a level.

    Raises:
        ConfigError: a level is asked for that does not set it.
    """
    option = parse_name(name)
    if level is None:
        return config.settings.get(option)
    found = [setting for setting in config.given if setting.name == option and setting.level is level]
    if not found:
        raise _not_set(config, option, level)
    return found[0]


def list_settings(config: Config, level: Level | None = None) -> tuple[Setting, ...]:
    """The settings of all files, or of one level: level by level, so that the one that wins comes last; named sections first."""
    if level is not None:
        config.path(level)
    found = [one for one in config.given if one.level is level or (level is None and one.level is not Level.ENVIRONMENT)]
    order = list(Level)
    return tuple(sorted(found, key=lambda setting: (order.index(setting.level), not setting.name.name)))


def set_option(editing: Editing, name: OptionName, value: str) -> None:
    """Set an option.

    Raises:
        ConfigError: it is unknown, its value is wrong, or it belongs to a remote that does not exist; dvx does not use it, and
            DVC does not work here.
    """
    config = editing.config
    unused = why_unused(name, value)
    if unused and not config.dialect.conforms_to:
        raise ConfigError(f"`{name}` would have no effect: {unused}", "leave it out")
    level = editing.level_for(name, value)
    config.path(level)
    if name.section == "remote":
        _check_remote(config, name, level)
        if name.option == "url":
            demand_reached(value)
    kept = stored(editing, level, name, value)
    after = edit(editing, level, lambda document: document.put(name.title, name.option, kept), name)
    editing.tell_kept(name, value)
    if unused:
        editing.tell(Notice(f"`{name}` has no effect in dvx: {unused}", "DVC gets to see it, if you use both"))
    winner = after.settings[name]
    if winner.level is not level:
        editing.tell(Notice(f"`{name}` is also set in `{winner.file}`, which wins", "change it there, or take it out"))


def unset_option(editing: Editing, name: OptionName) -> None:
    """Remove an option; without a level from the tracked file, or else from the private one if it is a secret.

    Raises:
        ConfigError: it is not set there, or it is the URL of a remote.
    """
    config = editing.config
    level = editing.level or Level.REPO
    config.path(level)
    holders = [setting.level for setting in config.given if setting.name == name]
    if editing.level is None and level not in holders and is_secret(name):
        level = Level.LOCAL
    if level not in holders:
        raise _not_set(config, name, level)
    if name.section == "remote" and name.option == _URL and holders == [level]:
        hint = f"run `dvx remote remove {quoted(name.name)}` to remove all of it"
        raise ConfigError(f"the remote `{name.name}` needs its url", hint)
    edit(editing, level, lambda document: document.drop(name.title, name.option), name if name.option == _URL else None)


def edit(editing: Editing, level: Level, change: Callable[[Document], Document], checked: OptionName | None = None) -> Config:
    """Change the file of a level while no other dvx does; returns the configuration as it is then, unchecked.

    `change` gets the file as it is at that moment, so two who edit at once lose nothing. The option `checked` must be right
    afterwards; what else is wrong stays to be mended. What has power counts as trusted from now on, as the user says it.
    """
    config = editing.config
    path = config.path(level)
    if config.root is not None and level in (Level.REPO, Level.LOCAL):
        check_own(config.root, config.dialect, config.environ)
    with files.locked(_lock(config, level)):
        old = config.document(level)
        new = change(old)
        if checked is not None and new != old:
            _check(config, level, new, checked)
        data = _text(new, path).encode()
        if new != old and (not os.path.exists(path) or data != files.read(path)):
            if level is Level.LOCAL:
                _ignore(editing)
            _note(editing, path, data)
            # a link of the user's own is followed; one that came with a repository is not
            target = os.path.realpath(path) if level in (Level.SYSTEM, Level.GLOBAL) else path
            files.write_atomic(target, data, mode=_mode(new, level))
    after = Config.read(config.root, config.dialect, config.environ)
    note_choice(config, after, level, checked)
    return after


def stored(editing: Editing, level: Level, name: OptionName, value: str) -> str:
    """A value that the user typed, as the file of `level` holds it.

    Raises:
        ConfigError: a value that the format, or DVC's reader of it, cannot hold.
    """
    if not value.isprintable():
        raise ConfigError(f"the value of `{name}` has characters that cannot be printed", "type it without them")
    if "%(" in value:
        raise ConfigError(f"the value of `{name}` has `%(`, which the format reads as a reference", "write `%28` in a URL")
    if name.section == "remote" and name.option == _URL and lacks_host(value):
        raise ConfigError(f"the url `{value}` names no bucket or host", "give one, as in `s3://bucket/path`")
    typed = is_path(Setting(name, value, level, ""))
    return editing.config.stored(value, level, editing.cwd) if typed and value else value


def unknown_remote(config: Config, name: str) -> ConfigError:
    """The error for a remote that does not exist."""
    hint = nearest(name, config.remotes()) or f"run `dvx remote add {quoted(name)} URL`"
    return ConfigError(f"there is no remote `{name}`", hint)


def check_remote_name(name: str) -> str:
    """Return the name of a new remote if all that use it can read it.

    Raises:
        ConfigError: it is empty, begins with a dash, or has characters that a section or a URL cannot hold.
    """
    plain = name.isascii() and name.replace("-", "").replace("_", "").replace(".", "").replace("+", "").isalnum()
    if not plain or name[0] == "-":
        raise ConfigError(f"`{name}` cannot be the name of a remote", "use letters, digits, `-`, `_`, `.` and `+`")
    return name


def _check_remote(config: Config, name: OptionName, level: Level) -> None:
    """Refuse options of a remote whose url this level does not know, as whoever has only this file could not use it."""
    place = OptionName("remote", name.name, _URL)
    known = config.upto(level).remotes()
    if name.option == _URL:
        if name.name not in known:
            check_remote_name(name.name)
    elif place not in config.settings:
        raise unknown_remote(config, name.name)
    elif name.name not in known:
        message = f"the url of remote `{name.name}` is set in `{config.settings[place].file}`, not in `{config.label(level)}`"
        raise ConfigError(message, "change the option there")


def _not_set(config: Config, name: OptionName, level: Level) -> ConfigError:
    elsewhere = [setting.file for setting in config.given if setting.name == name]
    hint = f"it is set in `{elsewhere[-1]}`" if elsewhere else ""
    return ConfigError(f"`{name}` is not set in `{config.label(level)}`", hint)


def _check(config: Config, level: Level, document: Document, name: OptionName) -> None:
    """Check an option both as all levels together will read, and as those up to this one do."""
    own = tuple(read_settings(document, level, config.label(level)))
    order = list(Level)
    below = [setting for setting in config.given if order.index(setting.level) < order.index(level)]
    above = [setting for setting in config.given if order.index(setting.level) > order.index(level)]
    check(merge([*below, *own]), config.dialect.algorithms, name)
    check(merge([*below, *own, *above]), config.dialect.algorithms, name)


def _text(document: Document, path: str) -> str:
    """The text of a file, with relative paths in their shortest form."""
    folder = os.path.dirname(path)
    for setting in tuple(read_settings(document, Level.REPO, "")):
        if is_path(setting) and setting.text and setting.text[0] != "~" and not os.path.isabs(setting.text):
            short = os.path.relpath(os.path.join(folder, setting.text), folder).replace(os.sep, "/")
            document = document.put(setting.name.title, setting.name.option, short)
    text = render(document)
    if _values(parse(text, path)) != _values(document):
        raise ConfigError("the format of configuration files cannot hold this value", "leave out quotes and `#`")
    return text


def _values(document: Document) -> set[tuple[OptionName, Value]]:
    return {(setting.name, setting.value) for setting in read_settings(document, Level.REPO, "")}


def _mode(document: Document, level: Level) -> int | None:
    """Who may read a file: only its owner, if it is private or holds a secret of the user's."""
    secret = any(is_secret(name, value) for name, value in _values(document))
    return PRIVATE if level is Level.LOCAL or (level is Level.GLOBAL and secret) else None


def _note(editing: Editing, path: str, data: bytes) -> None:
    """Let `undo` know what a file is about to hold."""
    root, log = editing.config.root, editing.log
    if log is None or root is None:
        return
    if within(path, root):
        log.writes(os.path.relpath(path, root).replace(os.sep, "/"), path, data)
    else:
        log.note(Stays(f"it changed `{printable(path)}`, which is not this repository's alone"))


def _ignore(editing: Editing) -> None:
    """Make sure that Git ignores the private file before it is written."""
    config = editing.config
    if config.root is None or config.flag("core.no_scm", False):
        return
    path = os.path.join(config.root, config.dialect.folder, ".gitignore")
    old = files.read(path) if os.path.exists(path) else b""
    if _IGNORED.encode() not in old.split():
        ending = b"" if not old or old.endswith(b"\n") else b"\n"
        data = old + ending + _IGNORED.encode() + b"\n"
        _note(editing, path, data)
        files.write_atomic(path, data)


def _lock(config: Config, level: Level) -> str:
    if config.root is None or level in (Level.SYSTEM, Level.GLOBAL):
        return config.path(level) + ".lock"
    return os.path.join(config.root, config.dialect.folder, config.dialect.state_folder, "locks", "config")
