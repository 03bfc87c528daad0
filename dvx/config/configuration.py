"""Config: the merged settings, each with where it came from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from dvx.config.places import home_folder, settings_folder, settings_of_environment
from dvx.errors import ConfigError, UnknownTarget, nearest, quoted
from dvx.model.dialect import Dialect
from dvx.model.setup.ini import Document, parse
from dvx.model.setup.options import split_words
from dvx.model.setup.power import is_inside, power_of, says_where
from dvx.model.setup.settings import Level, OptionName, Setting, check, is_path, merge, parse_name, read_settings

_LARGEST = 1 << 20
# a profile of credentials may name a command that prints them
_POWERFUL = frozenset({"bearer_token_command", "profile", "configpath", "credentialpath", "ask_password", "ask_passphrase"})


class RemoteSettings(Struct, frozen=True):
    """What the configuration says of one remote. Paths in `url` and `options` are absolute; `jobs` is how many at once, if given.

    `places` are the settings that say where it is, and how it is reached: URLs (several where one begins with `remote://NAME`),
    endpoints, `ssl_verify`...
    """

    name: str
    url: str
    options: Mapping[str, str]
    jobs: int
    places: tuple[Setting, ...] = ()

    def __repr__(self) -> str:
        """Without secrets."""
        return f"RemoteSettings({self.name!r})"


class Config(Struct, frozen=True):
    """The configuration as seen from a project, or from outside of any (`root` is None).

    `given` are all settings in the order of their levels; `settings` those that win. `private` is the local file as it was read,
    its inode and its bytes; None where there is none, or a link.
    """

    root: str | None
    dialect: Dialect
    environ: Mapping[str, str]
    given: tuple[Setting, ...]
    settings: Mapping[OptionName, Setting]
    private: tuple[int, bytes] | None = None

    def __repr__(self) -> str:
        """Without secrets."""
        return f"Config({self.root!r})"

    @staticmethod
    def load(root: str | None, dialect: Dialect, environ: Mapping[str, str]) -> Config:
        """Read and check the configuration.

        Raises:
            ConfigError: a file cannot be read, or an option is unknown or has a wrong value.
        """
        config = Config.read(root, dialect, environ)
        check(config.settings, dialect.algorithms)
        return config

    @staticmethod
    def foreign(root: str, dialect: Dialect, environ: Mapping[str, str]) -> Config:
        """Read what somebody else configured: their private file is not read, and of the other one nothing that leads to a file
        of this machine or runs a command, but for the places of remotes. Raises like `load`.
        """
        config = Config(root, dialect, environ, (), {})
        config = config._loaded((Level.SYSTEM, Level.GLOBAL, Level.REPO))
        given = tuple(one for one in config.given if one.level is not Level.REPO or is_harmless(one))
        config = replace(config, given=given, settings=merge(given))
        check(config.settings, dialect.algorithms)
        return config

    @staticmethod
    def read(root: str | None, dialect: Dialect, environ: Mapping[str, str]) -> Config:
        """Read without checking options, so that what is wrong can be mended."""
        config = Config(root, dialect, environ, (), {})
        return config._loaded(config.levels())

    def only(self, level: Level) -> Config:
        """The same with the settings of one level alone."""
        return self._with(setting for setting in self.given if setting.level is level)

    def upto(self, level: Level) -> Config:
        """The same with the settings of a level and of those that it wins over."""
        order = list(Level)
        return self._with(setting for setting in self.given if order.index(setting.level) <= order.index(level))

    def adding(self, settings: Iterable[Setting]) -> Config:
        """The same with settings that win over all others; raises like `load`."""
        return self.having((*self.given, *settings))

    def having(self, given: Iterable[Setting]) -> Config:
        """The same with other settings, of which later ones win; raises like `load`."""
        given = tuple(given)
        config = replace(self, given=given, settings=merge(given))
        check(config.settings, self.dialect.algorithms)
        return config

    def _with(self, given: Iterable[Setting]) -> Config:
        return replace(self, settings=merge(given))

    def get(self, name: str) -> str | None:
        """The value of an option, with paths made absolute; None if it is not set.

        Raises:
            ConfigError: it has power, and stands in a file of the project's that the user did not trust.
        """
        setting = self.settings.get(parse_name(name))
        if setting is None:
            return None
        self.demand(setting)
        return self.value(setting)

    def flag(self, name: str, default: bool) -> bool:
        """The value of a boolean option."""
        value = self.get(name)
        return default if value is None else value.lower() == "true"

    def number(self, name: str, default: int) -> int:
        """The value of a whole number."""
        value = self.get(name)
        return default if value is None else int(value)

    def words(self, name: str) -> tuple[str, ...]:
        """The words of a list; empty if it is not set."""
        setting = self.settings.get(parse_name(name))
        return () if setting is None else split_words(setting.value)

    def remotes(self) -> dict[str, str]:
        """The URLs of all remotes by name."""
        named = (setting for name, setting in self.settings.items() if name.section == "remote" and name.option == "url")
        return {setting.name.name: self.value(setting) for setting in named}

    def remote(self, name: str = "") -> RemoteSettings:
        """The remote of that name, or the default one.

        Raises:
            UnknownTarget: there is none.
            ConfigError: it says too little, or has power, and stands in a file of the project's that the user did not trust.
        """
        chosen = (name or self.get("core.remote") or "").lower()
        if chosen:
            found = self._remote(chosen, ())
            if any(place.name.option == "url" and place.level is not Level.REPO for place in found.places):
                from dvx.config.trust import check_steering

                check_steering(self, chosen)
            return found
        hint = "run `dvx remote default NAME`" if self.remotes() else "run `dvx remote add --default NAME URL`"
        raise UnknownTarget("there is no default remote", hint)

    def _remote(self, name: str, users: tuple[str, ...]) -> RemoteSettings:
        settings = [setting for key, setting in self.settings.items() if key.section == "remote" and key.name == name]
        options = {setting.name.option: self.value(setting) for setting in settings}
        if not options:
            hint = nearest(name, self.remotes()) or f"run `dvx remote add {quoted(name)} URL`"
            raise UnknownTarget(f"there is no remote `{name}`", hint)
        for setting in settings:
            self.demand(setting)
        places = tuple(setting for setting in settings if says_where(setting.name))
        url = options.pop("url", "")
        if not url:
            raise ConfigError(f"the remote `{name}` has no url", f"run `dvx remote modify {quoted(name)} url URL`")
        if url.startswith("remote://"):
            base, _, below = url.removeprefix("remote://").partition("/")
            if base.lower() in (*users, name):
                hint = f"run `dvx remote modify {quoted(name)} url URL`"
                raise ConfigError(f"the url of remote `{name}` leads back to itself", hint)
            other = self._remote(base.lower(), (*users, name))
            options, places = {**other.options, **options}, (*places, *other.places)
            url = f"{other.url.rstrip('/')}/{below}" if below else other.url
        jobs = options.get("jobs")
        return RemoteSettings(name, url, options, int(jobs or 0), places)

    def chose(self, remote: RemoteSettings) -> bool:
        """Whether the user chose where a remote is, and not the author of the repository alone."""
        if not any(is_inside(place) for place in remote.places):
            return True
        from dvx.config.trust import is_agreed

        return all(is_agreed(self, place, None) for place in remote.places)

    def demand(self, setting: Setting) -> None:
        """Refuse, with a ConfigError, a setting that has power and stands in a file that the user did not trust."""
        power = power_of(setting.name)
        if power is not None and is_inside(setting):
            from dvx.config.trust import demand

            demand(self, setting, power)

    def value(self, setting: Setting) -> str:
        """The value of a setting, with a path made absolute."""
        if not is_path(setting) or setting.level is Level.ENVIRONMENT:
            return setting.text
        text = setting.text
        if text == "~" or text.startswith("~/"):
            return home_folder(self.environ) + text[1:]
        text = os.path.expanduser(text)
        return text if os.path.isabs(text) else os.path.normpath(os.path.join(os.path.dirname(self.path(setting.level)), text))

    def stored(self, text: str, level: Level, cwd: str) -> str:
        """A path that the user typed in `cwd`, as the file of `level` holds it: relative to the folder of the file."""
        if "://" in text or text.startswith("~") or os.path.isabs(text):
            return text
        return os.path.relpath(os.path.join(cwd, text), os.path.dirname(self.path(level))).replace(os.sep, "/")

    def levels(self) -> tuple[Level, ...]:
        """The levels that have a file here."""
        inside = () if self.root is None else (Level.REPO, Level.LOCAL)
        return (Level.SYSTEM, Level.GLOBAL, *inside)

    def path(self, level: Level) -> str:
        """The file of a level; it may not exist."""
        if level in (Level.SYSTEM, Level.GLOBAL):
            return os.path.join(settings_folder(level, self.dialect, self.environ), "config")
        if self.root is None:
            hint = "go into a repository, or use `--global` or `--system`"
            raise ConfigError(self.dialect.no_config, hint)
        return os.path.join(self.root, self.dialect.folder, "config.local" if level is Level.LOCAL else "config")

    def label(self, level: Level) -> str:
        """How messages call the file of a level."""
        path = self.path(level)
        inside = self.root is not None and level in (Level.REPO, Level.LOCAL)
        return f"{self.dialect.folder}/{os.path.basename(path)}" if inside else path

    def document(self, level: Level) -> Document:
        """The file of a level; empty if it does not exist."""
        from dvx.store.reading import read_regular

        try:
            data, _ = read_regular(self.path(level), _LARGEST + 1)
            return self._parsed(data, level)
        except (FileNotFoundError, NotADirectoryError):
            return Document()

    def _loaded(self, levels: Iterable[Level]) -> Config:
        """The same with the settings of the files of these levels, and of the environment."""
        given: list[Setting] = []
        private = None
        for level in levels:
            if level is Level.LOCAL:
                private = self._read_private()
            document = self.document(level) if level is not Level.LOCAL or private is None else self._parsed(private[1], level)
            given += read_settings(document, level, self.label(level))
        given += settings_of_environment(self.dialect.environment_prefix, self.environ)
        return replace(self, given=tuple(given), settings=merge(given), private=private)

    def _read_private(self) -> tuple[int, bytes] | None:
        """The local file, from one look at it, so that what is trusted is what is used."""
        from dvx.store.reading import read_regular

        place = self.path(Level.LOCAL)
        if os.path.islink(place):
            return None
        try:
            data, status = read_regular(place, _LARGEST + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_ino, data

    def _parsed(self, data: bytes, level: Level) -> Document:
        label = self.label(level)
        if len(data) > _LARGEST:
            raise ConfigError(f"`{label}` is larger than 1 MiB", "it cannot be a configuration file; shorten or remove it")
        try:
            return parse(data.decode(), label) if data else Document()
        except UnicodeDecodeError as error:
            raise ConfigError(f"`{label}` is no UTF-8 text: byte {error.start} is wrong", "save it as UTF-8") from None


def is_harmless(setting: Setting) -> bool:
    """Whether a setting of somebody else's can do nothing here but say where their data is."""
    option = setting.name.option
    return setting.level is Level.REPO and option not in _POWERFUL and (option == "url" or not is_path(setting))


def cache_place(root: str, dialect: Dialect, environ: Mapping[str, str]) -> str:
    """Where somebody else's cache is, to read from: a tracked file may say it, a private one if the user trusts it."""
    config = Config.read(root, dialect, environ)
    setting = config.settings.get(OptionName("cache", "", "dir"))
    if setting is None:
        return ""
    if setting.level is Level.LOCAL:
        from dvx.config.trust import is_agreed

        if not is_agreed(config, setting, None):
            return ""
    return config.value(setting)
