"""What must hold before a stage's command starts."""

from __future__ import annotations

import os

from dvx.errors import DvxError, MissingData, UnsafePath, nearest, quoted
from dvx.git.submodules import submodule_of
from dvx.model.compare.params import is_pattern
from dvx.model.imports.dataset import is_dataset, name_of
from dvx.model.paths import is_outside, parent, printable
from dvx.model.pipelines.evidence import evidence
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.stage import Stage, is_url
from dvx.model.setup.settings import redact
from dvx.model.tracked.pointer import Recorded
from dvx.ops.stages.git_outputs import InGit
from dvx.ops.tracked.index import Index
from dvx.project import Project


def check_runnable(project: Project, index: Index, stage: Stage, seen: StageState, in_git: InGit) -> None:
    """Refuse to run a stage that lacks something, or whose outputs are not dvx's to replace.

    Raises:
        MissingData: a dependency does not exist.
        UnsafePath: an output lies behind a link that leaves the project.
        DvxError: a parameter or the working folder does not exist, a dataset is not in sync, or Git tracks an output.
    """
    if not os.path.isdir(project.abs(stage.workdir)):
        raise DvxError(
            f"the working folder `{printable(stage.workdir)}` of the stage `{stage.address}` does not exist", "make it"
        )
    for dep in stage.deps:
        if is_dataset(dep):
            check_synced(stage, seen.deps[dep])
            continue
        if not evidence(seen.deps[dep]):
            raise _missing_dep(project, index, stage, dep)
    for file in stage.params:
        for key in file.keys or ():
            if key not in seen.params[file.path]:
                hint = nearest(key, map(str, seen.params[file.path])) or "add it there"
                hint = "a pattern has to fit exactly one parameter: name one, or the mapping" if is_pattern(key) else hint
                raise DvxError(f"`{file.path}` has no `{key}`, which the stage `{stage.address}` needs", hint)
        if file.keys is None and not os.path.exists(project.abs(file.path)):
            hint = f"make it, or mend the path in `{stage.file}`"
            raise MissingData(f"`{file.path}`, which the stage `{stage.address}` depends on, does not exist", hint)
    check_outputs(project, stage, in_git)


def check_synced(stage: Stage, seen: Recorded) -> None:
    """Refuse a dataset of which nothing is recorded, or something else than what the pipeline file names."""
    if not seen.extras:
        text = f"the dataset `{name_of(seen.path)}`, which the stage `{stage.address}` depends on, is not in sync with its lock"
        raise DvxError(text, f"run `dvx dataset update {quoted(name_of(seen.path))}`")


def _missing_dep(project: Project, index: Index, stage: Stage, dep: str) -> MissingData:
    tracked = index.owner_of(dep)
    name = quoted(dep)
    if is_url(dep):
        shown, hint = printable(redact(dep)), "check the URL; `dvx list-url` shows what a place holds"
        return MissingData(f"nothing is at `{shown}`, which the stage `{stage.address}` depends on", hint)
    hint = f"run `dvx checkout {name}`, or `dvx pull {name}` to get it from a remote" if tracked else "make it, or mend the path"
    if not (tracked or is_outside(dep)) and project.git is not None and (submodule := submodule_of(project.git, dep)):
        hint = f"run `git submodule update --init {quoted(submodule)}`"
    return MissingData(f"`{printable(dep)}`, which the stage `{stage.address}` depends on, does not exist", hint)


def refuse_cached(stage: Stage) -> None:
    """Refuse outputs outside of the project that are to be kept in the cache, as nothing could restore them; raises DvxError."""
    for output in stage.outside:
        if output.cached:
            text = f"the output `{printable(stage.written[output.path])}` of the stage `{stage.address}` lies outside of the"
            hint = f"write `cache: false` under it in `{stage.file}` (`-O` of `dvx stage add`), or let the stage write into it"
            raise DvxError(f"{text} repository, so it cannot be kept in the cache", hint)


def check_outputs(project: Project, stage: Stage, in_git: InGit) -> None:
    """Refuse outputs that Git tracks, or that lie outside of the project and are to be kept, or behind a link that leaves it."""
    refuse_cached(stage)
    root = os.path.realpath(project.root)
    for output in stage.outs:
        folder = os.path.realpath(project.abs(parent(output.path)))
        if folder != root and not folder.startswith(root + os.sep):
            text = f"the output `{printable(output.path)}` lies behind a link that leaves the repository"
            raise UnsafePath(text, "replace the link by a folder")
    for path in sorted(in_git.tracked.intersection(output.path for output in stage.outs if output.cached)):
        hint = f"run `git rm -r --cached {quoted(path)}` and commit that, or write `cache: false` under it in `{stage.file}`"
        raise DvxError(f"the output `{printable(path)}` of the stage `{stage.address}` is tracked by Git", hint)
