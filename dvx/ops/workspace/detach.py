"""Gives workspace files bytes of their own where they share them with the cache, so that a command may write to them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from dvx.model.paths import within
from dvx.project import Project
from dvx.store import files
from dvx.store.scratch import Scratch


def detach(project: Project, paths: Iterable[str]) -> None:
    """Replace links to objects, in or at `paths`, by copies. Links that people made stay."""
    scratch = Scratch(os.path.join(project.state, "new"))
    try:
        for path in paths:
            for place in files.files_in(project.abs(path)):
                if is_linked(project, place):
                    temp = scratch.new()
                    executable = os.stat(place).st_mode & stat.S_IXUSR
                    files.copy_file(place, temp, files.NEW_EXECUTABLE if executable else files.NEW_FILE)
                    files.move(temp, place)
    finally:
        scratch.close()


def to_trash(project: Project, path: str) -> None:
    """Move what is at a path to the trash; of a link into the cache, the bytes that it shows now."""
    if os.path.islink(project.abs(path)) and os.path.isfile(project.abs(path)) and is_linked(project, project.abs(path)):
        detach(project, [path])
    project.undo.begin()
    project.trash.take(project.abs(path), path)


def is_linked(project: Project, place: str) -> bool:
    """Whether the file at `place` (absolute) is a link into the cache, or shares its bytes with another name."""
    status = os.lstat(place)
    if stat.S_ISLNK(status.st_mode):
        # a link to a neighbour may lead to the cache in the end
        folder = os.path.realpath(os.path.dirname(os.path.join(os.path.dirname(place), os.readlink(place))))
        return within(folder, os.path.realpath(project.cache.root))
    return status.st_nlink > 1


def unshared(project: Project, paths: Iterable[str]) -> list[str]:
    """Files in or at `paths` that are no links to anything, and so nobody's but the user's."""
    start = len(project.root) + 1
    found = (place for path in paths for place in files.files_in(project.abs(path)))
    return [place[start:] for place in found if os.lstat(place).st_nlink == 1 and not os.path.islink(place)]
