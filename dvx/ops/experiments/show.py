"""exp show: params, metrics, dependencies and outputs of the workspace, of commits and of their experiments.

What a commit says never changes, so it is computed once and kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from msgspec import Struct, field

from dvx.errors import GitError
from dvx.git import CommitInfo, Git
from dvx.model.experiments.refs import Experiment
from dvx.model.kept import read_bodies
from dvx.model.pipelines.run import FAILURES, Place, Run, State
from dvx.ops.experiments.body import Body, body_of, body_so_far
from dvx.ops.experiments.refs import BaselineScope, all_experiments, baselines_of
from dvx.ops.pipelines.run_record import known_experiments
from dvx.ops.tracked.refs import git_of
from dvx.ops.tracked.sources import Source, Workspace
from dvx.ops.tracked.walking import answers
from dvx.ops.transfer.on_demand import OnDemand
from dvx.project import Project
from dvx.store.rows import RowCache

_PORTION = 20_000
_EDITION = "3"


class Hide(Enum):
    """Experiments to leave out, by where they are."""

    QUEUED = "queued"
    RUNNING = "running"
    FAILED = "failed"
    DONE = "done"


class ShowOptions(Struct, frozen=True):
    """Which rows: the scope, and the tips of all branches or tags; `fresh` believes nothing that was kept."""

    scope: BaselineScope = field(default_factory=BaselineScope)
    branches: bool = False
    tags: bool = False
    workspace: bool = True
    param_deps: bool = False
    fresh: bool = False
    hide: frozenset[Hide] = frozenset()


class Executor(Struct, frozen=True):
    """Who runs an experiment that is not done, or ran it until it failed: `place` is `workspace` or the dialect's `queue_name`.
    `root` is where it works, `log` what it wrote; empty where there is none.
    """

    state: State
    place: str
    task: str = ""
    root: str = ""
    log: str = ""


class ExperimentRow(Struct, frozen=True):
    """The workspace, a commit or an experiment. `data` holds `params`, `metrics`, `deps` and `outs` by path, as DVC's JSON does;
    it is None, and `error` is not, when the pipeline cannot be read. `created` is in seconds since the epoch."""

    revision: str
    name: str
    created: int | None
    data: Mapping[str, Any] | None
    error: Mapping[str, str] | None
    executor: Executor | None = None


class Baseline(Struct, frozen=True):
    """A commit, or the workspace, and the experiments that started from it."""

    row: ExperimentRow
    experiments: tuple[ExperimentRow, ...] = ()


def show(project: Project, options: ShowOptions, demand: OnDemand | None = None) -> tuple[Baseline, ...]:
    """The workspace (if wanted), then each baseline with its experiments, the newest first; nothing before the first commit."""
    git = git_of(project)
    if git.head() is None:
        return ()
    demand = demand or OnDemand(project)
    # first what is not done: what ends meanwhile is among the others then
    tasks = _unfinished(project)
    known = all_experiments(git)
    baselines = _baselines(git, known, options)
    wanted = set(baselines)
    waiting = _pending(project, git, [one for one in tasks if one.baseline in wanted], options, demand)
    experiments = [one for one in known if one.ref.baseline in wanted and Hide.DONE not in options.hide]
    names, info = git.names(baselines), git.info(baselines)
    commits = dict.fromkeys([*(one for one in baselines if one in info), *(one.commit for one in experiments)])
    bodies = _bodies(project, git, list(commits), options, demand)
    rows: dict[str, list[ExperimentRow]] = {}
    done = {(one.ref.baseline, one.ref.name): one.created for one in experiments}
    for baseline, row in waiting.get(Hide.RUNNING, ()):
        if done.get((baseline, row.name), 0) < (row.created or 0):
            rows.setdefault(baseline, []).append(row)
    for one in experiments:
        body = bodies[one.commit]
        rows.setdefault(one.ref.baseline, []).append(
            ExperimentRow(one.commit, one.ref.name, one.created, body["data"], body["error"])
        )
    # what failed first and was recorded in the end is one experiment
    failed = [(baseline, row) for baseline, row in waiting.get(Hide.FAILED, ()) if (baseline, row.name) not in done]
    for baseline, row in (*waiting.get(Hide.QUEUED, ()), *failed):
        rows.setdefault(baseline, []).append(row)
    shown = [_baseline(one, names.get(one, ""), info, bodies, rows.get(one, ())) for one in baselines]
    if options.workspace:
        body = _read(project, ("",), options, demand)[""]
        shown.insert(0, Baseline(ExperimentRow("workspace", "", None, body["data"], body["error"])))
    return tuple(shown)


def _baselines(git: Git, known: Iterable[Experiment], options: ShowOptions) -> list[str]:
    if options.scope.everything:
        # a baseline that no branch has any more, after a rebase, still has its experiments
        gone = {one.ref.baseline for one in known}
        reachable = git.all_commits()
        return [*reachable, *sorted(gone.difference(reachable))]
    prefixes = [*(["refs/heads/"] if options.branches else []), *(["refs/tags/"] if options.tags else [])]
    return list(dict.fromkeys([*baselines_of(git, options.scope), *(git.tips(*prefixes) if prefixes else [])]))


def _baseline(
    commit: str, name: str, info: Mapping[str, CommitInfo], bodies: Mapping[str, Mapping[str, Any]], rows: Sequence[ExperimentRow]
) -> Baseline:
    if commit not in info:
        error = {"msg": "this repository does not have the commit", "type": GitError.__name__}
        return Baseline(ExperimentRow(commit, name, None, None, error), tuple(rows))
    return Baseline(ExperimentRow(commit, name, info[commit].time, bodies[commit]["data"], bodies[commit]["error"]), tuple(rows))


def _unfinished(project: Project) -> list[Run]:
    return [one for one in known_experiments(project) if one.state is not State.SUCCESS]


def _pending(
    project: Project, git: Git, tasks: Sequence[Run], options: ShowOptions, demand: OnDemand
) -> dict[Hide, list[tuple[str, ExperimentRow]]]:
    """Experiments that are not done, with their baselines."""
    found: dict[Hide, list[tuple[str, ExperimentRow]]] = {}
    if not tasks:
        return found
    from dvx.ops.experiments.pending import pending

    def bodies(commits: Sequence[str]) -> dict[str, Any]:
        known = _bodies(project, git, commits, options, demand)
        return {commit: body["data"] for commit, body in known.items() if body["data"] is not None}

    def now(place: Project, run: Run) -> Any:
        return body_so_far(place, run, param_deps=options.param_deps)

    for one in pending(project, tasks, bodies, now):
        kind = Hide.FAILED if one.task.state in FAILURES else Hide.QUEUED if one.task.state is State.QUEUED else Hide.RUNNING
        if kind in options.hide:
            continue
        place = one.task.place.value if one.task.place is Place.WORKSPACE else project.dialect.queue_name
        error = {"msg": one.task.error or "Experiment run failed", "type": ""} if kind is Hide.FAILED else None
        executor = Executor(one.task.state, place, one.task.ident, one.root, one.log)
        row = ExperimentRow(one.task.ident, one.task.name, int(one.task.created), one.data, error, executor)
        found.setdefault(kind, []).append((one.task.baseline, row))
    return found


def _bodies(project: Project, git: Git, commits: Sequence[str], options: ShowOptions, demand: OnDemand) -> dict[str, Any]:
    """The body of each commit, from what was kept where that is possible."""
    kept = RowCache(os.path.join(project.state, "rows.db"))
    keys = {commit: f"{_EDITION}:{int(options.param_deps)}:{git.prefix}:{commit}" for commit in commits}
    marks = {} if options.fresh else kept.get_many(keys.values())
    texts = kept.get_many({f"{_EDITION}:{mark}" for mark in marks.values()}) if marks else {}
    known = {key: body for key, text in texts.items() if (body := _kept(text)) is not None}
    names = {commit: f"{_EDITION}:{marks[key]}" for commit, key in keys.items() if key in marks}
    bodies = {commit: known[name] for commit, name in names.items() if name in known}
    missing = [commit for commit in commits if commit not in bodies]
    for start in range(0, len(missing), _PORTION):
        portion = missing[start : start + _PORTION]
        found = _read(project, portion, options, demand)
        bodies |= found
        lasting = _marks(found)
        rows = {keys[commit]: lasting[id(body)][0] for commit, body in found.items() if id(body) in lasting}
        kept.put_many({f"{_EDITION}:{mark}": text for mark, text in lasting.values()} | rows)
    return bodies


def _read(project: Project, commits: Sequence[str], options: ShowOptions, demand: OnDemand) -> dict[str, Any]:
    """The bodies of commits (the empty one is the workspace), for which small files are fetched."""

    def answer(source: Source, _: str = "") -> Body:
        return body_of(project, source, param_deps=options.param_deps)

    def read(wanted: Sequence[str]) -> dict[str, Body]:
        found = {commit: answer(Workspace(project)) for commit in wanted if not commit}
        return found | dict(answers(project, git_of(project), list(filter(None, wanted)), answer))

    return {commit: body.document for commit, body in demand.read_many(commits, read, lambda body: body.lacking).items()}


def _marks(bodies: Mapping[str, Any]) -> dict[int, tuple[str, str]]:
    """The texts of bodies that are to be kept, and names for them, by the body's identity: many commits share one."""
    found = {}
    for ident, body in {id(body): body for body in bodies.values()}.items():
        if _is_lasting(body):
            text = json.dumps(body)
            found[ident] = hashlib.blake2b(text.encode(), digest_size=16).hexdigest(), text
    return found


def _kept(text: str) -> dict[str, Any] | None:
    try:
        return read_bodies(text)
    except ValueError:
        return None


def _is_lasting(body: Mapping[str, Any]) -> bool:
    """Whether a body will be the same tomorrow: an object that is absent today may arrive, so errors are not kept."""
    data = body["data"]
    return data is not None and all("error" not in file for kind in ("params", "metrics") for file in data[kind].values())
