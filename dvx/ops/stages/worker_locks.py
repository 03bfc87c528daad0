"""Who works on runs: processes that hold a lock of their own, which the kernel releases when they die."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from dvx.model.kept import WORKER
from dvx.project import Project
from dvx.store import files
from dvx.store.files.locking import claimed, is_claimed


def workers(project: Project) -> tuple[str, ...]:
    """The workers that work now."""
    return tuple(name for name in files.names_in(_folder(project), WORKER) if is_working(project, name))


def dead(project: Project) -> tuple[str, ...]:
    """The workers that died and that nobody swept yet."""
    return tuple(name for name in files.names_in(_folder(project), WORKER) if not is_working(project, name))


@contextmanager
def worker_lock(project: Project) -> Iterator[str]:
    """Be a worker, by a lock that the kernel releases when this process dies; yields its name."""
    remove_dead(project)
    with ExitStack() as held:
        name = _locked(project, held)
        try:
            yield name
        finally:
            files.remove(os.path.join(_folder(project), name))


def remove_dead(project: Project) -> None:
    """Remove what dead workers left of themselves."""
    for name in dead(project):
        # a folder was never a worker
        with suppress(IsADirectoryError):
            files.remove(os.path.join(_folder(project), name))


def _locked(project: Project, held: ExitStack) -> str:
    """A name whose lock we hold, in a file that nobody swept before we did."""
    while True:
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        place = os.path.join(_folder(project), name)
        handle = held.enter_context(claimed(place, lambda: None))
        try:
            if os.path.samestat(os.stat(place), os.fstat(handle)):
                return name
        except FileNotFoundError:
            continue


def is_working(project: Project, name: str) -> bool:
    """Whether a worker still works."""
    return is_claimed(os.path.join(_folder(project), name))


def home_of(project: Project) -> Project:
    """The project in which a run is recorded that works in this one."""
    return project.home or project


def _folder(project: Project) -> str:
    return os.path.join(home_of(project).state, "exps", "workers")
