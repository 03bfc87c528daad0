"""Task: an experiment that is to run, runs, or failed. One that succeeded lives on as a ref."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from dvx.errors import DvxError
from dvx.model.experiment import check_name
from dvx.model.kept import Body, Commit, Ident, MaybeCommit, MaybeWorker, Moment, check_kept, convert_kept
from dvx.model.override import Op, Override
from dvx.model.paths import check_path

_Key = Annotated[tuple[str | Annotated[int, Meta(ge=0, le=1 << 53)], ...], Meta(min_length=1)]


class State(Enum):
    """Where a task is; a KILLED one was stopped by the user, or died where nobody takes it up."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    KILLED = "killed"


class TaskPlace(Enum):
    """Where a task works: in the workspace, or in a work tree of its own for the queue or for one call."""

    WORKSPACE = "workspace"
    QUEUE = "queue"
    ALONE = "alone"


class Task(Struct, frozen=True):
    """One experiment. `snapshot` is the commit that holds the workspace as it was when the task was made, empty for one that
    works in the workspace.

    Nothing in it depends on where it was typed. `options` are those of `repro`, resolved; `copied` paths that Git does not have;
    one that `composes` lets Hydra do so where it is enabled. `worker` names who works on it, `commit` is the result, `seen` what
    params and metrics a failed one had. Times are seconds since the epoch.
    """

    ident: Ident
    name: str
    baseline: Commit
    place: TaskPlace
    snapshot: MaybeCommit = ""
    overrides: tuple[Override, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    copied: tuple[str, ...] = ()
    message: str = ""
    replaces: bool = False
    composes: bool = False
    state: State = State.QUEUED
    created: Moment = 0.0
    started: Moment | None = None
    ended: Moment | None = None
    worker: MaybeWorker = ""
    commit: MaybeCommit = ""
    error: str = ""
    seen: Mapping[str, Any] | None = None


def encode_task(task: Task) -> dict[str, Any]:
    """The task as plain values."""
    return {
        **msgspec.to_builtins(msgspec.structs.replace(task, overrides=())),
        "overrides": [_plain(one) for one in task.overrides],
    }


def decode_task(document: Any) -> Task:
    """Read what `encode_task` made; raises ValueError for anything else: names and paths of tasks become those of files."""
    plain = check_kept(document, dict[str, Any])
    rows = convert_kept(plain.get("overrides", []), list[tuple[str, _Key, Op, Any]])
    task = convert_kept({**plain, "overrides": []}, Task)
    if task.seen is not None:
        check_kept(task.seen, Body)
    try:
        check_name(task.name)
        for path in (*task.copied, *(row[0] for row in rows)):
            check_path(path)
    except DvxError as error:
        raise ValueError(error.message) from None
    return msgspec.structs.replace(task, overrides=tuple(Override(*row) for row in rows))


def _plain(one: Override) -> list[Any]:
    return [one.path, list(one.key), one.op.value, one.value]
