"""Who works on experiments: processes that hold a lock of their own, which the kernel releases when they die."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from dvx.project import Project
from dvx.store import files
from dvx.store.files.locking import claimed, is_claimed


def workers(project: Project) -> tuple[str, ...]:
    """The workers that work now."""
    folder = _folder(project)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return tuple(name for name in names if is_employed(project, name))


@contextmanager
def employed(project: Project) -> Iterator[str]:
    """Be a worker, by a lock that the kernel releases when this process dies; yields its name."""
    name = f"{os.getpid()}-{secrets.token_hex(4)}"
    place = os.path.join(_folder(project), name)
    try:
        with claimed(place, lambda: None):
            yield name
    finally:
        files.remove(place)


def is_employed(project: Project, name: str) -> bool:
    """Whether a worker still works."""
    return is_claimed(os.path.join(_folder(project), name))


def _folder(project: Project) -> str:
    return os.path.join(project.state, "exps", "workers")
