"""exp apply: give the workspace what an experiment changed; HEAD and Git's index stay, unsaved bytes go to the trash."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from msgspec import Struct

from dvx.config.own import is_private
from dvx.errors import AtRisk, MissingData, UnsafePath
from dvx.git import Git
from dvx.model.events import Notice, Tell
from dvx.model.experiments.refs import Experiment
from dvx.model.paths import listed, parent, printable
from dvx.model.upkeep.undo_facts import Stays
from dvx.ops.experiments.merge import on_top
from dvx.ops.experiments.refs import all_experiments, find_recorded, head_of
from dvx.ops.experiments.run import scratch_index
from dvx.ops.tracked.index import Selected, load_index
from dvx.ops.tracked.refs import git_of
from dvx.ops.tracked.sources import Revision
from dvx.ops.workspace.checkout import CheckoutResult, recorded, restore
from dvx.ops.workspace.detach import to_trash
from dvx.project import Project
from dvx.store import files
from dvx.store.durable import barrier


class Applied(Struct, frozen=True):
    """What `apply` did: the files of Git that changed or went, and the outputs that were checked out."""

    experiment: Experiment
    files: tuple[str, ...]
    outputs: CheckoutResult


class _Plan(Struct, frozen=True):
    """`write` are files to take from the commit, `delete` files to remove, `lost` what is there and in no commit."""

    commit: str
    write: tuple[str, ...]
    delete: tuple[str, ...]
    lost: tuple[str, ...]


def apply(project: Project, name: str, tell: Tell, *, force: bool, theirs: bool = False) -> Applied:
    """Make all files that Git tracks, and all outputs, be as they are with what the experiment changed on top of HEAD.

    With `theirs`, they are as they were in the experiment, whatever came after its baseline.

    Data comes before the files that name it, so that an interrupted `apply` is finished by the same command.

    Raises:
        UnknownTarget: there is no such experiment.
        UnsafePath: it holds files that belong to dvx alone.
        DvxError: the experiment and later commits changed the same lines; nothing was changed.
        AtRisk: without `force`, changes would be lost that are in no commit; nothing was changed.
        MissingData: the cache lacks outputs; everything else was applied.
    """
    git = git_of(project)
    experiment = find_recorded(project, name)
    with scratch_index(project, git) as index:
        commit = experiment.commit if theirs else on_top(project, git, experiment, head_of(git), index, tell)
        plan = _plan(project, git, commit, index)
        _refuse_private(experiment, plan)
        if plan.lost and not force:
            raise AtRisk(
                f"applying `{experiment.ref.name}` would overwrite changes that are in no commit: {listed(plan.lost)}",
                plan.lost,
                "commit them, or leave out `--no-force`: they go to the trash then",
            )
        try:
            outputs = _restore_outputs(project, commit, tell, force=force)
        except MissingData:
            _write_files(project, git, plan, index, tell)
            raise
        _write_files(project, git, plan, index, tell)
    return Applied(experiment, (*plan.write, *plan.delete), outputs)


def _plan(project: Project, git: Git, commit: str, index: str) -> _Plan:
    head = head_of(git)
    seen = git.compare(index, commit)
    stale = [path for path in git.gone(head, commit) if _is_file(project, path)]
    blocked = _obstacles(project, (*seen.changed, *seen.absent))
    present = [path for path in (*seen.changed, *stale) if path not in blocked]
    lost = (*_unsaved(project, git, present), *blocked)
    return _Plan(commit, (*seen.changed, *seen.absent), tuple(stale), tuple(dict.fromkeys(lost)))


def _refuse_private(experiment: Experiment, plan: _Plan) -> None:
    path = next((path for path in (*plan.write, *plan.delete) if is_private(path)), "")
    if path:
        name = experiment.ref.name
        text = (
            f"the experiment `{name}` holds `{printable(path)}`, a file that dvx keeps for each user and takes from nobody else"
        )
        raise UnsafePath(text, f"take its other files with Git: `git restore --source {experiment.commit[:10]} PATH`")


def _obstacles(project: Project, paths: Iterable[str]) -> list[str]:
    """What stands where a file belongs and is none, or where a folder belongs and is none."""
    found: dict[str, None] = {}
    for path in paths:
        if os.path.isdir(project.abs(path)) and not os.path.islink(project.abs(path)):
            found[path] = None
        above = parent(path)
        while above:
            place = project.abs(above)
            if os.path.lexists(place) and (os.path.islink(place) or not os.path.isdir(place)):
                found[above] = None
            above = parent(above)
    return list(found)


def _unsaved(project: Project, git: Git, paths: Sequence[str]) -> list[str]:
    """Those of the files whose bytes are neither in HEAD nor in an experiment, under the same path."""
    plain = [path for path in paths if _is_file(project, path)]
    if not plain:
        return [path for path in paths if os.path.lexists(project.abs(path))]
    commits = [head_of(git), *(experiment.commit for experiment in all_experiments(git))]
    saved = git.blob_ids(list(dict.fromkeys(commits)), plain)
    now = git.hashed(plain)
    return [path for path in paths if path not in now or now[path] not in saved[path]]


def _restore_outputs(project: Project, commit: str, tell: Tell, *, force: bool) -> CheckoutResult:
    index = load_index(project, Revision(project, commit))
    contents, _ = recorded(Selected(tracked) for tracked in index.tracked)
    return restore(project, contents, tell, force=force)


def _write_files(project: Project, git: Git, plan: _Plan, index: str, tell: Tell) -> None:
    for path in plan.lost:
        to_trash(project, path)
    project.trash.settle()
    if plan.lost:
        place = os.path.relpath(project.trash.root, project.root)
        tell(Notice(f"unsaved changes went to the trash: {listed(plan.lost)}", f"they are kept there for 14 days, in `{place}`"))
    _note(project, git, (*plan.write, *plan.delete), plan.commit)
    git.write_files(index, plan.write)
    for path in plan.delete:
        if path.startswith("../"):
            files.remove(project.abs(path))
        else:
            project.drop(path)
    barrier([project.abs(path) for path in plan.write if _is_file(project, path)], project.root)


def _note(project: Project, git: Git, paths: Sequence[str], commit: str) -> None:
    """Let `undo` know what the files are about to hold, and what they hold now."""
    if outside := next((path for path in paths if path.startswith("../")), ""):
        project.undo.note(Stays(f"it changed files outside of the project: `{printable(outside)}`"))
    named = git.listing(commit)
    data = git.blobs({named[path] for path in paths if path in named})
    for path in paths:
        if path in named and not os.path.islink(project.abs(path)):
            project.undo.writes(path, project.abs(path), data[named[path]])


def _is_file(project: Project, path: str) -> bool:
    place = project.abs(path)
    return os.path.isfile(place) and not os.path.islink(place)
