"""`repro --pull`: what is absent comes from the remote, where it has it, before anything is run to make it anew."""

from __future__ import annotations

from collections.abc import Iterable

from dvx.errors import DvxError
from dvx.model.events import Notice, Tell
from dvx.model.paths import is_outside
from dvx.model.stage import Stage
from dvx.model.staleness import ABSENT_CAUSES, Cause
from dvx.ops.decisions import StageChoice
from dvx.ops.fetch import fetch
from dvx.ops.pull import pull
from dvx.ops.scope import SyncOptions
from dvx.ops.steps import Remotes
from dvx.ops.sync import Direction, SyncPlan, plan_fetch, transfer
from dvx.project import Project


def pull_runs(project: Project, tell: Tell) -> None:
    """Fetch the run-cache; a failure is only told."""
    try:
        transfer(project, SyncPlan(Direction.FETCH, (), SyncOptions(run_cache=True), Remotes(project, "", 0)), tell)
    except DvxError as error:
        tell(Notice(f"the run-cache was not pulled: {error.message}", error.hint))


def pull_for(project: Project, stage: Stage, choice: StageChoice, tell: Tell) -> bool:
    """Get absent dependencies, and the outputs if nothing else is a reason to run; tells whether anything was tried.

    A failure is only told: the stage can still run.
    """
    deps = [reason.subject for reason in choice.reasons if reason.cause is Cause.DEP_DELETED and not is_outside(reason.subject)]
    if any(reason.cause is Cause.NEVER_RAN for reason in choice.reasons):
        deps = [dep for dep, seen in choice.state.deps.items() if seen.content is None and not is_outside(dep)]
    absent = all(reason.cause in ABSENT_CAUSES for reason in choice.reasons)
    outs = [output.path for output in stage.outs if output.cached] if absent else []
    if not deps and not outs:
        return False
    try:
        if deps:
            pull(project, _options(project, deps), tell)
        if outs:
            fetch(project, plan_fetch(project, _options(project, outs)), tell)
    except DvxError as error:
        tell(Notice(f"the data of the stage `{stage.address}` was not pulled: {error.message}", error.hint))
    return True


def _options(project: Project, paths: Iterable[str]) -> SyncOptions:
    return SyncOptions(tuple(project.abs(path) for path in paths), allow_missing=True)
