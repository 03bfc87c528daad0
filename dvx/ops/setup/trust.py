"""trust: what a project's own files may do only if this user agrees to it on this machine; kept outside of the project."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from dvx.config import Config, trust
from dvx.config.git_options import Powerful, powerful
from dvx.config.own import mark_link, own_links
from dvx.errors import ConfigError, DvxError
from dvx.model.dialect import Dialect
from dvx.model.paths import printable
from dvx.model.setup.power import Power, is_inside, power_of, says_where, steers
from dvx.model.setup.settings import Level, OptionName, Setting, is_secret, shown
from dvx.model.setup.trust import FileMark, LinkMark, TrustRecord
from dvx.ops.sources.credentials import name_of, server_of


class QuestionKind(Enum):
    """What a question of trust is about."""

    COMMAND = "command"
    SETTING = "setting"
    REMOTE = "remote"
    LINK = "link"
    GIT = "git"


class Question(Struct, frozen=True):
    """One thing to trust: `name` is the option, or the path of a link; `value` what it is set to, without secrets.

    `place` is where it stands, as FILE:LINE, and `what` says what it can do. `trusted` tells whether the user agreed before.
    """

    kind: QuestionKind
    name: str
    value: str
    place: str
    what: str
    trusted: bool


def questions(root: str, dialect: Dialect, environ: Mapping[str, str]) -> tuple[Question, ...]:
    """All that the files of a project ask to be trusted with. Raises ConfigError where they cannot be read."""
    record = trust.load(root, environ)
    found = [_of_link(root, path, record) for path in own_links(root, dialect)]
    if os.path.islink(os.path.join(root, dialect.folder)):
        return tuple(found)
    config = Config.read(root, dialect, environ)
    found += [_of_setting(config, setting) for setting in config.given if is_inside(setting) and _matters(config, setting)]
    found += [_of_git(one, record) for one in powerful(root, environ)]
    return tuple(found)


def agree(root: str, dialect: Dialect, environ: Mapping[str, str], only: Iterable[Question]) -> None:
    """Trust what was asked, as it is now."""
    chosen = tuple(only)
    links = {
        one.name: mark for one in chosen if one.kind is QuestionKind.LINK and (mark := mark_link(root, one.name)) is not None
    }
    config = Config.read(root, dialect, environ) if any(one.kind is not QuestionKind.LINK for one in chosen) else None
    agreed: dict[str, str] = {}
    marks: dict[str, FileMark] = {}
    names = {(one.name, one.place) for one in chosen}
    agreed |= {one.name: one.value for one in powerful(root, environ) if (one.name, one.place) in names}
    if config is not None:
        for setting in config.given:
            if (str(setting.name), place_of(setting)) in names:
                agreed[str(setting.name)] = config.value(setting)
        if any(one.kind is QuestionKind.COMMAND for one in chosen):
            marks = dict(_files(config))
    try:
        _write(root, environ, agreed, marks, links)
    except OSError as error:
        place = trust.folder_of(root, environ)
        hint = "set `XDG_STATE_HOME` to a folder that you can write to, for this and later commands"
        raise ConfigError(f"dvx could not record your trust in `{printable(place)}`: {error.strerror}", hint) from None


def revoke(root: str, environ: Mapping[str, str]) -> bool:
    """Trust nothing of the project any more; tells whether anything was trusted."""
    return trust.forget(root, environ)


def note_choice(before: Config, after: Config, level: Level, chosen: OptionName | None) -> None:
    """Trust what the user just wrote into a file of the project by a command of dvx's, but nothing that stood there already.

    Where the record cannot be written, the setting has to be trusted by hand.
    """
    if after.root is None or level not in (Level.REPO, Level.LOCAL):
        return
    old = {(setting.name, setting.value) for setting in before.given if setting.level is level}
    now = [setting for setting in after.given if setting.level is level]
    new = [one for one in now if one.name == chosen or (one.name, one.value) not in old]
    agreed = {str(one.name): after.value(one) for one in new if _is_choice(one)}
    if chosen is not None and chosen.section == "remote" and is_secret(chosen):
        with contextlib.suppress(DvxError):
            agreed[name_of(chosen.name)] = server_of(after.remote(chosen.name))
    powerful = {one.name for one in now if power_of(one.name) is Power.COMMAND}
    others = {one.name for one in now if power_of(one.name) or steers(one.name)}
    marks: dict[str, FileMark] = {}
    if level is Level.LOCAL and powerful:
        record = trust.load(after.root, after.environ)
        if others <= {one.name for one in new} or not trust.distrust(before, record):
            marks = dict(_files(after))
    if agreed or marks:
        with contextlib.suppress(OSError):
            _write(after.root, after.environ, agreed, marks, {})


def carry_over(config: Config, root: str, dialect: Dialect) -> None:
    """Let the private file of the project at `root`, which dvx made of that of `config`, be trusted like that one."""
    if config.root is None:
        return
    after = Config.read(root, dialect, config.environ)
    cache = after.settings.get(OptionName("cache", "", "dir"))
    agreed = {} if cache is None or cache.level is not Level.LOCAL else {str(cache.name): after.value(cache)}
    marks = {} if trust.distrust(config, trust.load(config.root, config.environ)) else dict(_files(after))
    if agreed or marks:
        with contextlib.suppress(OSError):
            _write(root, config.environ, agreed, marks, {})


def drop_file(root: str, environ: Mapping[str, str], place: str) -> None:
    """Forget a private file that is gone."""
    if place in trust.load(root, environ).files:
        with contextlib.suppress(OSError):
            trust.change(
                root, environ, lambda old: replace(old, files={name: mark for name, mark in old.files.items() if name != place})
            )


def place_of(setting: Setting) -> str:
    """Where a setting stands."""
    return f"{setting.file}:{setting.line}" if setting.line else setting.file


def _write(
    root: str, environ: Mapping[str, str], agreed: Mapping[str, str], marks: Mapping[str, FileMark], links: Mapping[str, LinkMark]
) -> None:
    def added(record: TrustRecord) -> TrustRecord:
        record = record.agreeing(agreed)
        return replace(record, files={**record.files, **marks}, links={**record.links, **links})

    trust.change(root, environ, added)


def _files(config: Config) -> Iterator[tuple[str, FileMark]]:
    """The private file, and those in the project that its commands come from, as they are."""
    commands = (one for one in config.given if one.level is Level.LOCAL and power_of(one.name) is Power.COMMAND)
    for place in (os.path.realpath(config.path(Level.LOCAL)), *(trust.named_inside(config, one) for one in commands)):
        mark = trust.mark_of(place) if place else None
        if mark is not None:
            yield place, mark


def _is_choice(setting: Setting) -> bool:
    """Whether a value is agreed to by itself, wherever in the project it stands."""
    power = power_of(setting.name)
    return power is not Power.COMMAND and (power is not None or steers(setting.name))


def _matters(config: Config, setting: Setting) -> bool:
    """Whether something has to be trusted for a setting to be honoured: commands in tracked files never are."""
    power = power_of(setting.name)
    if power is Power.COMMAND:
        return setting.level is Level.LOCAL
    if power is Power.PLACE:
        root = config.root or ""
        return not trust.is_below(os.path.join(root, config.value(setting)), root)
    return power is not None or says_where(setting.name) or setting in trust.steering(config, setting.name.name)


def _of_setting(config: Config, setting: Setting) -> Question:
    power = power_of(setting.name)
    kind = QuestionKind.COMMAND if power is Power.COMMAND else QuestionKind.SETTING if power else QuestionKind.REMOTE
    trusted = trust.is_agreed(config, setting, power)
    what = power.value if power else "says where data goes, and how"
    return Question(kind, str(setting.name), shown(setting, config.value(setting)), place_of(setting), what, trusted)


def _of_git(one: Powerful, record: TrustRecord) -> Question:
    return Question(QuestionKind.GIT, one.name, one.value, one.place, one.what, record.agrees(one.name, one.value))


def _of_link(root: str, path: str, record: TrustRecord) -> Question:
    mark = mark_link(root, path)
    target = mark.target if mark else ""
    return Question(QuestionKind.LINK, path, target, path, "leads dvx to another place", record.links.get(path) == mark)
