"""Gives workspace files bytes of their own where they share them with the cache, so that a command may write to them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator

from dvx.project import Project
from dvx.store import files


def detach(project: Project, paths: Iterable[str]) -> None:
    """Replace links to objects, in or at `paths`, by copies."""
    folder = os.path.join(project.state, "new")
    for path in paths:
        for place in _files(project.abs(path)):
            status = os.lstat(place)
            if stat.S_ISLNK(status.st_mode) or status.st_nlink > 1:
                files.make_folder(folder)
                temp = f"{folder}/{os.getpid()}-detached"
                files.remove(temp)
                executable = os.stat(place).st_mode & stat.S_IXUSR
                files.copy_file(place, temp, files.NEW_EXECUTABLE if executable else files.NEW_FILE)
                files.rename(temp, place)


def unshared(project: Project, paths: Iterable[str]) -> list[str]:
    """Files in or at `paths` that are no links to anything, and so nobody's but the user's."""
    start = len(project.root) + 1
    found = (place for path in paths for place in _files(project.abs(path)))
    return [place[start:] for place in found if os.lstat(place).st_nlink == 1 and not os.path.islink(place)]


def _files(place: str) -> Iterator[str]:
    if os.path.isdir(place) and not os.path.islink(place):
        for folder, _, names in os.walk(place):
            yield from (os.path.join(folder, name) for name in names if os.path.isfile(os.path.join(folder, name)))
    elif os.path.isfile(place):
        yield place
