"""What the user trusts of a project on this machine: kept outside of it, asked where a file of the project has power."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from dvx.config.places import private_folder
from dvx.errors import ConfigError, quoted
from dvx.model.dialect import DIALECTS
from dvx.model.paths import printable, within
from dvx.model.setup.power import Power, is_inside, power_of, steers
from dvx.model.setup.settings import Level, OptionName, Setting, is_path, shown
from dvx.model.setup.trust import FileMark, TrustRecord, decode_record, encode_record, fingerprint
from dvx.store import files
from dvx.store.reading import read_regular

if TYPE_CHECKING:
    from dvx.config.configuration import Config

_LARGEST = 1 << 20
_PRIVATE = 0o600


def folder_of(root: str, environ: Mapping[str, str]) -> str:
    """The folder, outside of the project, for what dvx knows of it on this user's behalf; it may not exist."""
    return os.path.join(private_folder(environ), "projects", fingerprint(home_of(root))[:32])


def home_of(root: str) -> str:
    """The real path of a project; for a work tree of an experiment that of the project that it belongs to."""
    real = os.path.realpath(root)
    for dialect in DIALECTS:
        home, mark, _ = real.partition(f"/{dialect.folder}/{dialect.state_folder}/exps/rooms/")
        if mark:
            return home
    return real


def load(root: str, environ: Mapping[str, str]) -> TrustRecord:
    """What the user trusts of the project at `root`; nothing, where no record can be read."""
    real = home_of(root)
    inode = os.stat(real).st_ino
    try:
        data = files.read(_record(root, environ))
    except OSError:
        return TrustRecord(real, inode)
    return decode_record(data, real, inode)


def change(root: str, environ: Mapping[str, str], how: Callable[[TrustRecord], TrustRecord]) -> None:
    """Change the record while no other dvx does; raises OSError where it cannot be written."""
    place = _record(root, environ)
    with files.locked(place + ".lock"):
        old = load(root, environ)
        new = how(old)
        if new != old or not os.path.exists(place):
            files.write_atomic(place, encode_record(new), mode=_PRIVATE)


def forget(root: str, environ: Mapping[str, str]) -> bool:
    """Trust nothing of the project any more; tells whether anything was trusted."""
    known = os.path.exists(_record(root, environ))
    if os.path.isdir(folder_of(root, environ)):
        files.remove_tree(folder_of(root, environ))
    return known


def demand(config: Config, setting: Setting, power: Power) -> None:
    """Refuse a setting of the project's own files that has power and that the user did not agree to; raises ConfigError."""
    if power is not Power.COMMAND:
        if not is_agreed(config, setting, power):
            value = printable(shown(setting, config.value(setting)))
            text = f"`{setting.name}` {power.value}: `{value}`; it may have come with the repository"
            raise ConfigError(text, "if you trust it, run `dvx trust`", _place(setting))
    elif setting.level is Level.REPO:
        text = f"`{setting.name}` {power.value}, so it is not taken from a file that is shared with others"
        words = f"dvx remote modify --local {quoted(setting.name.name)} {setting.name.option} VALUE"
        raise ConfigError(text, f"if you trust it, set it for yourself: `{words}`", _place(setting))
    elif why := _doubt(config, setting):
        raise ConfigError(f"`{setting.name}` {power.value}, and {why}", "look at it, then run `dvx trust`", _place(setting))


def is_agreed(config: Config, setting: Setting, power: Power | None) -> bool:
    """Whether a setting is the user's own, or they agreed to it; a cache in the project is nobody's business."""
    if config.root is None or not is_inside(setting):
        return True
    if power is Power.COMMAND:
        return setting.level is Level.LOCAL and not _doubt(config, setting)
    value = config.value(setting)
    if power is Power.PLACE and is_below(os.path.join(config.root, value), home_of(config.root)):
        return True
    record = load(config.root, config.environ)
    return record.agrees(str(setting.name), value) or (setting.level is Level.LOCAL and not distrust(config, record))


def check_steering(config: Config, name: str) -> None:
    """Refuse what `steering` finds and the user did not agree to; raises ConfigError."""
    for setting in steering(config, name):
        if not is_agreed(config, setting, power_of(setting.name)):
            value = printable(shown(setting, config.value(setting)))
            text = f"`{setting.name}` is `{value}` in a file of the repository, but the remote is your own"
            raise ConfigError(text, "if you trust it, run `dvx trust`", _place(setting))


def steering(config: Config, name: str) -> tuple[Setting, ...]:
    """The settings in files of the project that steer a remote whose URL, or that of one that it builds on, is the user's own."""
    names: list[str] = []
    urls: list[Setting] = []
    while name and name not in names:
        names.append(name)
        url = config.settings.get(OptionName("remote", name, "url"))
        urls += [url] if url is not None and url.level is not Level.REPO else []
        base = url.text.partition("remote://") if url is not None else ("", "", "")
        name = "" if base[0] else base[2].partition("/")[0].lower()
    found = (one for key, one in config.settings.items() if key.name in names and key.option != "url")
    inside = tuple(one for one in found if is_inside(one) and steers(one.name))
    return inside if inside and any(is_agreed(config, url, None) for url in urls) else ()


def opens_pages(config: Config) -> bool:
    """Whether pages are opened in a browser: a file of the project may say so once the user agreed, and is not heard before."""
    setting = config.settings.get(OptionName("plots", "", "auto_open"))
    return setting is not None and setting.text.lower() == "true" and is_agreed(config, setting, Power.BROWSER)


def is_below(place: str, root: str) -> bool:
    """Whether a place is really in the project, and not in Git's own folder."""
    top = os.path.realpath(root)
    # with `..` behind a link the two differ, and who opens the place may go either way
    reals = {os.path.realpath(place), os.path.realpath(os.path.normpath(place))}
    return all(within(real, top) and ".git" not in real[len(top) :].split(os.sep) for real in reals)


def distrust(config: Config, record: TrustRecord) -> str:
    """Why the private file of a project is not taken for the user's own; empty if it is."""
    place = os.path.realpath(config.path(Level.LOCAL))
    known = record.files.get(place)
    if config.private is None:
        return "this file is a symbolic link, which dvx does not trust"
    if known is None:
        return "you have not trusted this file on this machine"
    inode, data = config.private
    return "" if FileMark(inode, fingerprint(data)) == known else "this file has changed since you trusted it"


def mark_of(place: str) -> FileMark | None:
    """A regular file as it is; None where there is none, or none that can be read."""
    try:
        data, status = read_regular(place, _LARGEST)
    except OSError:
        return None
    return FileMark(status.st_ino, fingerprint(data))


def named_inside(config: Config, setting: Setting) -> str:
    """The real path of the file that a setting names, if it lies, or is reached, inside the project; else empty."""
    root = config.root or ""
    if not is_path(setting):
        return ""
    place = config.value(setting)
    real, top = os.path.realpath(place), os.path.realpath(root)
    return real if within(real, top) or within(os.path.abspath(place), root) or within(os.path.abspath(place), top) else ""


def _doubt(config: Config, setting: Setting) -> str:
    """Why a command in the private file is not run, also where it comes from another file in the project; empty if it may."""
    root = os.path.realpath(config.root or "")
    record = load(root, config.environ)
    why = distrust(config, record)
    inside = "" if why else named_inside(config, setting)
    if inside and record.files.get(inside) != (mark_of(inside) or FileMark(0, "")):
        return f"`{printable(os.path.relpath(inside, root))}` in the repository has changed since you trusted it"
    return why


def _place(setting: Setting) -> str:
    return f"{setting.file}:{setting.line}" if setting.line else ""


def _record(root: str, environ: Mapping[str, str]) -> str:
    return os.path.join(folder_of(root, environ), "trust.json")
