"""Data of other commits that is not where the workspace's configuration says: it may be where theirs does."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from dvx.errors import DvxError
from dvx.model.events import Notice, Tell
from dvx.model.setup.ini import parse
from dvx.model.setup.settings import Level, Setting, read_settings
from dvx.model.transfer.plan import TransferResult
from dvx.ops.tracked.sources import Source
from dvx.ops.tracked.walking import answers
from dvx.ops.transfer.scope import ChosenRevisions, chosen_commits
from dvx.ops.transfer.sync import SyncPlan, plan_fetch, transfer
from dvx.project import Project


def fetch_elsewhere(project: Project, plan: SyncPlan, result: TransferResult, tell: Tell) -> TransferResult:
    """Look for what a fetch did not find at the remotes that the commits themselves name; returns what came of both.

    It is as if each of those commits was checked out: what their configuration says of remotes counts as that of a tracked file.
    """
    options = replace(plan.options, run_cache=False)
    for settings, commits in _configured(project, options.revisions):
        try:
            there = replace(project, config=project.config.having(_tracking(project, settings)))
            found = plan_fetch(there, replace(options, revisions=ChosenRevisions(commits=commits, workspace=False)))
            done = transfer(there, replace(found, imports=()), tell)
        except DvxError as error:
            tell(Notice(f"the remotes of {commits[0][:7]} were not looked at: {error.message}", error.hint))
            continue
        result = replace(result, copied=result.copied + done.copied, bytes=result.bytes + done.bytes)
    left = plan_fetch(project, options)
    lacking = {need.path for step in left.steps for need in (*step.plan.files, *step.plan.trees, *step.plan.missing)}
    return replace(
        result,
        failed=tuple(one for one in result.failed if one[0] in lacking),
        missing=tuple(path for path in result.missing if path in lacking),
        withheld=tuple(path for path in result.withheld if path in lacking),
    )


def _configured(project: Project, revisions: ChosenRevisions) -> Iterator[tuple[list[Setting], tuple[str, ...]]]:
    """What tracked files of commits say of remotes, where that is not what the workspace's says, and the commits."""
    file = f"{project.dialect.folder}/config"
    commits = chosen_commits(project, revisions)
    if project.git is None or not commits:
        return
    by_text: dict[str, list[str]] = {}
    for commit, text in answers(project, project.git, commits, lambda source, _: _text(source, file)):
        by_text.setdefault(text, []).append(commit)
    here = _said([one for one in project.config.given if one.level is Level.REPO])
    for text, named in by_text.items():
        try:
            settings = list(read_settings(parse(text, file), Level.REPO, file))
        except DvxError:
            continue
        if _said(settings) != here:
            yield settings, tuple(named)


def _text(source: Source, file: str) -> str:
    return (source.read(file) or b"").decode("utf-8", "replace")


def _tracking(project: Project, settings: list[Setting]) -> list[Setting]:
    """All settings, those of the tracked file replaced."""
    order = list(Level)
    others = [one for one in project.config.given if one.level is not Level.REPO]
    return sorted((*others, *settings), key=lambda one: order.index(one.level))


def _said(settings: list[Setting]) -> set[tuple[str, str]]:
    """What settings say of remotes."""
    return {(str(one.name), one.text) for one in settings if one.name.section == "remote" or str(one.name) == "core.remote"}
