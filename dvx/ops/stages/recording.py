"""Recording what a stage made: objects first, then the run-cache and the ignore files, the lock last."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from msgspec.structs import replace

from dvx.errors import MissingData
from dvx.model.events import Tell
from dvx.model.paths import printable
from dvx.model.pipelines.evidence import evidence
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.runcache import is_recordable
from dvx.model.pipelines.stage import Stage
from dvx.model.tracked.pointer import Recorded
from dvx.model.tree import Content
from dvx.ops.stages.checks import refuse_cached
from dvx.ops.stages.leftovers import end_record
from dvx.ops.stages.observation import Observer
from dvx.ops.stages.runcache import save_run
from dvx.ops.tracked.gitignore import ignore
from dvx.ops.tracked.lock_files import write_lock
from dvx.ops.transfer.provenance import note_made
from dvx.ops.workspace.checkout import restore
from dvx.ops.workspace.detach import detach
from dvx.ops.workspace.links import relink
from dvx.ops.workspace.observe import observe, store
from dvx.project import Project


def record_run(
    project: Project,
    stage: Stage,
    state: StageState,
    tell: Tell,
    *,
    commit: bool = True,
    share: bool = True,
    ignored: Collection[str] | None = None,
) -> tuple[StageState, list[str]]:
    """Record the outputs that are in the workspace now; dependencies and parameters are those of `state`.

    Without `commit` they are hashed but not stored; without `share` the workspace files are not linked to the stored ones.
    `ignored` are outputs that Git ignores, if that is known.
    Returns the recorded state and the changed files.

    Raises:
        MissingData: an output does not exist.
    """
    stored = to_store(stage) if commit else []
    state = keep_run(project, stage, state, stored, tell)
    contents = {path: recorded.content for path, recorded in state.outs.items() if recorded.content}
    cached = {output.path for output in stage.outs if output.cached}
    if share:
        relink(project, {path: contents[path] for path in stored if path in cached})
    detach(project, [path for path in stored if path not in cached])
    return state, _name(project, stage, state, ignored)


def keep_run(project: Project, stage: Stage, state: StageState, stored: Collection[str], tell: Tell) -> StageState:
    """Observe the outputs, take those to be `stored` into the cache, and if there are any keep the run in the run-cache.

    Raises:
        MissingData: an output does not exist.
    """
    outside = _look_outside(project, stage, tell)
    contents = _take(project, stage, stored, tell)
    state = replace(state, outs={path: Recorded(path, content) for path, content in contents.items()}, outside=outside)
    if stored:
        save_run(project, stage, state)
    return state


def to_store(stage: Stage) -> list[str]:
    """The outputs whose bytes enter the cache when a run is recorded."""
    return [output.path for output in stage.outs if output.cached or is_recordable(stage)]


def record_restored(
    project: Project, stage: Stage, state: StageState, present: Mapping[str, Content], tell: Tell, *, commit: bool = True
) -> tuple[StageState, list[str]]:
    """Make the workspace hold the outputs of `state` and record it. What is `present` as it should be enters the cache, but
    not without `commit`.
    """
    wanted = {path: recorded.content for path, recorded in state.outs.items() if recorded.content}
    cached = {output.path for output in stage.outs if output.cached}
    if commit:
        store(project, [path for path in present if path in cached], tell)
        project.cache.barrier()
    restore(project, {path: content for path, content in wanted.items() if path not in present}, tell, force=True)
    detach(project, [path for path in wanted if path not in cached])
    if commit:
        save_run(project, stage, state)
    return state, _name(project, stage, state)


def _name(project: Project, stage: Stage, state: StageState, already: Collection[str] | None = None) -> list[str]:
    ignored = ignore(project, [output.path for output in stage.outs if output.cached], already)
    changed = write_lock(project, stage, state)
    end_record(project, stage)
    return [*ignored, *([changed] if changed else [])]


def _look_outside(project: Project, stage: Stage, tell: Tell) -> dict[str, Recorded]:
    """The outputs that do not lie in the project, where they are."""
    if not stage.outside:
        return {}
    refuse_cached(stage)
    observer = Observer(project, {}, tell)
    found = {output.path: observer.recorded(output.path) for output in stage.outside}
    for path, recorded in found.items():
        if not evidence(recorded):
            raise _not_made(stage, path)
    return found


def _not_made(stage: Stage, path: str) -> MissingData:
    hint = f"mend the command, or take `{printable(path)}` out of the outputs in `{stage.file}`"
    return MissingData(f"the output `{printable(path)}` of the stage `{stage.address}` does not exist", hint)


def _take(project: Project, stage: Stage, stored: Collection[str], tell: Tell) -> dict[str, Content]:
    """What the outputs hold; those to be `stored` are in the cache then."""
    for output in stage.outs:
        if not os.path.exists(project.abs(output.path)):
            raise _not_made(stage, output.path)
    contents = store(project, stored, tell)
    project.cache.barrier()
    note_made(project, (content.digest for content in contents.values()))
    found = observe(project, [output.path for output in stage.outs if output.path not in contents], tell)
    return contents | {path: content for path, content in found.items() if content is not None}
