"""What the registry says of the stages of runs: facts in the order in which they were written, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Annotated, Any, TypedDict

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from dvx.model.kept import Count, Log, Moment, RunId, RunKey, check_kept, convert_kept
from dvx.model.pipelines.run import Run, State


class Fact(Enum):
    """All that may be written of a run. A fact stands before the act that it announces."""

    RUN_STARTED = "RunStarted"
    STAGE_STARTED = "StageStarted"
    STAGE_HEARTBEAT = "StageHeartbeat"
    STAGE_TIMED_OUT = "StageTimedOut"
    STAGE_FAILED = "StageFailed"
    STAGE_RETRY_SCHEDULED = "StageRetryScheduled"
    STAGE_OUTPUTS_STAGED = "StageOutputsStaged"
    STAGE_COMPLETED = "StageCompleted"
    STAGE_ADOPTED = "StageAdopted"
    STAGE_SKIPPED = "StageSkipped"
    STAGE_RESTORED = "StageRestored"


class FactRow(Struct, frozen=True):
    """One fact; `time` is seconds since the epoch, `id` grows in the order of writing."""

    run: RunId
    fact: Fact
    stage: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    time: Moment = 0.0
    id: Count = 0


class _Data(TypedDict, total=False):
    """What may be said of a fact, as far as something follows from it."""

    attempt: Annotated[int, Meta(ge=1, le=1 << 31)]
    key: RunKey
    log: Log
    beat: str
    code: Annotated[int, Meta(ge=-(1 << 31), le=1 << 31)]
    interrupted: bool
    seconds: Moment
    stages: list[dict[str, Any]]


def decode_row(run: object, fact: object, stage: object, data: object, time: object, ident: object) -> FactRow:
    """A fact, of what its columns hold; `data` is read already. Raises ValueError: it is none."""
    plain = {"run": run, "fact": fact, "stage": stage, "data": check_kept(data, _Data), "time": time, "id": ident}
    return convert_kept(plain, FactRow)


class AttemptRecord(Struct, frozen=True):
    """One run of a stage's command. `key` is its run-cache key, `log` is relative to the project; `beat` is what the command
    last wrote as its heartbeat.
    """

    stage: str
    number: int
    key: str
    log: str
    started: float
    status: State = State.RUNNING
    ended: float | None = None
    code: int | None = None
    beat: str = ""


class RunRecord(Struct, frozen=True):
    """A run as a whole, by the name that users give it; `options` are those of the command that began it, `snapshot` its stages
    as they were resolved then. Another process did what is `adopted`."""

    name: str
    ident: str
    started: float
    status: State
    ended: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    snapshot: tuple[Mapping[str, Any], ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    skipped: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()
    error: str = ""


def fold(run: Run, rows: Iterable[FactRow]) -> RunRecord:
    """A run, as it is, with what its rows tell of its stages, in the order of their ids."""
    stages: tuple[Mapping[str, Any], ...] = ()
    attempts: dict[tuple[str, int], AttemptRecord] = {}
    lists: dict[Fact, dict[str, None]] = {Fact.STAGE_SKIPPED: {}, Fact.STAGE_RESTORED: {}, Fact.STAGE_ADOPTED: {}}
    for row in rows:
        if row.fact is Fact.RUN_STARTED:
            stages = tuple(row.data.get("stages", ()))
        elif row.fact in lists and "attempt" not in row.data:
            lists[row.fact][row.stage] = None
        elif row.stage:
            key = (row.stage, int(row.data.get("attempt", 1)))
            attempts[key] = _attempt(attempts.get(key), row, key[1])
    works = run.state in (State.RUNNING, State.PAUSED)
    return RunRecord(
        run.name or run.ident,
        run.ident,
        run.started or run.created,
        run.state,
        run.ended,
        options=run.options,
        snapshot=stages,
        attempts=tuple(
            replace(one, status=State.KILLED) if one.status is State.RUNNING and not works else one for one in attempts.values()
        ),
        skipped=tuple(lists[Fact.STAGE_SKIPPED]),
        restored=tuple(lists[Fact.STAGE_RESTORED]),
        adopted=tuple(lists[Fact.STAGE_ADOPTED]),
        error=run.error,
    )


def _attempt(known: AttemptRecord | None, row: FactRow, number: int) -> AttemptRecord:
    data = row.data
    if known is None or row.fact in (Fact.STAGE_STARTED, Fact.STAGE_ADOPTED):
        return AttemptRecord(row.stage, number, str(data.get("key", "")), str(data.get("log", "")), row.time)
    if row.fact is Fact.STAGE_HEARTBEAT:
        return replace(known, beat=str(data.get("beat", "")))
    if row.fact is Fact.STAGE_FAILED:
        status = State.CANCELLED if data.get("interrupted") else State.FAILED
        return replace(known, status=status, ended=row.time, code=data.get("code"))
    if row.fact is Fact.STAGE_COMPLETED:
        return replace(known, status=State.SUCCESS, ended=row.time, code=0)
    return known
