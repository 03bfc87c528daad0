"""Data that changed, on the way of a run: it is recorded, as DVC does."""

from __future__ import annotations

from dvx.errors import DvxError, quoted
from dvx.model.events import Notice, Tell, silent
from dvx.model.pipelines.staleness import Action, Cause, Reason
from dvx.model.tracked.pointer import Pointer
from dvx.model.tree import holds
from dvx.ops.data.add import AddOptions, add
from dvx.ops.pipelines.repro_pull import pull_data
from dvx.ops.stages.observation import Observer
from dvx.ops.stages.repro_plan import ReproOptions, StageOutcome
from dvx.project import Project


def record_data(
    project: Project, pointer: Pointer, observer: Observer, options: ReproOptions, tell: Tell = silent
) -> tuple[StageOutcome, tuple[str, ...]]:
    """Record what the workspace holds of a pointer's data, unless it is an import or frozen; a dry run only says so.

    What is absent is pulled first, if that is asked for and absent data matters.

    Returns what was done, and the files that belong into Git now.

    Raises:
        DvxError: the pointer was not made by `add`, so that it is not known how to make it anew.
    """
    address = pointer.path
    if options.pull and not (options.dry or options.allow_missing):
        pull_data(project, pointer, observer, tell)
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
    if options.dry:
        return outcome, ()
    if changed != [address.removesuffix(project.dialect.pointer_suffix)]:
        raise DvxError(f"the data of `{address}` changed", f"run `dvx commit {quoted(address)}` to record it")
    adding = AddOptions(commit=not options.no_commit)
    added = add(project, [project.abs(changed[0])], tell, adding)
    tell(Notice(f"`{changed[0]}` changed and is recorded in `{address}`"))
    return outcome, added.for_git
