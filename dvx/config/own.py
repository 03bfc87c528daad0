"""dvx's own folders: they are real, and did not come with the repository.

A clone cannot bring what Git does not track, and what it tracks is refused; links, which an archive can bring, are followed only
where the user said that they made them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from dvx.errors import UnsafePath, quoted
from dvx.git.tracking import tracked_below
from dvx.model.dialect import DIALECTS, Dialect
from dvx.model.paths import printable, within

if TYPE_CHECKING:
    from dvx.model.setup.trust import LinkMark

# folders of the state in which each entry is a name that dvx makes and opens; the trash holds links of the user's
_STATE = frozenset({"exps", "locks", "logs", "new", "incoming", "elsewhere", "packs", "attempts", "heartbeats", "runs", "undo"})
_PRIVATE = ("config.local", "cache")
_CACHE = (frozenset({"files"}), None)


def check_own(root: str, dialect: Dialect, environ: Mapping[str, str]) -> None:
    """Refuse own folders and files that are links, or that Git tracks.

    Raises:
        UnsafePath: one is, and the user did not say that they made it.
    """
    folder = dialect.folder
    state, _, _ = dialect.state_folder.partition("/")
    for place in (folder, f"{folder}/{state}"):
        if os.path.lexists(os.path.join(root, place, ".git")):
            text = f"`{place}` is a Git repository of its own, so dvx did not make it"
            raise UnsafePath(text, f"move it away: `mv {place} {place}.old`")
    _refuse_links(root, own_links(root, dialect), environ)
    _refuse_special(root, [f"{dialect.folder}/{name}" for name in (*_PRIVATE, "config")])
    for name in ("", "exps"):
        place = f"{folder}/{dialect.state_folder}/{name}".rstrip("/")
        _refuse_special(root, [f"{place}/{one}" for one in _names(os.path.join(root, place))])
    _refuse_tracked(root, [f"{folder}/{name}" for name in (*_PRIVATE, dialect.state_folder)], environ)


def check_cache(root: str, directory: str, environ: Mapping[str, str]) -> None:
    """The same for a cache at another place in the project; one outside of it is the user's own business."""
    path = os.path.relpath(directory, root)
    if within(directory, root):
        _refuse_links(root, _links(root, path, _CACHE), environ)
        _refuse_tracked(root, (path,), environ)


def is_private(path: str) -> bool:
    """Whether a path of a project, in the words of either dialect, is one that only dvx makes on this machine."""
    return any(
        path == one.folder or any(within(path, f"{one.folder}/{name}") for name in (*_PRIVATE, one.state_folder))
        for one in DIALECTS
    )


def own_links(root: str, dialect: Dialect) -> Iterator[str]:
    """Those of dvx's own folders and files that are symbolic links; what lies behind one is not looked at."""
    folder = dialect.folder
    if os.path.islink(os.path.join(root, folder)):
        yield folder
        return
    above, _, below = dialect.state_folder.partition("/")
    yield from _links(root, f"{folder}/{above}", (frozenset({below}), _STATE) if below else (_STATE,))
    yield from _links(root, f"{folder}/cache", _CACHE)


def mark_link(root: str, path: str) -> LinkMark | None:
    """A link as it is; None where there is none."""
    from dvx.model.setup.trust import LinkMark

    place = os.path.join(root, path)
    try:
        status = os.lstat(place)
        return LinkMark(status.st_ino, os.readlink(place)) if stat.S_ISLNK(status.st_mode) else None
    except OSError:
        return None


def _links(root: str, path: str, entered: Sequence[frozenset[str] | None]) -> Iterator[str]:
    """`path` if it is a link; else the links in it and in the folders of each level that are `entered`, None being all."""
    place = os.path.join(root, path)
    if os.path.islink(place):
        yield path
        return
    try:
        entries = list(os.scandir(place))
    except OSError:
        return
    for entry in entries:
        if entry.is_symlink():
            yield f"{path}/{entry.name}"
        elif entered and (entered[0] is None or entry.name in entered[0]) and entry.is_dir(follow_symlinks=False):
            yield from _links(root, f"{path}/{entry.name}", entered[1:])


def _refuse_links(root: str, found: Iterator[str], environ: Mapping[str, str]) -> None:
    links = list(found)
    if not links:
        return
    from dvx.config.trust import load  # hardly ever needed

    known = load(root, environ).links
    for path in links:
        if known.get(path) != mark_link(root, path):
            text = f"`{printable(path)}` is a symbolic link, and dvx does not follow links among its own files"
            raise UnsafePath(text, f"remove it with `rm {quoted(path)}`; if you made it yourself, run `dvx trust`")


def _refuse_special(root: str, paths: Iterable[str]) -> None:
    """Refuse pipes and devices, on which SQLite would wait for ever."""
    for path in paths:
        try:
            mode = os.stat(os.path.join(root, path)).st_mode
        except OSError:
            continue
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise UnsafePath(f"`{printable(path)}` is no file, and dvx did not make it", f"remove it with `rm {quoted(path)}`")


def _names(place: str) -> list[str]:
    try:
        return os.listdir(place)
    except OSError:
        return []


def _refuse_tracked(root: str, names: Sequence[str], environ: Mapping[str, str]) -> None:
    tracked = tracked_below(root, names, partial(_demand, root, environ))
    if tracked:
        shared = quoted(next(name for name in names if within(tracked[0], name)))
        text = f"`{printable(tracked[0])}` is tracked by Git, so somebody else may have written it"
        raise UnsafePath(text, f"remove it: `git rm -r -q --cached {shared}`, then `rm -r {shared}`")


def _demand(root: str, environ: Mapping[str, str]) -> None:
    """Refuse programs that Git's configuration names: to read an index, Git may fetch what is missing."""
    from dvx.config.git_options import demand  # hardly ever needed

    demand(root, environ)
