"""push and fetch: data between the cache and remotes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from functools import partial

from msgspec import Struct, field

from dvx.errors import Corrupted, DvxError, MissingData, Partial, RemoteError, UnknownTarget
from dvx.model.events import Notice, Tell, silent
from dvx.model.paths import printable, within
from dvx.model.tracked.pointer import Recorded
from dvx.model.transfer.plan import ChosenPath, TransferResult
from dvx.model.tree import Content
from dvx.model.upkeep.undo_facts import Stays
from dvx.ops.tracked.index import Selected
from dvx.ops.tracked.reach import Reach
from dvx.ops.tracked.unreadable import demand_read
from dvx.ops.transfer import plans, push_plans, versioned
from dvx.ops.transfer.plans import Remotes, Step
from dvx.ops.transfer.scope import ChosenRevisions, Import, SyncOptions, TransferScope, find_scope
from dvx.ops.transfer.versioned import Work, keep_trees
from dvx.ops.workspace.links import entries_of
from dvx.project import Project
from dvx.store.remotes.versioned import VersionedRemote

_SHOWN = 5


class Direction(Enum):
    """Which way objects go; the value is the command's name."""

    PUSH = "push"
    FETCH = "fetch"


class SyncPlan(Struct, frozen=True):
    """What `transfer` will do: one step for each remote. `selected` is the part of the workspace that it is for.

    `remotes` are those that were asked, so that none is opened, and no secret asked for, twice.
    `works` has the rest of the steps whose remote keeps versions, by its name; `imports` is what no remote of ours has,
    `unread` which files of revisions could not be read.
    """

    direction: Direction
    steps: tuple[Step, ...]
    options: SyncOptions
    remotes: Remotes
    selected: tuple[Selected, ...] = ()
    works: Mapping[str, Work] = field(default_factory=dict)
    imports: tuple[Import, ...] = ()
    unread: tuple[str, ...] = ()


def plan_push(project: Project, options: SyncOptions, tell: Tell = silent) -> SyncPlan:
    """What the remotes lack of the chosen data.

    Raises:
        UnknownTarget: a target or remote does not exist, or there is no default remote.
        RemoteError: a remote cannot be reached.
        DvxError: several revisions cannot go to a remote that keeps versions: only the workspace's pointers can be written.
    """
    scope = find_scope(project, options, tell)
    keep_trees(project, scope.recorded.values())
    remotes, reach = Remotes(project, options.remote, options.jobs), Reach(project.cache, mend=True)
    planned: list[Step] = []
    works: dict[str, Work] = {}
    # a remote that is not there is told even where the workspace has nothing to push
    for name, items in (scope.items or ({"": []} if options.revisions.workspace else {})).items():
        keeper = remotes.versioned(name)
        if keeper is None:
            planned.append(push_plans.push_step(project, reach, remotes.open(name), items, tell))
            continue
        if options.verify:
            text = f"the remote `{keeper.remote.name}` keeps versions, which are not read back"
            raise DvxError(text, "leave `--verify` out for it")
        if options.revisions != ChosenRevisions():
            hint = "check out a branch and push from there, one after the other"
            raise DvxError(f"the remote `{keeper.remote.name}` keeps versions, so it takes one revision at a time", hint)
        step, works[keeper.remote.name] = versioned.plan_push(project, reach, keeper, _records(scope, items))
        planned.append(step)
    return SyncPlan(Direction.PUSH, tuple(planned), options, remotes, scope.selected, works, unread=scope.unread)


def plan_fetch(project: Project, options: SyncOptions, tell: Tell = silent) -> SyncPlan:
    """What the cache lacks of the chosen data; what the remotes have of it comes out in the transfer. Raises like `plan_push`."""
    scope = find_scope(project, options, tell)
    keep_trees(project, scope.recorded.values())
    remotes, reach = Remotes(project, options.remote, options.jobs), Reach(project.cache, mend=True)
    if options.remote:
        project.config.remote(options.remote)  # a wrong name is refused even where nothing is needed
    planned: list[Step] = []
    works: dict[str, Work] = {}
    for name, items in scope.items.items():
        keeper = _keeper(remotes, name)
        if keeper is None:
            planned.append(plans.fetch_step(project, reach, partial(remotes.open, name), items))
            continue
        step, works[keeper.remote.name] = versioned.plan_fetch(project, reach, keeper, _records(scope, items))
        planned.append(step)
    imports = tuple(one for one in scope.imports if not is_whole(project, one.path, one.content))
    return SyncPlan(Direction.FETCH, tuple(planned), options, remotes, scope.selected, works, imports, scope.unread)


def transfer(project: Project, plan: SyncPlan, tell: Tell = silent) -> TransferResult:
    """Do what was planned. What fails with single objects is in the result; the others are copied.

    Raises:
        RemoteError: a remote cannot be reached.
        DvxError: the cache cannot be written.
    """
    pushing = plan.direction is Direction.PUSH
    result = TransferResult(unread=plan.unread)
    for step in plan.steps:
        if not step.remote:
            continue
        keeper = plan.remotes.versioned(step.remote) if step.remote in plan.works else None
        if keeper is None and pushing:
            result += _push(project, plan, step, tell)
        elif keeper is None:
            result += plans.fetch(project, step, plan.remotes.open(step.remote), tell)
        else:
            do = versioned.push if pushing else versioned.fetch
            result += do(project, step, plan.works[step.remote], keeper, tell)
    if plan.options.run_cache and plan.remotes.versioned("") is not None:
        tell(Notice("the run-cache stays here: a remote that keeps versions has no place for it"))
    elif plan.options.run_cache:
        from dvx.ops.transfer import run_sync

        copy_runs = run_sync.push if pushing else run_sync.fetch
        result += copy_runs(project, plan.remotes.open(""), tell)
    if pushing and result.copied:
        project.undo.note(Stays("what it uploaded stays at the remote"))
    return result


def _push(project: Project, plan: SyncPlan, step: Step, tell: Tell) -> TransferResult:
    objects = plan.remotes.open(step.remote)
    sent = push_plans.push(project, step, objects, tell)
    if not sent.complete or step.found is None or not (plan.options.verify or step.found.told):
        return sent
    from dvx.ops.transfer.reading_back import read_back

    return sent + read_back(project, step, objects, tell, everything=plan.options.verify)


def demand(result: TransferResult, direction: Direction) -> None:
    """Refuse a result that is not complete.

    Raises:
        Partial: some objects were copied and some were not.
        MissingData: objects are in neither store.
        RemoteError: a remote failed, or its bytes do not hash to their names.
    """
    done = "pushed" if direction is Direction.PUSH else "fetched"
    part = result.copied > 0
    if result.failed:
        path, reason = result.failed[0]
        more = f" (and {len(result.failed) - 1} more)" if len(result.failed) > 1 else ""
        hint = "what was copied is kept: run the command again to copy the rest" if part else ""
        raise (Partial if part else RemoteError)(f"`{printable(path)}` was not {done}: {reason}{more}", hint)
    if result.missing:
        count = "an object is" if len(result.missing) == 1 else f"{len(result.missing)} objects are"
        text = f"{count} neither in the cache nor at the remote, needed by {listed(result.missing)}"
        if direction is Direction.PUSH:
            raise (Partial if part else MissingData)(
                text, "run the stage that makes it, or `dvx fetch -r NAME` from a remote that has it"
            )
        raise MissingData(text, "push it from where it was made")
    if result.withheld:
        text = f"{listed(result.withheld)} cannot be pulled yet: not all of its files are at the remote"
        raise Partial(text, "push the whole directory once")
    demand_read(result.unread)


def _keeper(remotes: Remotes, name: str) -> VersionedRemote | None:
    """Like `Remotes.versioned`; a default remote that does not exist is for whoever needs something to miss."""
    try:
        return remotes.versioned(name)
    except UnknownTarget:
        return None


def _records(scope: TransferScope, items: Iterable[ChosenPath]) -> dict[ChosenPath, Recorded]:
    return {item: scope.recorded[item] for item in items}


def listed(paths: Iterable[str]) -> str:
    named = [f"`{printable(path)}`" for path in paths]
    return ", ".join(named[:_SHOWN]) + (f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else "")


def is_whole(project: Project, path: str, content: Content, inner: Iterable[str] = ()) -> bool:
    """Whether the cache has all that `path`, or the parts of it that are meant, needs."""
    try:
        entries = entries_of(project, path, content)
    except (MissingData, Corrupted):
        return False
    parts = [f"{path}/{one}" for one in inner]
    meant = [entry for entry in entries if not parts or any(within(entry.path, part) for part in parts)]
    return all(project.cache.has(entry.digest, entry.size) for entry in meant)
