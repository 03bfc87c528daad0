"""The names of runs in the run-cache (source: DVC's format, so that both find each other's runs)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from dvx.model.canonical import json_sorted
from dvx.model.stage import Stage, is_url


def run_key(entry: Mapping[str, Any]) -> str:
    """What goes into a run: command, dependencies, parameters and the paths of its outputs. `entry` is a lock entry."""
    bare = _bare(entry)
    bare["outs"] = [out["path"] for out in entry.get("outs") or ()]
    return _sha256(bare)


def run_value(entry: Mapping[str, Any]) -> str:
    """A run with what came out of it."""
    return _sha256(_bare(entry))


def is_restorable(stage: Stage) -> bool:
    """Whether runs of this stage may be replaced by an earlier equal one."""
    return bool(
        stage.lines
        and (stage.deps or stage.params)
        and stage.outs
        and not stage.never_fresh
        and not any(output.persist for output in stage.outs)
        and not any(is_url(dep) for dep in stage.deps)
    )


def is_recordable(stage: Stage) -> bool:
    """Whether runs of this stage are saved: all its outputs but metrics and plots are in the cache anyway."""
    return is_restorable(stage) and all(output.cached or output.kind is not output.kind.DATA for output in stage.outs)


def _bare(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _bare(item) for key, item in value.items() if key not in ("size", "nfiles")}
    if isinstance(value, (list, tuple)):
        return [_bare(item) for item in value]
    return value


def _sha256(value: Any) -> str:
    return hashlib.sha256(json_sorted(value).encode()).hexdigest()
