"""What lock files say of single stages, read and written without the rest of the file."""

from __future__ import annotations

from dvx.formats import decoded, only_stage, splice_lock
from dvx.model.paths import join, parent
from dvx.model.pipelines.lock import StageState, encode_state, keeping_versions
from dvx.model.pipelines.stage import Pipeline, Stage
from dvx.ops.tracked.pipeline_files import parse_lock
from dvx.ops.tracked.sources import Workspace
from dvx.project import Project


def locked_state(project: Project, stage: Stage) -> StageState | None:
    """What the lock file says of a stage at this moment."""
    path = _lock_path(project, stage)
    data = Workspace(project).read(path)
    if data is None:
        return None
    return _parse(project, stage, decoded(data, path))


def write_lock(project: Project, stage: Stage, state: StageState) -> str:
    """Put a stage's entry into the lock file beside its pipeline file; returns its path if it changed, or an empty text.

    Output files that did not change keep what the lock says of their version at a remote.
    """
    path = _lock_path(project, stage)
    with project.lock(path):
        data = Workspace(project).read(path)
        old = data.decode("utf-8", "surrogateescape") if data and data.strip() else None
        if old is not None and "version_id:" in old:
            state = keeping_versions(state, _parse(project, stage, old))
        new = splice_lock(old, stage.name, encode_state(state, stage))
        if new == old:
            return ""
        project.write(path, new)
    return path


def _parse(project: Project, stage: Stage, text: str) -> StageState | None:
    part = only_stage(text, stage.name)
    lock = parse_lock(
        text if part is None else part, _lock_path(project, stage), project.dialect, Pipeline(stage.file, {stage.name: stage})
    )
    return lock.stages.get(stage.name)


def _lock_path(project: Project, stage: Stage) -> str:
    return join(parent(stage.file), project.dialect.lock)
