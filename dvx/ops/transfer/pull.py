"""pull: fetch, and restore in the workspace what is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import MissingData
from dvx.model.events import Tell, silent
from dvx.model.transfer.plan import TransferResult
from dvx.ops.transfer.fetch import fetch
from dvx.ops.transfer.scope import SyncOptions
from dvx.ops.transfer.sync import Direction, demand, is_whole, listed, plan_fetch
from dvx.ops.workspace.checkout import CheckoutResult, clear, recorded, restore
from dvx.ops.workspace.unmade import demand_made, find_unmade
from dvx.project import Project


class PullResult(Struct, frozen=True):
    """What came from remotes, what changed in the workspace, the outputs that could not be restored.

    `completed` are imports whose data was recorded but never downloaded until now, and `for_git` the files that say so.
    `unmade` are outputs that no run has made, with the address of their stage.
    """

    fetched: TransferResult
    checkout: CheckoutResult
    lacking: tuple[str, ...] = ()
    completed: tuple[str, ...] = ()
    for_git: tuple[str, ...] = ()
    unmade: Mapping[str, str] = field(default_factory=dict)


Complete = Callable[[Project, Sequence[str], Tell], Iterable[tuple[str, Sequence[str]]]]
"""Gets what imports recorded and did not download, by the paths of their pointers: returns each path, and the files for Git."""


def pull(project: Project, options: SyncOptions, complete: Complete, tell: Tell = silent) -> PullResult:
    """Fetch, then restore what is complete in the workspace, and `complete` imports whose data was never downloaded.

    Raises like `fetch`, `ops.workspace.checkout.restore` and `complete`.
    """
    plan = plan_fetch(project, options, tell)
    fetched = fetch(project, plan, tell)
    contents, only = recorded(plan.selected)
    lacking: tuple[str, ...] = ()
    if not fetched.complete or not all(selected.tracked.output.push for selected in plan.selected):
        lacking = tuple(path for path in contents if not is_whole(project, path, contents[path], only.get(path, ())))
    whole = {path: content for path, content in contents.items() if path not in lacking}
    partial = tuple(
        one.tracked.file
        for one in plan.selected
        if one.tracked.owner == one.tracked.file and (one.tracked.recorded is None or one.tracked.recorded.content is None)
    )
    unmade = find_unmade(project, plan.selected)
    done = restore(project, whole, tell, only=only, force=options.force)
    if not options.targets:
        # loads Git, which others do without
        from dvx.ops.workspace.left_behind import left_behind

        done = replace(done, deleted=left_behind(project, tell))
        clear(project, done.deleted, tell)
    if not partial:
        return PullResult(fetched, done, lacking, unmade=unmade)
    completed = tuple(complete(project, partial, tell))
    for_git = tuple(dict.fromkeys(file for _, changed in completed for file in changed))
    return PullResult(fetched, done, lacking, tuple(path for path, _ in completed), for_git, unmade)


def demand_pull(result: PullResult, options: SyncOptions) -> None:
    """Refuse a pull that did not restore everything; raises like `demand`. What is merely absent may be allowed."""
    if options.allow_missing:
        return demand(replace(result.fetched, missing=()), Direction.FETCH)
    demand(result.fetched, Direction.FETCH)
    if result.lacking:
        raise MissingData(
            f"the data of {listed(result.lacking)} is not in the cache", "push it from where it was made, then pull again"
        )
    return demand_made(result.unmade)
