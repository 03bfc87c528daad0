"""Options in a repository's own Git configuration that start programs: Git is asked nothing before the user agreed to them.

A clone brings none; an unpacked archive, a copied folder or a shared disk can.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from msgspec import Struct

from dvx.config.places import home_folder
from dvx.config.trust import load
from dvx.errors import ConfigError
from dvx.git.places import Place, find_place
from dvx.model.git_options import GitOption, has_power, is_include, may_have_power, read_options
from dvx.model.paths import printable
from dvx.model.trust import fingerprint
from dvx.store.reading import read_regular

_LARGEST = 1 << 20
_DEEPEST = 10


class Powerful(Struct, frozen=True):
    """An option of Git's with power: its `name` as it is agreed to, all its values, and where the first stands."""

    name: str
    value: str
    place: str


def powerful(root: str, environ: Mapping[str, str]) -> tuple[Powerful, ...]:
    """The options with power in the files of the repository that a folder lies in.

    Raises:
        ConfigError: a file cannot be read.
    """
    place = find_place(root)
    found: dict[str, list[tuple[str, str]]] = {}
    for file, option in _of(place, environ) if place else ():
        found.setdefault(f"git {option.name}", []).append((option.value, f"{_shown(file, place)}:{option.line}"))
    return tuple(Powerful(name, "\n".join(value for value, _ in rows), rows[0][1]) for name, rows in found.items())


def demand(root: str, environ: Mapping[str, str]) -> None:
    """Refuse options with power that the user did not agree to; raises ConfigError."""
    asked = powerful(root, environ)
    if not asked:
        return
    record = load(root, environ)
    for one in asked:
        if not record.agrees(one.name, one.value):
            name = one.name.removeprefix("git ")
            text = f"`{printable(name)}` lets Git run a program: `{printable(one.value)}`; it may have come with the repository"
            raise ConfigError(text, "if you trust it, run `dvx trust`; else `git config --unset` it", one.place)


def _of(place: Place, environ: Mapping[str, str]) -> Iterator[tuple[str, GitOption]]:
    """The file and the option."""
    for file in (os.path.join(place.common, "config"), os.path.join(place.folder, "config.worktree")):
        yield from _in(file, environ, 0)


def _in(file: str, environ: Mapping[str, str], depth: int) -> Iterator[tuple[str, GitOption]]:
    try:
        data = _read(file)
    except OSError:
        return
    if not may_have_power(data):
        return
    try:
        options = [option for option in read_options(data.decode("utf-8", "surrogateescape")) if has_power(option)]
    except ValueError as error:
        raise ConfigError(f"`{printable(file)}` cannot be read: {error}", "run `git config --list --local` to see why") from None
    for option in options:
        if not is_include(option):
            yield file, option
            continue
        inner = os.path.join(os.path.dirname(file), _expanded(option.value, environ))
        # with its bytes: what it says next may be something else
        yield file, GitOption(option.name, f"{option.value} ({_digest(inner)})", option.line)
        if depth < _DEEPEST:
            yield from _in(inner, environ, depth + 1)


def _expanded(path: str, environ: Mapping[str, str]) -> str:
    return home_folder(environ) + path[1:] if path.startswith("~/") else os.path.expanduser(path)


def _read(file: str) -> bytes:
    data, status = read_regular(file, _LARGEST)
    if len(data) < status.st_size:
        hint = "look at it, and take out what Git does not need"
        raise ConfigError(f"`{printable(file)}` is too large for the configuration of a repository", hint)
    return data


def _digest(file: str) -> str:
    try:
        return fingerprint(_read(file))
    except OSError:
        return "absent"


def _shown(file: str, place: Place | None) -> str:
    return os.path.relpath(file, place.top) if place and file.startswith(place.top + os.sep) else file
