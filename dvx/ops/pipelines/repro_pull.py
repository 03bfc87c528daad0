"""`repro --pull`: what is absent comes from the remote, where it has it, before anything is run to make it anew."""

from __future__ import annotations

from collections.abc import Iterable

from dvx.errors import DvxError
from dvx.model.events import Notice, Tell
from dvx.model.paths import is_outside
from dvx.model.pipelines.stage import Stage
from dvx.model.pipelines.staleness import ABSENT_CAUSES
from dvx.model.tracked.pointer import Pointer
from dvx.ops.imports.update import complete
from dvx.ops.pipelines.decisions import StageChoice
from dvx.ops.stages.observation import Observer
from dvx.ops.tracked.index import Index, SelectOptions
from dvx.ops.transfer.fetch import fetch
from dvx.ops.transfer.plans import Remotes
from dvx.ops.transfer.pull import pull
from dvx.ops.transfer.scope import SyncOptions
from dvx.ops.transfer.sync import Direction, SyncPlan, plan_fetch, transfer
from dvx.project import Project


def pull_runs(project: Project, tell: Tell) -> None:
    """Fetch the run-cache; a failure is only told."""
    try:
        transfer(project, SyncPlan(Direction.FETCH, (), SyncOptions(run_cache=True), Remotes(project, "", 0)), tell)
    except DvxError as error:
        tell(Notice(f"the run-cache was not pulled: {error.message}", error.hint))


def pull_for(project: Project, index: Index, stage: Stage, choice: StageChoice, observer: Observer, tell: Tell) -> None:
    """Get absent dependencies of a stage that may run, and its outputs if only absent data speaks against skipping it.

    A failure is only told: the stage can still run.
    """
    here = [dep for dep in stage.deps if not (is_outside(dep) or stage.frozen)]
    # what nobody tracks is for the check before the run to name
    deps = [dep for dep in here if observer.content(dep) is None and index.overlapping(dep)]
    absent = all(reason.cause in ABSENT_CAUSES for reason in choice.reasons)
    outs = [output.path for output in stage.outs if output.cached] if absent else []
    _pull(project, stage.address, (deps, outs), observer, tell)


def pull_data(project: Project, pointer: Pointer, observer: Observer, tell: Tell) -> None:
    """Get what is absent of a pointer's data, if anything is recorded of it. A failure is only told."""
    deps = [out.path for out, entry in pointer.outs if entry.content and observer.content(out.path, entry.content) is None]
    _pull(project, pointer.path, (deps, []), observer, tell)


def _pull(project: Project, owner: str, wanted: tuple[list[str], list[str]], observer: Observer, tell: Tell) -> None:
    """Get what is `wanted` in the workspace, and what only in the cache."""
    here, cached = wanted
    try:
        if here:
            pull(project, _options(project, here), complete, tell)
        if cached:
            fetch(project, plan_fetch(project, _options(project, cached)), tell)
    except DvxError as error:
        tell(Notice(f"the data of `{owner}` was not pulled: {error.message}", error.hint))
    observer.forget()


def _options(project: Project, paths: Iterable[str]) -> SyncOptions:
    select = SelectOptions(recursive=True)
    return SyncOptions(tuple(project.abs(path) for path in paths), select=select, allow_missing=True)
