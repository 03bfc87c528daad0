"""What one state of the project says: params, metrics, dependencies and outputs, as DVC's JSON has them."""

from __future__ import annotations

from typing import Any

from dvx.errors import DvxError
from dvx.model.dataset import is_dataset
from dvx.model.pointer import OutputKind, Recorded
from dvx.ops.index import Index, load_index
from dvx.ops.metrics import observed
from dvx.ops.source import Source
from dvx.project import Project


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
        for path in (path for path in stage.deps if not is_dataset(path)):
            found[path] = _facts(state.deps.get(path) if state else None)
    for pointer in index.pointers.values():
        found |= {recorded.path: _facts(recorded) for recorded in pointer.deps if "db" not in recorded.extras}
    return found


def _outs(index: Index) -> dict[str, Any]:
    return {
        tracked.output.path: _facts(tracked.recorded)
        | {"use_cache": tracked.output.cached, "is_data_source": tracked.owner in index.pointers}
        for tracked in index.tracked
        if tracked.output.kind is OutputKind.DATA
    }


def _facts(recorded: Recorded | None) -> dict[str, Any]:
    content = recorded.content if recorded else None
    if content is None:
        return {"hash": None, "size": None, "nfiles": None}
    return {"hash": content.digest.hex, "size": content.size, "nfiles": content.files}
