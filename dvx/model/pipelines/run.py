"""Run: what is to run, runs or ran. One record, whether it is the pipeline in the workspace or an experiment that waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Annotated, Any, TypedDict

import msgspec
from msgspec import Meta, Struct, field

from dvx.errors import DvxError
from dvx.model.experiments.override import Op, Override
from dvx.model.experiments.refs import check_name
from dvx.model.kept import Body, MaybeCommit, MaybeWorker, Moment, RunId, check_kept, convert_kept
from dvx.model.paths import check_path

_Key = Annotated[tuple[str | Annotated[int, Meta(ge=0, le=1 << 53)], ...], Meta(min_length=1)]


class _Options(TypedDict, total=False):
    targets: list[str]


class State(Enum):
    """Where a run or an attempt is: CANCELLED by somebody, or KILLED, as its process is gone and nobody takes it up."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    KILLED = "killed"


FAILURES = (State.FAILED, State.CANCELLED, State.KILLED)


class Place(Enum):
    """Where a run works: in the workspace, or in a work tree of its own for the queue or for one call."""

    WORKSPACE = "workspace"
    QUEUE = "queue"
    ALONE = "alone"


class Wish(Enum):
    """What others ask of a run: to start no more stages, to stop, or to stop without time to tidy up."""

    NOTHING = ""
    PAUSE = "pause"
    CANCEL = "cancel"
    KILL = "kill"


class Run(Struct, frozen=True):
    """One run. With a `name` it is an experiment on top of `baseline`; `snapshot` is the commit that holds the workspace as it
    was when it was asked for, empty for one that works in the workspace.

    Nothing in it depends on where it was typed. `options` are those of `repro`, resolved; `copied` paths that Git does not have;
    one that `composes` lets Hydra do so where it is enabled. `worker` names who works on it, `commit` is the result, `seen` what
    params and metrics a failed one had. Times are seconds since the epoch. An experiment is a hash for DVC's tools,
    another run the time at which it began.
    """

    ident: RunId
    name: str = ""
    baseline: MaybeCommit = ""
    place: Place = Place.WORKSPACE
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
    asked: Wish = Wish.NOTHING

    @property
    def called(self) -> str:
        """What messages call it."""
        return f"the experiment `{self.name}`" if self.name else f"the run `{self.ident}`"

    @property
    def way_on(self) -> str:
        """How to go on with it after it was stopped."""
        if not self.name:
            return f"run `dvx runs retry {self.ident}` to do what is left of it"
        if not self.snapshot:
            return "run `dvx exp run` again: what was done is not done again"
        return f"run `dvx queue retry {self.name}` to go on with it"


def refuse_running(runs: Iterable[Run]) -> None:
    """Refuse to take experiments out of the list while somebody works on them; raises DvxError."""
    for run in runs:
        if run.state in (State.RUNNING, State.PAUSED):
            raise DvxError(f"the experiment `{run.name}` runs", f"run `dvx queue kill {run.name}` first")


def encode_run(run: Run) -> dict[str, Any]:
    """The run as plain values, but for what is `asked` of it."""
    plain = msgspec.to_builtins(msgspec.structs.replace(run, overrides=()))
    del plain["asked"]
    return {**plain, "overrides": [[one.path, list(one.key), one.op.value, one.value] for one in run.overrides]}


def decode_run(document: Any) -> Run:
    """Read what `encode_run` made; raises ValueError for anything else: names and paths of runs become those of files."""
    plain = check_kept(document, dict[str, Any])
    rows = convert_kept(plain.get("overrides", []), list[tuple[str, _Key, Op, Any]])
    run = convert_kept({**plain, "overrides": []}, Run)
    check_kept(run.options, _Options)
    if run.seen is not None:
        check_kept(run.seen, Body)
    if not bool(run.name) == bool(run.baseline) == ("-" not in run.ident):
        raise ValueError("an experiment has a name, a baseline and a hash")
    try:
        if run.name:
            check_name(run.name)
        for path in (*run.copied, *(row[0] for row in rows)):
            check_path(path)
    except DvxError as error:
        raise ValueError(error.message) from None
    return msgspec.structs.replace(run, overrides=tuple(Override(*row) for row in rows))
