"""The commands that copy data between the cache and remotes: push, fetch, pull."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Annotated, Any

import typer
from msgspec import to_builtins

from dvx.cli.common import (
    BranchesOption,
    CommitsOption,
    DryRunOption,
    ForceOption,
    JobsOption,
    JsonOption,
    RecursiveOption,
    RemoteOption,
    TagsOption,
    TargetsArgument,
    WithDepsOption,
    find_project,
    tell_git,
)
from dvx.cli.terminal import render, units
from dvx.model.events import Tell
from dvx.model.paths import printable
from dvx.model.setup.settings import redact
from dvx.model.tracked.pointer import OutputKind
from dvx.model.transfer.plan import TransferResult
from dvx.ops.tracked.index import SelectOptions
from dvx.ops.transfer import sync
from dvx.ops.transfer.plans import Step
from dvx.ops.transfer.scope import ChosenRevisions, Import, SyncOptions
from dvx.ops.transfer.sync import Direction, SyncPlan
from dvx.project import Project

RunCacheOption = Annotated[
    bool, typer.Option("--run-cache/--no-run-cache", help="Include the run-cache: earlier results of stages.")
]
VerifyOption = Annotated[bool, typer.Option("--verify", help="Download everything again after the upload and verify its hashes.")]
GlobOption = Annotated[bool, typer.Option("--glob", help="Treat targets as patterns with `*`, `?` and `[a-z]`.")]
AllowMissingOption = Annotated[
    bool, typer.Option("--allow-missing", help="Do not fail when data is missing from both cache and remote.")
]


def push(
    targets: TargetsArgument = None,
    *,
    remote: RemoteOption = "",
    jobs: JobsOption = 0,
    all_branches: BranchesOption = False,
    all_tags: TagsOption = False,
    all_commits: CommitsOption = False,
    with_deps: WithDepsOption = False,
    recursive: RecursiveOption = False,
    glob: GlobOption = False,
    run_cache: RunCacheOption = False,
    verify: VerifyOption = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Upload tracked data to remote storage.

    Sends only what the remote lacks, and verifies every file.

    Example: dvx push -r storage
    """
    project = find_project()
    options = SyncOptions(
        targets=tuple(targets or ()),
        remote=remote,
        jobs=jobs,
        select=SelectOptions(with_deps=with_deps, recursive=recursive, glob=glob),
        revisions=ChosenRevisions(all_branches, all_tags, all_commits),
        run_cache=run_cache,
        verify=verify,
    )
    tell = render.terminal()
    plan = sync.plan_push(project, options, tell)
    if dry_run:
        _show_plan(plan, json=json)
    else:
        _show_result(sync.transfer(project, plan, tell), plan.direction, json=json)


class FetchType(Enum):
    """The kinds of data that `--type` knows, as they are written."""

    METRICS = "metrics"
    PLOTS = "plots"


_KINDS = {FetchType.METRICS: OutputKind.METRIC, FetchType.PLOTS: OutputKind.PLOT}


def fetch(
    targets: TargetsArgument = None,
    *,
    remote: RemoteOption = "",
    jobs: JobsOption = 0,
    all_branches: BranchesOption = False,
    all_tags: TagsOption = False,
    all_commits: CommitsOption = False,
    with_deps: WithDepsOption = False,
    recursive: RecursiveOption = False,
    glob: GlobOption = False,
    run_cache: RunCacheOption = False,
    max_size: Annotated[
        int, typer.Option("--max-size", metavar="BYTES", min=0, help="Download only data smaller than this.")
    ] = 0,
    types: Annotated[
        list[FetchType] | None,
        typer.Option("--type", help="Download only metrics or plots; can be repeated.", show_default=False),
    ] = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Download tracked data to the cache only.

    The workspace stays as it is. Every downloaded file is verified.

    Example: dvx fetch --all-branches
    """
    from dvx.ops.transfer import fetch as fetching

    project = find_project()
    options = SyncOptions(
        targets=tuple(targets or ()),
        remote=remote,
        jobs=jobs,
        select=SelectOptions(with_deps=with_deps, recursive=recursive, glob=glob),
        revisions=ChosenRevisions(all_branches, all_tags, all_commits),
        run_cache=run_cache,
        max_size=max_size,
        kinds=tuple(_KINDS[each] for each in types or ()),
    )
    tell = render.terminal()
    plan = sync.plan_fetch(project, options, tell)
    if dry_run:
        _show_plan(plan, json=json)
    else:
        _show_result(fetching.fetch(project, plan, tell), plan.direction, json=json)


def pull(
    targets: TargetsArgument = None,
    *,
    remote: RemoteOption = "",
    jobs: JobsOption = 0,
    all_branches: BranchesOption = False,
    all_tags: TagsOption = False,
    all_commits: CommitsOption = False,
    with_deps: WithDepsOption = False,
    recursive: RecursiveOption = False,
    glob: GlobOption = False,
    run_cache: RunCacheOption = False,
    force: ForceOption = False,
    allow_missing: AllowMissingOption = False,
    json: JsonOption = False,
) -> None:
    """Download tracked data and restore it in the workspace.

    The same as `dvx fetch` followed by `dvx checkout`.

    Example: dvx pull data/images
    """
    from dvx.ops.transfer import pull as pulling

    project = find_project()
    options = SyncOptions(
        targets=tuple(targets or ()),
        remote=remote,
        jobs=jobs,
        select=SelectOptions(with_deps=with_deps, recursive=recursive, glob=glob),
        revisions=ChosenRevisions(all_branches, all_tags, all_commits),
        run_cache=run_cache,
        force=force,
        allow_missing=allow_missing,
    )

    def complete(project: Project, paths: Sequence[str], tell: Tell) -> Iterable[tuple[str, Sequence[str]]]:
        # loads Git, which others do without
        from dvx.ops.imports.update import complete as complete_imports

        return complete_imports(project, paths, tell)

    result = pulling.pull(project, options, complete, render.terminal())
    if json:
        render.json(to_builtins(result))
    else:
        changes = {"A": result.checkout.added, "M": result.checkout.modified, "D": result.checkout.deleted}
        render.changes(changes)
        changed = sum(len(paths) for paths in changes.values())
        if changed or result.fetched.copied:
            render.note(f"{units.count(result.fetched.copied, 'object')} fetched, {units.count(changed, 'path')} changed")
        elif result.fetched.complete and not result.lacking and not result.completed:
            render.note("Everything is up to date.")
        for path in result.completed:
            render.note(f"Imported '{printable(project.shown(path))}'")
        tell_git(project, result.for_git)
    _show_problems(result.fetched)
    pulling.demand_pull(result, options)


def _show_plan(plan: SyncPlan, *, json: bool) -> None:
    if json:
        render.json([*map(_step, plan.steps), *map(_import, plan.imports)])
        return
    for one in plan.imports:
        render.note(f"{printable(one.path)} to fetch from where it was imported from ({redact(one.url)})")
    for step in plan.steps:
        for need in (*step.plan.files, *step.plan.trees):
            render.data(f"{need.digest}\t{printable(need.path)}")
        where = f" {'to' if plan.direction is Direction.PUSH else 'from'} `{step.remote}` ({step.url})" if step.remote else ""
        size = units.size(step.plan.bytes) if step.plan.is_sized else f"at least {units.size(step.plan.bytes)}"
        few = "about" if plan.direction is Direction.PUSH else "at most"
        about = f" ({size}, {few} {units.count(step.requests, 'request')})" if step.plan.count else ""
        render.note(
            f"{units.count(step.plan.count, 'object')} to {plan.direction.value}{where}{about}, {len(step.plan.missing)} missing"
        )


def _show_result(result: TransferResult, direction: Direction, *, json: bool) -> None:
    if json:
        render.json(to_builtins(result))
    elif result.copied:
        done = "pushed" if direction is Direction.PUSH else "fetched"
        render.note(f"{units.count(result.copied, 'object')} {done} ({units.size(result.bytes)})")
    elif result.complete:
        render.note("Everything is up to date.")
    _show_problems(result)
    sync.demand(result, direction)


def _show_problems(result: TransferResult) -> None:
    """One line a path, where the error message at the end cannot name them all."""
    lines = [f"failed: {printable(path)}: {reason}" for path, reason in result.failed]
    lines += [f"missing: {printable(path)}" for path in result.missing]
    lines += [f"incomplete: {printable(path)}" for path in result.withheld]
    lines += result.unread
    for line in lines if len(lines) > 1 else ():
        render.note(line)


def _import(one: Import) -> dict[str, Any]:
    return {"import": one.path, "url": redact(one.url), "rev": one.origin.commit if one.origin else "", "size": one.content.size}


def _step(step: Step) -> dict[str, Any]:
    groups = {"files": step.plan.files, "trees": step.plan.trees, "missing": step.plan.missing, "withheld": step.plan.withheld}
    rows = {
        name: [{"digest": str(need.digest), "path": need.path, "size": need.size} for need in needs]
        for name, needs in groups.items()
    }
    totals = {"objects": step.plan.count, "bytes": step.plan.bytes, "requests": step.requests}
    return {"remote": step.remote, "url": step.url, **totals, **rows}
