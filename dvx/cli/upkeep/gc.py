"""The commands that look after the stores: gc, fsck."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from dvx.cli.common import JobsOption, JsonOption, RemoteOption, find_project
from dvx.cli.setup import complete
from dvx.cli.terminal import render, screen, units
from dvx.errors import Corrupted, UsageError
from dvx.model.paths import printable
from dvx.model.upkeep.fsck import Finding, Flaw, Report
from dvx.model.upkeep.gc import GcPlan, PackFate, parse_age
from dvx.ops.upkeep.fsck import FsckOptions
from dvx.ops.upkeep.fsck import fsck as check
from dvx.ops.upkeep.gc import Collection, GcOptions, collect, plan
from dvx.ops.upkeep.reachable import HistoryScope


def gc(
    *,
    workspace: Annotated[bool, typer.Option("--workspace", "-w", help="Keep only data used in the workspace.")] = False,
    rev: Annotated[
        list[str] | None,
        typer.Option("--rev", help="Keep data used in this revision.", autocompletion=complete.commits, show_default=False),
    ] = None,
    num: Annotated[
        int, typer.Option("--num", "-n", help="Also keep data used in that many commits before `--rev` or `-a` (negative: all).")
    ] = 1,
    all_branches: Annotated[
        bool, typer.Option("--all-branches", "-a", help="Keep data used in the latest commit of every branch.")
    ] = False,
    all_tags: Annotated[bool, typer.Option("--all-tags", "-T", help="Keep data used in tags.")] = False,
    all_commits: Annotated[
        bool, typer.Option("--all-commits", "-A", help="Keep data used in any commit of branches and tags.")
    ] = False,
    date: Annotated[str, typer.Option("--date", metavar="YYYY-MM-DD", help="Keep data used in commits since this date.")] = "",
    all_experiments: Annotated[bool, typer.Option("--all-experiments", help="Keep data used in experiments.")] = False,
    not_in_remote: Annotated[
        bool, typer.Option("--not-in-remote", help="Also delete cached data that the remote has a copy of.")
    ] = False,
    cloud: Annotated[bool, typer.Option("--cloud", "-c", help="Delete unused data from the remote, too.")] = False,
    remote: RemoteOption = "",
    skip_failed: Annotated[bool, typer.Option("--skip-failed", help="Skip revisions and files that cannot be read.")] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Do not ask for confirmation.")] = False,
    jobs: JobsOption = 0,
    projects: Annotated[
        list[str] | None,
        typer.Option(
            "--projects",
            "-p",
            help="Keep data used in this project, too, which shares the cache; can be repeated.",
            autocompletion=complete.folders,
            show_default=False,
        ),
    ] = None,
    grace: Annotated[
        str, typer.Option("--grace", help="Minimum age of unused data before it is deleted: `14d`, `12h`, `0` (default: 14d).")
    ] = "14d",
    dry_run: Annotated[bool, typer.Option("--dry", "--dry-run", help="Show what would be deleted without deleting it.")] = False,
    json: JsonOption = False,
) -> None:
    """Delete cached data that no commit, branch or experiment uses.

    Without `-f` it lists what would be deleted and asks; without a terminal to ask at, it only lists.

    Without a choice of revisions all is kept that Git keeps: branches, tags, experiments, reflogs. With a choice, what only
    other commits name goes. Workspaces, indexes, stashes and experiments that are queued or run count always.

    Where the list of files of a folder cannot be read, here or at its remote, all files that it may hold stay, too.

    Nothing goes that was touched in the last 14 days, or is hard-linked to a file: a command that runs right now may be about
    to name it. Use `--grace 0` only when nothing else works in this cache. On a remote, what others pushed counts only if
    their commits were fetched. Earlier runs leave the run-cache when they were not restored for 180 days, and the oldest
    when all take more than 64 MiB.

    Example: dvx gc --all-branches --all-tags
    """
    project, tell = find_project(), render.terminal()
    scope = HistoryScope(workspace, tuple(rev or ()), num, all_branches, all_tags, all_commits, all_experiments, _moment(date))
    options = GcOptions(scope, parse_age(grace), cloud, not_in_remote, remote, jobs, tuple(projects or ()), skip_failed)
    shown = plan(project, options, tell)
    if force and not dry_run:
        _tell_done(collect(project, options, shown, tell), json=json)
    elif not dry_run and shown.count and not json and _can_ask():
        _show(shown, json=json)
        screen.confirm("Remove them for good?", abort=True)
        _tell_done(collect(project, options, shown, tell), json=False)
    else:
        _show(shown, json=json)
        render.note("Nothing was removed." if dry_run or not shown.count else "Nothing was removed; use `-f` to do it.")


def fsck(
    *,
    remote: Annotated[
        str, typer.Option("--remote", "-r", help="Verify the data in this remote, too.", autocompletion=complete.remotes)
    ] = "",
    heal: Annotated[
        bool, typer.Option("--heal/--no-heal", help="Repair corrupted files: quarantine them and restore good copies.")
    ] = True,
    jobs: JobsOption = 0,
    json: JsonOption = False,
) -> None:
    """Verify stored data and repair corrupted files.

    Reads every file and compares its contents with its hash, and checks all pointer, lock and folder records.

    Wrong bytes go to `quarantine` in the cache. Good copies come from the workspace and from remotes. Nothing is changed with
    `--no-heal`. Exits with 1 when something that is needed stays broken.

    Example: dvx fsck --remote storage
    """
    report = check(find_project(), FsckOptions(remote, heal, jobs), render.terminal())
    if json:
        findings = [_finding(finding) for finding in report.findings]
        render.json({"objects": report.objects, "bytes": report.bytes, "broken": len(report.broken), "findings": findings})
    else:
        _show_report(report)
    if report.broken:
        first = report.broken[0]
        what = f"`{printable(first.path)}` ({first.flaw.value})" if first.path else printable(first.subject)
        more = f" and {len(report.broken) - 1} more" if len(report.broken) > 1 else ""
        hint = (
            "restore it from a backup or another clone" if first.flaw is not Flaw.DENIED else "ask its owner to let you read it"
        )
        raise Corrupted(f"needed and broken: {what}{more}", f"{hint}, and run `dvx fsck` again")


def _show_report(report: Report) -> None:
    for finding in report.findings:
        where = f"{finding.store}: " if finding.store else ""
        path = f", needed by {printable(finding.path)}" if finding.path else ""
        mended = f", healed from {finding.healed}" if finding.healed else ""
        render.data(f"{where}{finding.flaw.value}: {printable(finding.subject)}{path}{mended}")
    healed = sum(bool(finding.healed) for finding in report.findings)
    found = f"{units.count(len(report.findings), 'finding')}, {healed} healed, {len(report.broken)} needed and broken"
    render.note(f"{units.count(report.objects, 'object')} read ({units.size(report.bytes)}): {found}")


def _finding(finding: Finding) -> dict[str, Any]:
    plain = {name: getattr(finding, name) for name in ("subject", "path", "store", "healed", "aside")}
    return {"flaw": finding.flaw.value, **plain, "broken": finding.is_broken}


def _moment(date: str) -> float | None:
    if not date:
        return None
    try:
        return datetime.fromisoformat(date).timestamp()
    except ValueError:
        raise UsageError(f"`{date}` is no date", "write it as `2024-12-31`") from None


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _show(shown: Collection, *, json: bool) -> None:
    if json:
        render.json(_as_json(shown))
        return
    for where, part in _stores(shown):
        for stored in part.objects:
            render.data(f"{where}\t{stored.digest}\t{stored.size}")
        for pack in part.packs:
            render.data(f"{where}\tpack {pack.name}\t{pack.size}\t{_fate(pack)}")
        for name in part.runs:
            render.data(f"{where}\t{name}")
        size = units.size(part.size)
        packs = f" and {units.count(len(part.packs), 'pack')} to look after" if part.packs else ""
        render.note(f"{where}: {units.count(len(part.objects), 'object')} to remove{packs} ({size}), {_kept(part)}")
    if shown.historic:
        render.note(f"Of those in the cache, {shown.historic:,} are named by commits that you chose to leave out.")


def _tell_done(done: Collection, *, json: bool) -> None:
    if json:
        render.json(_as_json(done))
        return
    for where, part in _stores(done):
        for pack in part.packs:
            render.note(f"{where}: pack {pack.name}: {_fate(pack)}")
        if part.runs:
            render.note(f"{where}: removed {units.count(len(part.runs), 'earlier run')} from the run-cache")
        if not part.is_empty:
            render.note(f"{where}: removed {units.count(len(part.objects), 'object')} ({units.size(part.size)}), {_kept(part)}")
        else:
            render.note(f"{where}: nothing to remove, {_kept(part)}")


def _fate(pack: PackFate) -> str:
    if "." in pack.name:
        return "removed: an interrupted command left half a pack"
    if pack.final:
        return "removed: all that is needed of it is in other packs" if pack.kept else "removed: nothing needs it"
    return f"to go later: {pack.gone:,} of its objects are not needed, {len(pack.kept):,} packed anew"


def _kept(plan: GcPlan) -> str:
    young = f", {plan.young:,} too young to go" if plan.young else ""
    return f"{plan.kept:,} kept{young}"


def _stores(collection: Collection) -> list[tuple[str, GcPlan]]:
    return [("cache", collection.cache), *((f"remote {name}", plan) for name, plan in collection.remotes)]


def _as_json(collection: Collection) -> dict[str, Any]:
    def plain(plan: GcPlan) -> dict[str, Any]:
        removed = [{"digest": str(stored.digest), "size": stored.size} for stored in plan.objects]
        return {"removed": removed, "size": plan.size, "kept": plan.kept, "unsure": plan.unsure, "young": plan.young}

    def packs(plan: GcPlan) -> dict[str, Any]:
        rows = [
            {"pack": one.name, "size": one.size, "repacked": 0 if one.final else len(one.kept), "final": one.final}
            for one in plan.packs
        ]
        return {"packs": rows} if rows else {}

    remotes = {name: plain(plan) | packs(plan) for name, plan in collection.remotes}
    return {"cache": plain(collection.cache), "remotes": remotes, "historic": collection.historic}
