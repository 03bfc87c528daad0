"""unprotect: give workspace files bytes of their own, so that editing them cannot change the cache."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence

from dvx.model.events import Tell, silent
from dvx.ops.tracked.index import SelectOptions
from dvx.ops.tracked.unreadable import select_for
from dvx.ops.workspace.detach import detach, is_linked
from dvx.project import Project
from dvx.store import durable, files

_WRITABLE = stat.S_IWUSR


def unprotect(project: Project, targets: Sequence[str], tell: Tell = silent) -> tuple[str, ...]:
    """Make the targets writable copies where they are links to objects; returns the files that changed.

    Raises:
        UnknownTarget: a target is nothing that is tracked.
    """
    chosen = select_for(project, targets, SelectOptions(), tell)
    paths = [f"{each.tracked.output.path}/{each.inner}" if each.inner else each.tracked.output.path for each in chosen]
    return free(project, paths)


def free(project: Project, paths: Iterable[str]) -> tuple[str, ...]:
    """Cut the ties between the cache and the files in or at `paths`; durable on return. Links that people made stay."""
    changed = []
    for path in paths:
        for found in _found(project, path):
            if is_linked(project, project.abs(found)):
                detach(project, [found])
            elif _is_locked(project, found):
                files.set_mode(project.abs(found), os.lstat(project.abs(found)).st_mode & 0o777 | files.NEW_FILE)
            else:
                continue
            changed.append(found)
    places = [project.abs(path) for path in changed]
    durable.barrier({*places, *(os.path.dirname(place) for place in places)}, project.root)
    return tuple(changed)


def _found(project: Project, path: str) -> Iterator[str]:
    start = len(project.abs(path))
    return (path + place[start:].replace(os.sep, "/") for place in files.files_in(project.abs(path)))


def _is_locked(project: Project, path: str) -> bool:
    status = os.lstat(project.abs(path))
    return stat.S_ISREG(status.st_mode) and not status.st_mode & _WRITABLE
