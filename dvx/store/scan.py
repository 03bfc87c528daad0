"""Walking folders: what is there, without following links out of where it is."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator

from msgspec import Struct

from dvx.errors import DvxError, MissingData, UnsafePath, quoted
from dvx.model.paths import printable

Skip = Callable[[str, bool], bool]


class FoundFile(Struct):
    """A regular file: its project `path`, its absolute `place`, and its stat. For a link that of the target, and its own."""

    path: str
    place: str
    status: os.stat_result
    link: os.stat_result | None = None


def walk(
    place: str, path: str, root: str, skip: Skip, empty: list[str] | None = None, links: list[str] | None = None
) -> Iterator[FoundFile]:
    """All regular files below the folder `place`, called `path` in the project; `skip(path, is_folder)` leaves some out.

    A link to a file is that file if it stays below `root` (if that is empty, wherever it leads); a link to a folder or to
    nothing is not followed, but added to `links`. Paths of folders that hold nothing are added to `empty`.

    Raises:
        UnsafePath: a link leaves the project.
        DvxError: something that is neither file nor folder.
    """
    pending = [(place, path)]
    while pending:
        place, path = pending.pop()
        prefix = path + "/" if path else ""
        below = []
        count = 0
        with os.scandir(place) as entries:
            for entry in entries:
                inner = prefix + entry.name
                is_folder = entry.is_dir(follow_symlinks=False)
                if skip(inner, is_folder):
                    continue
                count += 1
                if is_folder:
                    below.append((entry.path, inner))
                    continue
                status, link = entry.stat(follow_symlinks=False), None
                if not stat.S_ISREG(status.st_mode):
                    followed = regular(entry.path, inner, root, status)
                    if followed is None:
                        if links is not None:
                            links.append(inner)
                        continue
                    status, link = followed, status
                yield FoundFile(inner, entry.path, status, link)
        if not count and empty is not None and path:
            empty.append(path)
        pending += reversed(below)


def regular(place: str, path: str, root: str, status: os.stat_result) -> os.stat_result | None:
    """The stat of the file that a link leads to; None for a link to a folder or to nothing.

    Raises like `walk`.
    """
    if not stat.S_ISLNK(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), "special file")
        raise DvxError(f"`{printable(path)}` is a {kind}, not a file", "remove it, or name it in the ignore file")
    target = os.path.realpath(place)
    try:
        followed = os.stat(target)
    except OSError:
        return None
    if stat.S_ISDIR(followed.st_mode):
        return None
    if not stat.S_ISREG(followed.st_mode):
        return regular(target, path, root, followed)
    if root and not _stays(target, root):
        raise UnsafePath(f"`{printable(path)}` is a link that leaves the repository", "replace it by a copy of the file")
    return followed


def check_link(place: str, path: str, root: str) -> None:
    """Refuse to track a link that leads nowhere, or to a folder outside of `root`.

    Raises:
        UnsafePath: the folder lies outside.
        MissingData: it leads to nothing; maybe to an object of a cache that moved.
    """
    if not os.path.islink(place):
        return
    if is_stale(place):
        text = f"`{printable(path)}` is a link to an object of a cache, which is gone"
        raise MissingData(text, f"run `dvx checkout {quoted(path)}` to link it anew, or remove it")
    if not os.path.exists(place):
        text = f"`{printable(path)}` is a link to `{printable(os.readlink(place))}`, which does not exist"
        raise MissingData(text, "remove it, or make what it leads to")
    if os.path.isdir(place) and not _stays(os.path.realpath(place), root):
        raise UnsafePath(f"`{printable(path)}` is a link that leaves the repository", "replace it by a copy of the folder")


def is_stale(place: str) -> bool:
    """Whether that is a link to where an object of a cache was, and is no more: as good as a missing file."""
    return os.path.islink(place) and not os.path.exists(place) and _is_object(os.path.realpath(place))


def _stays(target: str, root: str) -> bool:
    return target.startswith(os.path.realpath(root) + os.sep) or _is_object(target)


# DVC 2 had objects at the top of its cache, all of them named by MD5
_OBJECT = re.compile(r"/files/[a-z0-9]+/[0-9a-f]{2}/[0-9a-f]{30,}$|/[0-9a-f]{2}/[0-9a-f]{30}$")
_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, "named pipe"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISBLK, "device"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISDIR, "folder"),
)


def _is_object(target: str) -> bool:
    """Whether a path ends like an object of a cache (which may lie anywhere)."""
    return _OBJECT.search(target) is not None


def folders(place: str, path: str) -> tuple[list[str], list[str]]:
    """The names of the files in the folder `place`, and the project paths of the folders in it; links count as files."""
    names, below = [], []
    prefix = path + "/" if path else ""
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    below.append(prefix + entry.name)
                else:
                    names.append(entry.name)
    except PermissionError:
        return [], []
    return sorted(names), sorted(below)
