"""What the shell offers after Tab. It never fails: where nothing is known, nothing is offered."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from dvx.cli.session import SESSION
from dvx.config import Config, environment
from dvx.errors import DvxError
from dvx.model.dialect import NATIVE

if TYPE_CHECKING:
    from dvx.project import Project

Offer = Callable[[str], list[str]]


def offer(names: Callable[[Project], Iterable[str]]) -> Offer:
    """What a project has, as typer asks for it."""

    def offered(incomplete: str) -> list[str]:
        from dvx.project import Project

        try:
            return beginning(incomplete, names(Project.find(SESSION.get().cwd)))
        except (DvxError, OSError, ValueError):
            return []

    offered.__doc__ = names.__doc__
    return offered


def beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    """The names that begin like that, sorted: those that can be typed, and are not taken for options."""
    found = {name for name in names if name.startswith(incomplete) and name.isprintable()}
    return sorted(name for name in found if not name.startswith("-") or incomplete.startswith("-"))


def one_of(*names: str) -> Offer:
    """Words that are always the same."""

    def offered(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return offered


@offer
def targets(project: Project) -> Iterable[str]:
    """Tracked paths and stages."""
    from dvx.ops.tracked.unreadable import load_readable

    index, _ = load_readable(project)
    return {*(project.shown(path) for path in index.by_path), *index.stages}


@offer
def stages(project: Project) -> Iterable[str]:
    """Stages, those of the pipeline file here by their names, and the templates of stages."""
    from dvx.ops.tracked.unreadable import load_readable

    here = project.relative(".")
    prefix = f"{here}/" if here else ""
    for path, pipeline in load_readable(project)[0].pipelines.items():
        before = "" if path == prefix + project.dialect.pipeline else f"{project.shown(path)}:"
        yield from (before + name for name in (*pipeline.stages, *pipeline.groups))


@offer
def stages_and_outputs(project: Project) -> Iterable[str]:
    """Stages, and what they make."""
    from dvx.ops.tracked.unreadable import load_readable

    index, _ = load_readable(project)
    return [*stages(""), *(project.shown(one.output.path) for one in index.tracked if one.owner in index.stages)]


def remotes(incomplete: str) -> list[str]:
    """Names of remotes, those of the user too."""
    root, dialect = SESSION.get().here()
    try:
        return beginning(incomplete, Config.read(root, dialect, environment()).remotes())
    except (DvxError, OSError):
        return []


def databases(incomplete: str) -> list[str]:
    """Names of connections to databases, those of the user too."""
    root, dialect = SESSION.get().here()
    try:
        settings = Config.read(root, dialect, environment()).settings
    except (DvxError, OSError):
        return []
    return beginning(incomplete, (key.name for key in settings if key.section == "db"))


@offer
def datasets(project: Project) -> Iterable[str]:
    """Names of datasets."""
    from dvx.ops.tracked.unreadable import load_readable

    return load_readable(project)[0].datasets


@offer
def experiments(project: Project) -> Iterable[str]:
    """Names of experiments."""
    return [ref.name for ref in project.git.experiments()] if project.git else []


@offer
def tasks(project: Project) -> Iterable[str]:
    """Names of experiments in the queue."""
    from dvx.ops.pipelines.run_record import open_registry

    return [one.name for one in open_registry(project).experiments() if one.snapshot]


@offer
def runs(project: Project) -> Iterable[str]:
    """Names of runs."""
    from dvx.ops.pipelines.run_record import run_names

    return run_names(project)


def revisions(incomplete: str) -> list[str]:
    """Branches, tags and experiments, and the workspace."""
    return beginning(incomplete, ("workspace", *commits("")))


@offer
def commits(project: Project) -> Iterable[str]:
    """Branches, tags and experiments."""
    if project.git is None:
        return []
    refs = project.git.refs("refs/heads/", "refs/tags/")
    return ["HEAD", *(ref.split("/", 2)[-1] for ref in refs), *experiments("")]


@offer
def git_remotes(project: Project) -> Iterable[str]:
    """Names of Git's remotes."""
    from dvx.git.sharing import remote_names

    return remote_names(project.git) if project.git else []


@offer
def trash(project: Project) -> Iterable[str]:
    """Paths and ids of what is in the trash."""
    items = project.trash.items()
    return [*(project.shown(item.path) for item in items), *(item.id for item in items)]


def folders(incomplete: str) -> list[str]:
    """Folders whose path begins so."""
    above, _, name = incomplete.rpartition("/")
    place = os.path.join(SESSION.get().cwd, above or ("/" if incomplete.startswith("/") else ""))
    try:
        with os.scandir(place) as entries:
            found = [entry.name for entry in entries if entry.name.startswith(name) and entry.is_dir()]
    except OSError:
        return []
    prefix = incomplete[: len(incomplete) - len(name)]
    return beginning(incomplete, (f"{prefix}{one}" for one in found if name.startswith(".") or not one.startswith(".")))


hashes = one_of(*NATIVE.algorithms)
