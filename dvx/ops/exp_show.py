"""exp show: params, metrics, dependencies and outputs of the workspace, of commits and of their experiments.

What a commit says never changes, so it is computed once and kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from dvx.errors import DvxError
from dvx.git import CommitInfo, Git
from dvx.model.experiment import Experiment
from dvx.model.pointer import Kind, Recorded
from dvx.ops.experiments import Scope, all_experiments, baselines_of, git_of, head_of
from dvx.ops.index import Index, load_index
from dvx.ops.metrics import observed
from dvx.ops.revisions import Revisions
from dvx.ops.source import Source, Workspace
from dvx.project import Project
from dvx.store.rows import RowCache

_PORTION = 200
_EDITION = "1"


class ShowOptions(Struct, frozen=True):
    """Which rows: the scope, and the tips of all branches or tags; `fresh` believes nothing that was kept."""

    scope: Scope = field(default_factory=Scope)
    branches: bool = False
    tags: bool = False
    workspace: bool = True
    param_deps: bool = False
    fresh: bool = False


class Row(Struct, frozen=True):
    """The workspace, a commit or an experiment. `data` holds `params`, `metrics`, `deps` and `outs` by path, as DVC's JSON does;
    it is None, and `error` is not, when the pipeline cannot be read. `created` is in seconds since the epoch."""

    revision: str
    name: str
    created: int | None
    data: Mapping[str, Any] | None
    error: Mapping[str, str] | None


class Baseline(Struct, frozen=True):
    """A commit, or the workspace, and the experiments that started from it."""

    row: Row
    experiments: tuple[Row, ...] = ()


def show(project: Project, options: ShowOptions) -> tuple[Baseline, ...]:
    """The workspace (if wanted), then each baseline with its experiments, the newest first."""
    git = git_of(project)
    head_of(git)
    baselines = _baselines(git, options)
    experiments = [one for one in all_experiments(git) if one.ref.baseline in set(baselines)]
    commits = list(dict.fromkeys([*baselines, *(one.commit for one in experiments)]))
    bodies = _bodies(project, git, commits, options)
    names, info = git.names(baselines), git.info(baselines)
    shown = [_baseline(one, names.get(one, ""), info, bodies, experiments) for one in baselines]
    if options.workspace:
        body = body_of(project, Workspace(project), param_deps=options.param_deps)
        shown.insert(0, Baseline(Row("workspace", "", None, body["data"], body["error"])))
    return tuple(shown)


def _baselines(git: Git, options: ShowOptions) -> list[str]:
    if options.scope.everything:
        return git.all_commits()
    prefixes = [*(["refs/heads/"] if options.branches else []), *(["refs/tags/"] if options.tags else [])]
    return list(dict.fromkeys([*baselines_of(git, options.scope), *(git.tips(*prefixes) if prefixes else [])]))


def _baseline(
    commit: str,
    name: str,
    info: Mapping[str, CommitInfo],
    bodies: Mapping[str, Mapping[str, Any]],
    experiments: Sequence[Experiment],
) -> Baseline:
    below = (
        Row(one.commit, one.ref.name, one.created, bodies[one.commit]["data"], bodies[one.commit]["error"])
        for one in experiments
        if one.ref.baseline == commit
    )
    return Baseline(Row(commit, name, info[commit].time, bodies[commit]["data"], bodies[commit]["error"]), tuple(below))


def _bodies(project: Project, git: Git, commits: Sequence[str], options: ShowOptions) -> dict[str, Any]:
    """The body of each commit, from what was kept where that is possible."""
    kept = RowCache(os.path.join(project.state, "rows.db"))
    keys = {commit: f"{_EDITION}:{int(options.param_deps)}:{git.prefix}:{commit}" for commit in commits}
    known = {} if options.fresh else kept.get_many(keys.values())
    bodies = {commit: json.loads(known[key]) for commit, key in keys.items() if key in known}
    missing = [commit for commit in commits if commit not in bodies]
    for start in range(0, len(missing), _PORTION):
        portion = missing[start : start + _PORTION]
        revisions = Revisions(project, git, portion)
        for commit in portion:
            bodies[commit] = body_of(project, revisions.source(commit), param_deps=options.param_deps)
        kept.put_many({keys[commit]: json.dumps(bodies[commit]) for commit in portion if _is_lasting(bodies[commit])})
    return bodies


def _is_lasting(body: Mapping[str, Any]) -> bool:
    """Whether a body will be the same tomorrow: an object that is absent today may arrive, so errors are not kept."""
    data = body["data"]
    return data is not None and all("error" not in file for kind in ("params", "metrics") for file in data[kind].values())


def body_of(project: Project, source: Source, *, param_deps: bool) -> dict[str, Any]:
    """What a source says: `data`, or else `error`."""
    try:
        index = load_index(project, source)
        seen = observed(project, source, index, param_deps=param_deps)
    except DvxError as error:
        return {"data": None, "error": {"msg": error.message, "type": type(error).__name__}}
    params = {path: one.document() for path, one in seen.params.items()}
    metrics = {path: one.document() for path, one in seen.metrics.items()}
    return {"data": {"params": params, "metrics": metrics, "deps": _deps(index), "outs": _outs(index)}, "error": None}


def _deps(index: Index) -> dict[str, Any]:
    found = {}
    for stage in index.stages.values():
        state = index.state(stage)
        for path in stage.deps:
            found[path] = _facts(state.deps.get(path) if state else None)
    for pointer in index.pointers.values():
        found |= {recorded.path: _facts(recorded) for recorded in pointer.deps}
    return found


def _outs(index: Index) -> dict[str, Any]:
    return {
        tracked.output.path: _facts(tracked.recorded)
        | {"use_cache": tracked.output.cached, "is_data_source": tracked.owner in index.pointers}
        for tracked in index.tracked
        if tracked.output.kind is Kind.DATA
    }


def _facts(recorded: Recorded | None) -> dict[str, Any]:
    content = recorded.content if recorded else None
    if content is None:
        return {"hash": None, "size": None, "nfiles": None}
    return {"hash": content.digest.hex, "size": content.size, "nfiles": content.files}
