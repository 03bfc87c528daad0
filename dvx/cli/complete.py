"""What the shell offers after Tab. It never fails: where nothing is known, nothing is offered."""

from __future__ import annotations

import os

from dvx.errors import DvxError
from dvx.model.dialect import NATIVE
from dvx.project import Project


def targets(incomplete: str) -> list[str]:
    """Tracked paths and stages."""
    from dvx.ops.index import load_index

    project = _project()
    if project is None:
        return []
    try:
        index = load_index(project)
    except DvxError:
        return []
    names = {tracked.output.path for tracked in index.tracked} | set(index.stages)
    return sorted(name for name in names if name.startswith(incomplete))


def stages(incomplete: str) -> list[str]:
    """Stages."""
    from dvx.ops.index import load_index

    project = _project()
    if project is None:
        return []
    try:
        return sorted(name for name in load_index(project).stages if name.startswith(incomplete))
    except DvxError:
        return []


def remotes(incomplete: str) -> list[str]:
    """Names of remotes."""
    project = _project()
    return [] if project is None else sorted(name for name in project.config.remotes() if name.startswith(incomplete))


def experiments(incomplete: str) -> list[str]:
    """Names of experiments."""
    project = _project()
    if project is None or project.git is None:
        return []
    try:
        return sorted({ref.name for ref in project.git.experiments() if ref.name.startswith(incomplete)})
    except DvxError:
        return []


def tasks(incomplete: str) -> list[str]:
    """Names of experiments in the queue."""
    from dvx.ops.exp_tasks import open_book

    project = _project()
    if project is None:
        return []
    try:
        return sorted({one.name for one in open_book(project).tasks() if one.snapshot and one.name.startswith(incomplete)})
    except DvxError:
        return []


def revisions(incomplete: str) -> list[str]:
    """Branches, tags and experiments."""
    project = _project()
    if project is None or project.git is None:
        return []
    try:
        refs = project.git.refs("refs/heads/", "refs/tags/")
    except DvxError:
        return []
    names = {"workspace", "HEAD", *(ref.split("/", 2)[-1] for ref in refs)}
    return sorted({name for name in names if name.startswith(incomplete)} | set(experiments(incomplete)))


def hashes(incomplete: str) -> list[str]:
    """Hash algorithms."""
    return [name for name in NATIVE.algorithms if name.startswith(incomplete)]


def _project() -> Project | None:
    try:
        return Project.find(os.getcwd())
    except (DvxError, OSError):
        return None
