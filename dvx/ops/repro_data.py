"""Data that changed, on the way of a run: it is recorded, as DVC does."""

from __future__ import annotations

from dvx.errors import DvxError, quoted
from dvx.model.events import Notice, Tell
from dvx.model.pointer import Pointer
from dvx.model.staleness import Action, Cause, Reason
from dvx.model.tree import holds
from dvx.ops.add import add
from dvx.ops.observation import Observer
from dvx.ops.repro_plan import StageOutcome
from dvx.project import Project


def record_data(
    project: Project, pointer: Pointer, observer: Observer, tell: Tell, *, dry: bool
) -> tuple[StageOutcome, tuple[str, ...]]:
    """Record what the workspace holds of a pointer's data, unless it is an import or frozen; `dry` only says so.

    Returns what was done, and the files that belong into Git now.

    Raises:
        DvxError: the pointer was not made by `add`, so that it is not known how to make it anew.
    """
    address = pointer.path
    if pointer.deps or pointer.frozen:
        return StageOutcome(address, Action.SKIP), ()
    changed = []
    for output, recorded in pointer.outs:
        now = observer.content(output.path, recorded.content)
        if now is not None and (recorded.content is None or not holds(now, recorded.content, project.dialect)):
            changed.append(output.path)
    if not changed:
        return StageOutcome(address, Action.SKIP), ()
    outcome = StageOutcome(address, Action.RECORD, tuple(Reason(Cause.OUT_MODIFIED, path) for path in changed))
    if dry:
        return outcome, ()
    if changed != [address.removesuffix(project.dialect.pointer_suffix)]:
        raise DvxError(f"the data of `{address}` changed", f"run `dvx commit {quoted(address)}` to record it")
    tell(Notice(f"`{changed[0]}` changed and is recorded in `{address}`"))
    return outcome, add(project, [project.abs(changed[0])], tell).for_git
