"""The names of runs in the run-cache (source: DVC's format, so that both find each other's runs)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dvx.model.canonical import json_sorted
from dvx.model.pipelines.stage import Stage, is_url

FOLDER = "runs"
KEPT_SECONDS = 180 * 86_400.0
KEPT_BYTES = 64 << 20
_NAME = re.compile(FOLDER + r"/[0-9a-f]{2}/[0-9a-f]{64}/[0-9a-f]{64}")


def is_run_name(name: str) -> bool:
    """Whether a file of this name in a store is an entry."""
    return _NAME.fullmatch(name) is not None


def run_key(entry: Mapping[str, Any]) -> str:
    """What goes into a run: command, dependencies, parameters and the paths of its outputs. `entry` is a lock entry."""
    bare = _bare(entry)
    bare["outs"] = [out["path"] for out in entry.get("outs") or ()]
    return _sha256(bare)


def run_value(entry: Mapping[str, Any]) -> str:
    """A run with what came out of it."""
    return _sha256(_bare(entry))


def outdated(runs: Iterable[tuple[str, int, float]], now: float) -> Iterator[str]:
    """The names of entries that are to go, of a store's `runs` with their sizes (bytes) and when each was last made or restored.

    Those go that are too old, and of the others the oldest when there are too many.
    """
    room = KEPT_BYTES
    for name, size, modified in sorted(runs, key=lambda run: (-run[2], run[0])):
        room -= size
        if modified < now - KEPT_SECONDS or room < 0:
            yield name


def is_restorable(stage: Stage) -> bool:
    """Whether runs of this stage may be replaced by an earlier equal one."""
    return bool(
        stage.lines
        and (stage.deps or stage.params)
        and stage.outs
        and not stage.outside
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
