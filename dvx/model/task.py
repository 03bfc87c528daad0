"""Task: an experiment that is to run, runs, or failed. One that succeeded lives on as a ref."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct, field

from dvx.model.override import Op, Override


class State(Enum):
    """Where a task is; a KILLED one was stopped by the user, or died where nobody takes it up."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    KILLED = "killed"


class Place(Enum):
    """Where a task works: in the workspace, or in a work tree of its own for the queue or for one call."""

    WORKSPACE = "workspace"
    QUEUE = "queue"
    ALONE = "alone"


class Task(Struct, frozen=True):
    """One experiment. `ident` are 40 hex digits; `snapshot` is the commit that holds the workspace as it was when the task was
    made, empty for one that works in the workspace.

    `options` are those of `repro`, `copied` paths that Git does not have; one that `composes` lets Hydra do so where it is
    enabled. `worker` names who works on it, `commit` is the result, `seen` what params and metrics a failed one had written.
    Times are seconds since the epoch.
    """

    ident: str
    name: str
    baseline: str
    place: Place
    snapshot: str = ""
    overrides: tuple[Override, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    copied: tuple[str, ...] = ()
    message: str = ""
    replaces: bool = False
    composes: bool = False
    state: State = State.QUEUED
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    worker: str = ""
    commit: str = ""
    error: str = ""
    seen: Mapping[str, Any] | None = None


def encode_task(task: Task) -> dict[str, Any]:
    """The task as plain values."""
    return {
        **msgspec.to_builtins(msgspec.structs.replace(task, overrides=())),
        "overrides": [_plain(one) for one in task.overrides],
    }


def decode_task(document: Mapping[str, Any]) -> Task:
    """Read what `encode_task` made; raises msgspec.ValidationError for anything else."""
    task = msgspec.convert({**document, "overrides": []}, Task)
    return msgspec.structs.replace(task, overrides=tuple(_override(one) for one in document.get("overrides", ())))


def _plain(one: Override) -> list[Any]:
    return [one.path, list(one.key), one.op.value, one.value]


def _override(raw: Sequence[Any]) -> Override:
    path, key, op, value = raw
    return Override(path, tuple(key), Op(op), value)
