"""Owners: the stages and pointers that targets of a command name, and the files that then belong into Git."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dvx.errors import UnknownTarget, quoted
from dvx.model.paths import printable
from dvx.ops.stages.repro_plan import ReproOptions, find_stages
from dvx.ops.tracked.index import Index
from dvx.project import Project


def find_owners(project: Project, index: Index, targets: Sequence[str]) -> tuple[str, ...]:
    """The pointers (by path) and stages (by address) that the targets mean.

    A target is a pointer, a stage, a pipeline file for all its stages, or the path that a pointer tracks.

    Raises:
        UnknownTarget: nothing goes by that name, or it is a path inside a tracked directory or an output of a stage.
    """
    found: dict[str, None] = {}
    for target in targets:
        owners = find_stages(project, index, ReproOptions((target,)))
        _check_exact(project, index, target, owners)
        found.update(dict.fromkeys(owners))
    return tuple(found)


def for_git(project: Project, changed: Iterable[str], gone: Iterable[str] = ()) -> tuple[str, ...]:
    """Files for the next commit: `changed` ones, and those of `gone` that Git knows. With `core.autostage` they are staged."""
    if project.git is None:
        return ()
    known = project.git.tracked(gone) if gone else set()
    files = tuple(sorted({*changed, *known}))
    if files and project.config.flag("core.autostage", False):
        project.git.stage(files, known)
    return files


def _check_exact(project: Project, index: Index, target: str, owners: Sequence[str]) -> None:
    """Refuse a target that was understood as a path where that path is less, or more, than what its owner stands for."""
    path = project.relative(target)
    tracked = index.owner_of(path)
    if tracked is None or tuple(owners) != (tracked.owner,) or path == tracked.file:
        return
    stage = index.stages.get(tracked.owner)
    if stage is not None and target not in (stage.name, stage.address) and not target.endswith(":" + stage.name):
        raise UnknownTarget(
            f"`{printable(target)}` is an output of the stage `{stage.address}`", f"name the stage: `{stage.name}`"
        )
    if stage is None and path != tracked.output.path:
        whole = printable(tracked.output.path)
        hint = f"to record the folder without it, delete it and run `dvx add {quoted(whole)}`"
        raise UnknownTarget(f"`{printable(target)}` lies in `{whole}`, which is tracked as a whole", hint)
