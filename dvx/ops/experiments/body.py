"""What one state of the project says: params, metrics, dependencies and outputs, as DVC's JSON has them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError
from dvx.model.imports.dataset import is_dataset
from dvx.model.paths import located, parent
from dvx.model.pipelines.evidence import evidence
from dvx.model.pipelines.run import Run
from dvx.model.tracked.pointer import OutputKind, Recorded
from dvx.ops.compare.metrics import observed
from dvx.ops.pipelines.run_record import done_stages
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.sources import Source, Workspace
from dvx.project import Project


class Body(Struct, frozen=True):
    """What a source says: a document with `data`, or else `error`; and the files that only a remote may have."""

    document: dict[str, Any]
    lacking: tuple[str, ...] = ()


def body_of(project: Project, source: Source, *, param_deps: bool, done: Collection[str] | None = None) -> Body:
    """What a source says. Of outputs, only those of the stages that were `done`, if that is given."""
    try:
        index = load_index(project, source)
        if done is not None:
            index = _of_done(index, done)
        seen = observed(project, source, index, param_deps=param_deps)
    except DvxError as error:
        return Body({"data": None, "error": {"msg": error.message, "type": type(error).__name__}})
    params = {path: one.document() for path, one in seen.params.items()}
    metrics = {path: one.document() for path, one in seen.metrics.items() if done is None or _is_made(index, path)}
    data = {"params": params, "metrics": metrics, "deps": _deps(project, index), "outs": _outs(index)}
    return Body({"data": data, "error": None}, tuple(seen.lacking()))


def body_so_far(place: Project, run: Run, *, param_deps: bool = False) -> dict[str, Any] | None:
    """What a work tree says of an experiment that runs in it, or failed: params, and what came of stages that are done.

    What lies about of earlier runs is left out.
    """
    body = body_of(place, Workspace(place), param_deps=param_deps, done=done_stages(place, run))
    data: dict[str, Any] | None = body.document["data"]
    return data


def _of_done(index: Index, done: Collection[str]) -> Index:
    """The index without what the locks say of other stages."""
    locks = {}
    for path, lock in index.locks.items():
        here = {one.name for address, one in index.stages.items() if address in done and parent(one.file) == parent(path)}
        locks[path] = replace(lock, stages={name: state for name, state in lock.stages.items() if name in here})
    return replace(index, locks=locks)


def _is_made(index: Index, path: str) -> bool:
    owner = index.owner_of(path)
    return owner is not None and owner.recorded is not None


def _deps(project: Project, index: Index) -> dict[str, Any]:
    found = {}
    for stage in index.stages.values():
        state = index.state(stage)
        for path in (path for path in stage.deps if not is_dataset(path)):
            found[path] = _facts(state.deps.get(path) if state else None)
    for pointer in index.pointers.values():
        for recorded in pointer.deps:
            if recorded.extras.keys().isdisjoint(("repo", "db")):
                found[located(recorded.path, "", project.root)] = _facts(recorded)
    return found


def _outs(index: Index) -> dict[str, Any]:
    found = {
        tracked.output.path: _facts(tracked.recorded)
        | {"use_cache": tracked.output.cached, "is_data_source": tracked.owner in index.pointers}
        for tracked in index.tracked
        if tracked.output.kind is OutputKind.DATA
    }
    for stage in index.stages.values():
        state = index.state(stage)
        for output in stage.outside:
            if output.kind is OutputKind.DATA:
                facts = _facts(state.outside.get(output.path) if state else None)
                found[output.path] = facts | {"use_cache": output.cached, "is_data_source": False}
    return found


def _facts(recorded: Recorded | None) -> dict[str, Any]:
    content = recorded.content if recorded else None
    if recorded is not None and content is None and (token := evidence(recorded)):
        return {"hash": token, "size": recorded.extras.get("size"), "nfiles": recorded.extras.get("nfiles")}
    if content is None:
        return {"hash": None, "size": None, "nfiles": None}
    return {"hash": content.digest.hex, "size": content.size, "nfiles": content.files}
