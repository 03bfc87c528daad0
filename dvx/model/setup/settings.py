"""Settings: options with the value, level, file and line that gave it; merged, checked and shown without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from dvx.errors import ConfigError, UsageError, nearest, quoted
from dvx.model.setup.ini import NAMED, Document, split_title, title_of
from dvx.model.setup.options import (
    ANY_REMOTE,
    COUNT,
    DATABASE,
    FLAG,
    REACHED,
    REMOTES,
    SECTIONS,
    TEXT,
    UNREACHED,
    Option,
    Options,
    ValueKind,
)
from dvx.model.setup.quoting import Value

HIDDEN = "***"
_HOSTLESS = frozenset("/\\")
# the value of `odbc_connect` holds a password among others
_SECRET_WORDS = ("sig", "token", "password", "passwd", "pwd", "secret", "key", "credential", "odbc_connect")


class Level(StrEnum):
    """Where a setting comes from; later ones win."""

    SYSTEM = "system"
    GLOBAL = "global"
    REPO = "repo"
    LOCAL = "local"
    ENVIRONMENT = "environment"


class OptionName(Struct, frozen=True):
    """The name of an option: `core.remote`, or `remote.NAME.url` where sections have names. All lower case."""

    section: str
    name: str
    option: str

    @property
    def title(self) -> str:
        """The title of its section in a file."""
        return title_of(self.section, self.name)

    def __str__(self) -> str:
        return ".".join(part for part in (self.section, self.name, self.option) if part)


class Setting(Struct, frozen=True):
    """One option as it was given. `file` is what messages call the place; `line` is 0 where there are none."""

    name: OptionName
    value: Value
    level: Level
    file: str
    line: int = 0

    @property
    def text(self) -> str:
        """The value as one text."""
        return self.value if isinstance(self.value, str) else ", ".join(self.value)


def parse_name(text: str) -> OptionName:
    """Read `section.option` or `remote.NAME.option`, in any letter case.

    Raises:
        UsageError: it is neither.
    """
    section, dot, rest = text.lower().partition(".")
    name, _, option = rest.rpartition(".") if section in NAMED else ("", "", rest)
    if not (section and dot and option) or (section in NAMED) != bool(name) or (section not in NAMED and "." in option):
        raise UsageError(f"`{text}` is not the name of an option", "write `section.option` or `remote.NAME.option`")
    return OptionName(section, name, option)


def read_settings(document: Document, level: Level, file: str) -> Iterator[Setting]:
    """The settings of one file; `file` is how messages call it."""
    for section in document.sections:
        kind, name = split_title(section.title)
        for item in section.items:
            yield Setting(OptionName(kind, name, item.key), item.value, level, file, item.line)


def merge(settings: Iterable[Setting]) -> dict[OptionName, Setting]:
    """The settings that win, in the order in which their names were first given."""
    return {setting.name: setting for setting in settings}


def check(settings: Mapping[OptionName, Setting], algorithms: tuple[str, ...], only: OptionName | None = None) -> None:
    """Check merged settings, or `only` one; where that is the URL of a remote, all of the remote.

    Options of a remote depend on its URL; a remote without one (the URL may be in another branch's file) may have any.

    Raises:
        ConfigError: an option is unknown or its value is wrong.
    """
    for name, setting in settings.items():
        if only not in (None, name) and not (only.option == "url" and name.title == only.title):
            continue
        options = _options(setting, settings, algorithms)
        option = options.get(name.option)
        if option is None:
            raise _error(setting, f"unknown option `{name}`", _way_out(name, options))
        if refusal := option.refusal(setting.value):
            raise _error(setting, f"`{name}` {refusal}", f"`dvx config {quoted(str(name))} VALUE` sets another value")


def options_of(section: str, algorithms: tuple[str, ...]) -> Options:
    """The options of a plain section, where content may be hashed by `algorithms`; with a choice of them, the format is dvx's."""
    if section != "core" or len(algorithms) == 1:
        return SECTIONS[section]
    return {
        **SECTIONS["core"],
        "hash": Option(ValueKind.CHOICE, choices=algorithms),
        "pack": FLAG,
        "jobs": COUNT,
        "resources": TEXT,
    }


def _way_out(name: OptionName, options: Options) -> str:
    """What to do about an option that its section does not know."""
    kinds = [f"`{scheme}://`" if scheme else "folder" for scheme, known in REMOTES.items() if name.option in known]
    if name.section == "remote" and kinds:
        return f"`{name.option}` is an option of {', '.join(kinds)} remotes"
    return nearest(name.option, options) or f"known here: {', '.join(sorted(options))}"


def _options(setting: Setting, settings: Mapping[OptionName, Setting], algorithms: tuple[str, ...]) -> Options:
    """The options that the section of a setting may have."""
    name = setting.name
    if name.section == "remote" and name.name:
        return _remote_options(settings.get(OptionName("remote", name.name, "url")), setting)
    if name.section == "db" and name.name:
        return DATABASE
    if name.section in ("machine", "feature"):
        return {name.option: TEXT}
    if name.section not in SECTIONS:
        raise _error(setting, f"unknown section `{name.title}`", nearest(name.section, (*SECTIONS, *NAMED)))
    return options_of(name.section, algorithms)


def _remote_options(url: Setting | None, setting: Setting) -> Options:
    scheme = scheme_of(url.text) if url is not None else "remote"
    if scheme == "remote":
        return ANY_REMOTE
    if scheme not in REMOTES:
        known = [name for name in REACHED if name]
        hint = nearest(scheme, known) or f"dvx knows {', '.join(known)} and paths"
        raise _error(url or setting, f"the url of remote `{setting.name.name}` has the unknown scheme `{scheme}`", hint)
    return REMOTES[scheme]


def _error(setting: Setting, message: str, hint: str) -> ConfigError:
    return ConfigError(message, hint, f"{setting.file}:{setting.line}" if setting.line else "")


def scheme_of(url: str) -> str:
    """The scheme of a URL; empty for a path, and for `scheme://` without a host."""
    scheme, separator, rest = url.partition("://")
    return scheme.lower() if separator and rest and rest[0] not in _HOSTLESS else ""


def demand_reached(url: str) -> None:
    """Refuse a URL of a kind that DVC has and dvx does not; raises ConfigError."""
    scheme = url.partition("://")[0].lower()
    if "://" in url and scheme in UNREACHED:
        why, hint = UNREACHED[scheme]
        raise ConfigError(f"dvx does not reach `{scheme}://` remotes: {why}", hint)


def lacks_host(url: str) -> bool:
    """Whether a URL of a known scheme names no bucket or host; HDFS has a default one."""
    scheme = url.partition("://")[0].lower()
    return "://" in url and scheme in REMOTES and scheme != "hdfs" and not scheme_of(url)


def is_path(setting: Setting) -> bool:
    """Whether the value is a path of this machine."""
    known = ANY_REMOTE if setting.name.section == "remote" else SECTIONS.get(setting.name.section, {})
    option = known.get(setting.name.option, TEXT)
    return option.path and isinstance(setting.value, str) and "://" not in setting.value


def is_secret(name: OptionName, value: Value = "") -> bool:
    """Whether the value must be neither printed nor written to a tracked file."""
    known = {"remote": ANY_REMOTE, "db": DATABASE}.get(name.section) or SECTIONS.get(name.section, {})
    return known.get(name.option, TEXT).secret or (isinstance(value, str) and redact(value) != value)


def shown(setting: Setting, text: str) -> str:
    """`text`, the value of `setting`, as it may be printed."""
    return HIDDEN if is_secret(setting.name) else redact(text)


def redact(url: str) -> str:
    """A URL without its password and without the values of query parameters that look like secrets."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    end = min((rest.find(mark) for mark in "/?#" if mark in rest), default=len(rest))
    if "@" not in rest[:end] and "@" in rest and ":" in rest[:end] and not rest[:end].rpartition(":")[2].isdigit():
        end = rest.rfind("@") + 1  # a password with a bare `/`, `?` or `#`
    account, at, host = rest[:end].rpartition("@")
    user, colon, _ = account.partition(":")
    path, question, query = rest[end:].partition("?")
    account = f"{user}:{HIDDEN}" if colon else account
    return f"{scheme}://{account}{at}{host}{path}{question}{'&'.join(map(_redact_parameter, query.split('&')))}"


def _redact_parameter(parameter: str) -> str:
    key, equals, value = parameter.partition("=")
    return f"{key}={HIDDEN}" if equals and value and is_secret_word(key) else parameter


def is_secret_word(key: str) -> bool:
    """Whether a query parameter of that name looks like a secret."""
    return any(word in key.lower() for word in _SECRET_WORDS)
