"""Whether Git tracks what it should not. That is asked at every start, so only where its index file may say yes Git is asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from dvx.git.places import find_place

_HEADER = 12
_COMPRESSED = 4
_SPLIT = b"link"
# an empty extension: entries may be whole folders
_SPARSE = b"sdir" + bytes(4)
_ID = 20


def tracked_below(root: str, names: Sequence[str], before: Callable[[], None]) -> list[str]:
    """Paths that Git tracks at or below the paths `names` of the project at `root`; `before` Git is asked, that is called.

    Raises:
        GitError: the index may hold some, and Git does not say.
    """
    place = find_place(root)
    if place is None:
        return []
    try:
        with open(os.path.join(place.folder, "index"), "rb") as file:
            index = file.read()
    except OSError:
        return []
    below = os.path.relpath(os.path.realpath(root), place.top).replace(os.sep, "/")
    above = "" if below == "." else f"{below}/"
    asked = _held(index, [above + name for name in names])
    if not asked:
        return []
    from dvx.git import process, values

    before()
    found = values.fields(process.ask(place, ("ls-files", "-z", "--", *asked)))
    return [path[len(above) :] for path in found]


def left_out(start: str, names: Sequence[str]) -> str:
    """Which of the folders at the top of the repository around `start` a sparse checkout leaves out; empty for none."""
    place = find_place(start)
    if place is None or not os.path.exists(os.path.join(place.folder, "info", "sparse-checkout")):
        return ""
    try:
        with open(os.path.join(place.folder, "index"), "rb") as file:
            index = file.read()
    except OSError:
        return ""
    lacking = (name for name in names if not os.path.exists(os.path.join(place.top, name)))
    return next((name for name in lacking if index.find(os.fsencode(name) + b"/", _HEADER) >= 0), "")


def _held(index: bytes, paths: Sequence[str]) -> list[str]:
    """Those of the paths that the bytes of an index have; all where paths stand in it in parts."""
    is_whole = int.from_bytes(index[4:8], "big") < _COMPRESSED and not _is_split(index) and index.find(_SPARSE, _HEADER) < 0
    if not is_whole:
        return list(paths)
    # thousands of folders may share a name that no path in the index has
    known = {name for name in {path.rpartition("/")[2] for path in paths} if _has(index, name)}
    return [path for path in paths if path.rpartition("/")[2] in known and _has(index, path)]


def _has(index: bytes, path: str) -> bool:
    """Whether a path in an index is, or has as a folder, what ends like this."""
    name = os.fsencode(path)
    return any(index.find(name + end, _HEADER) >= 0 for end in (b"/", b"\0"))


def _is_split(index: bytes) -> bool:
    """Whether most entries are in another file: an extension called `link` says so."""
    at = index.find(_SPLIT, _HEADER)
    while at >= 0:
        size = int.from_bytes(index[at + 4 : at + 8], "big")
        if size >= _ID and at + 8 + size <= len(index):
            return True
        at = index.find(_SPLIT, at + 1)
    return False
