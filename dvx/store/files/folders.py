"""Walks over folders, however deep they lie in each other: `os.walk` of Python 3.11 calls itself for each level."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

Level = tuple[str, list[str], list[str]]
"""A folder, and the names of the folders and of all else in it."""


def walk_folders(top: str, onerror: Callable[[OSError], None] | None = None) -> Iterator[Level]:
    """What `os.walk` gives, from the top down: folders that are taken off a list are left out, and links are not followed.

    A folder that cannot be read is passed over, unless `onerror` is told and raises.
    """
    pending = [top]
    while pending:
        folder = pending.pop()
        folders: list[str] = []
        names: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    (folders if _is_folder(entry) else names).append(entry.name)
        except OSError as error:
            if onerror is not None:
                onerror(error)
            continue
        yield folder, folders, names
        below = [os.path.join(folder, name) for name in reversed(folders)]
        pending += [place for place in below if not os.path.islink(place)]


def walk_upward(top: str) -> Iterator[Level]:
    """The same from the bottom up."""
    return reversed(list(walk_folders(top)))


def files_in(place: str) -> Iterator[str]:
    """The files in a folder, or the file at `place`; a link to a file is one."""
    if os.path.isdir(place) and not os.path.islink(place):
        for folder, _, names in walk_folders(place):
            yield from (found for name in names if os.path.isfile(found := os.path.join(folder, name)))
    elif os.path.isfile(place):
        yield place


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
