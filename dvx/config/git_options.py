"""Options in a repository's own Git configuration that start programs: Git is asked nothing before the user agreed to them.

A clone brings none; an unpacked archive, a copied folder or a shared disk can.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Mapping

from msgspec import Struct

from dvx.config.places import home_folder
from dvx.config.trust import load
from dvx.errors import ConfigError
from dvx.git.places import GitPlace, find_place
from dvx.model.paths import printable, within
from dvx.model.setup.git_options import Condition, Demand, GitOption, demands, is_include, may_have_power, read_options
from dvx.store.reading import read_regular

_LARGEST = 1 << 20
_DEEPEST = 10
# where only who administers the machine puts programs
_SYSTEM = ("/usr", "/opt", "/bin", "/sbin", "/nix", "/snap")
# from this version on Python can be told not to look for modules in the current folder, as the Git of dvx does
_PYTHON = re.compile(r"python3\.(?:1[1-9]|[2-9]\d)t?")


class Powerful(Struct, frozen=True):
    """An option of Git's with power: its `name` as it is agreed to, all its values, where the first stands, what it does, and
    what to do without agreeing.
    """

    name: str
    value: str
    place: str
    what: str
    cure: str = "`git config --unset` it"


def powerful(root: str, environ: Mapping[str, str]) -> tuple[Powerful, ...]:
    """The options with power in the files of the repository that a folder lies in.

    Raises:
        ConfigError: a file cannot be read.
    """
    place = find_place(root)
    found: dict[str, list[tuple[str, str, str]]] = {}
    for file, option, need in _of(place, environ) if place else ():
        found.setdefault(f"git {option.name}", []).append((option.value, f"{_shown(file, place)}:{option.line}", need.value))
    options = tuple(Powerful(name, "\n".join(row[0] for row in rows), *rows[0][1:]) for name, rows in found.items())
    if place is None or _is_own(place):
        return options
    what = "makes this folder the work tree of a repository that does not know it"
    return (Powerful(".git", os.path.realpath(place.common), ".git", what, "look at that file, and remove it"), *options)


def demand(root: str, environ: Mapping[str, str]) -> None:
    """Refuse options with power that the user did not agree to; raises ConfigError."""
    asked = powerful(root, environ)
    if not asked:
        return
    record = load(root, environ)
    for one in asked:
        if not record.agrees(one.name, one.value):
            name = one.name.removeprefix("git ")
            text = f"`{printable(name)}` {one.what}: `{printable(one.value)}`; it may have come with the repository"
            raise ConfigError(text, f"if you trust it, run `dvx trust`; else {one.cure}", one.place)


def refuse_powerful(place: GitPlace, environ: Mapping[str, str]) -> None:
    """Refuse options with power in the files of somebody else's repository; raises ConfigError."""
    for file, option, need in _of(place, environ):
        text = f"`{printable(option.name)}` in the configuration of `{printable(place.folder)}` {need.value}"
        raise ConfigError(text, "look at it, and take it out", f"{file}:{option.line}")


def _of(place: GitPlace, environ: Mapping[str, str]) -> Iterator[tuple[str, GitOption, Condition]]:
    """The file, the option, and what makes it no harmless one."""
    for file in (os.path.join(place.common, "config"), os.path.join(place.folder, "config.worktree")):
        yield from _in(file, place, environ, 0)


def _is_own(place: GitPlace) -> bool:
    """Whether the repository lies in its work tree, or says where that is, as those of linked work trees and submodules do."""
    git = os.path.join(place.top, ".git")
    if not os.path.islink(git) and place.folder == git:
        return place.common == git
    if place.common != place.folder:
        # Git makes these, for linked work trees
        linked = os.path.join(os.path.realpath(place.common), "worktrees")
        is_linked = os.path.dirname(os.path.realpath(place.folder)) == linked
        return is_linked and _leads(os.path.join(place.folder, _text(place.folder, "gitdir")), git)
    try:
        options = read_options(_text(place.folder, "config"))
        tops = [option.value for option in options if option.name == "core.worktree"]
    except ValueError:
        return False
    return bool(tops) and _leads(os.path.join(place.folder, tops[-1], ".git"), git)


def _leads(path: str, git: str) -> bool:
    return os.path.realpath(os.path.dirname(path)) == os.path.dirname(git) and os.path.basename(path) == ".git"


def _text(folder: str, name: str) -> str:
    try:
        return _read(os.path.join(folder, name)).decode("utf-8", "surrogateescape").strip()
    except OSError:
        return ""


def _in(file: str, place: GitPlace, environ: Mapping[str, str], depth: int) -> Iterator[tuple[str, GitOption, Condition]]:
    try:
        data = _read(file)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise ConfigError(f"`{printable(file)}` is not a regular file", "look at it, and remove it") from None
        return
    if not may_have_power(data):
        return
    try:
        options = tuple(read_options(data.decode("utf-8", "surrogateescape")))
    except ValueError as error:
        raise ConfigError(f"`{printable(file)}` cannot be read: {error}", "run `git config --list --local` to see why") from None
    for option in options:
        if is_include(option):
            inner = os.path.join(os.path.dirname(file), _expanded(option.value, environ))
            if depth == _DEEPEST or option.value.startswith("%") or not _is_settled(inner, place):
                yield file, option, Condition.NEVER
            else:
                yield from _in(inner, place, environ, depth + 1)
            continue
        need = next((need for one in demands(option) if (need := _unmet(one, file, place, environ)) is not None), None)
        if need is not None:
            yield file, option, need


def _unmet(demand: Demand, file: str, place: GitPlace, environ: Mapping[str, str]) -> Condition | None:
    """Why what an option names makes it no harmless one: the repository can bring it, or another user."""
    if demand.need is Condition.NEVER:
        return Condition.NEVER
    if demand.need is Condition.WRITTEN:
        path = demand.path.replace("$RUNNER_TEMP", environ.get("RUNNER_TEMP", ""))
        return None if _is_outside(_expanded(path, environ), place) else Condition.WRITTEN
    path = _expanded(demand.path, environ) if "/" in demand.path else _found(demand.path, environ)
    if not _is_outside(path, place):
        return Condition.PROGRAM
    real = os.path.realpath(path)
    if not os.path.lexists(real):
        return None
    if not any(within(real, folder) for folder in _SYSTEM) and os.lstat(real).st_uid not in (0, os.geteuid()):
        return Condition.FOREIGN
    # what `process` tells Python counts for this file
    is_told = file == os.path.join(place.common, "config") and _PYTHON.fullmatch(os.path.basename(real)) is not None
    return None if is_told or demand.need is Condition.PROGRAM else demand.need


def _found(name: str, environ: Mapping[str, str]) -> str:
    """Where a shell finds a program; a place where there is none, if it finds none."""
    places = (os.path.join(folder, name) for folder in environ.get("PATH", os.defpath).split(os.pathsep))
    return next((place for place in places if os.access(place, os.X_OK) and os.path.isfile(place)), f"/{name}")


def _is_outside(path: str, place: GitPlace) -> bool:
    """Whether an absolute path leads nowhere into the repository."""
    tops = (place.top, place.folder, place.common, place.common.removesuffix("/.git"))
    ways = (os.path.normpath(path), os.path.realpath(path))
    return os.path.isabs(path) and not any(within(way, os.path.realpath(top)) or within(way, top) for way in ways for top in tops)


def _is_settled(file: str, place: GitPlace) -> bool:
    """Whether a file that is included is what Git will read: another user's, or a pipe, may say something else then."""
    real = os.path.realpath(file)
    there = os.path.lexists(real)
    while not os.path.lexists(real):
        real = os.path.dirname(real)
    status = os.lstat(real)
    is_sound = stat.S_ISREG(status.st_mode) if there else not status.st_mode & stat.S_IWOTH
    return is_sound and status.st_uid in (0, os.geteuid(), os.stat(place.common).st_uid)


def _expanded(path: str, environ: Mapping[str, str]) -> str:
    return home_folder(environ) + path[1:] if path.startswith("~/") else os.path.expanduser(path)


def _read(file: str) -> bytes:
    data, status = read_regular(file, _LARGEST)
    if len(data) < status.st_size:
        hint = "look at it, and take out what Git does not need"
        raise ConfigError(f"`{printable(file)}` is too large for the configuration of a repository", hint)
    return data


def _shown(file: str, place: GitPlace | None) -> str:
    return os.path.relpath(file, place.top) if place and file.startswith(place.top + os.sep) else file
