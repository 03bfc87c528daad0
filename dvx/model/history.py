"""What the journal says of runs: facts in the order in which they were written, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Annotated, Any, TypedDict

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from dvx.model.kept import Count, Log, Moment, RunKey, RunName, check_kept, convert_kept


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
    RUN_PAUSED = "RunPaused"
    RUN_RESUMED = "RunResumed"
    RUN_CANCELLED = "RunCancelled"
    RUN_COMPLETED = "RunCompleted"


class FactRow(Struct, frozen=True):
    """One fact; `time` is seconds since the epoch, `id` grows in the order of writing."""

    run: RunName
    fact: Fact
    stage: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    time: Moment = 0.0
    id: Count = 0


class _Options(TypedDict, total=False):
    targets: list[str]


class _Data(TypedDict, total=False):
    """What may be said of a fact, as far as something follows from it."""

    attempt: Annotated[int, Meta(ge=1, le=1 << 31)]
    key: RunKey
    log: Log
    beat: str
    code: Annotated[int, Meta(ge=-(1 << 31), le=1 << 31)]
    interrupted: bool
    seconds: Moment
    now: bool
    error: str
    options: _Options
    stages: list[dict[str, Any]]


def decode_row(run: object, fact: object, stage: object, data: object, time: object, ident: object) -> FactRow:
    """A row of the journal, of what its columns hold; `data` is read already. Raises ValueError: it is none."""
    plain = {"run": run, "fact": fact, "stage": stage, "data": check_kept(data, _Data), "time": time, "id": ident}
    return convert_kept(plain, FactRow)


class Status(Enum):
    """Where a run or an attempt is. KILLED: it did not end, and its process is gone."""

    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    KILLED = "killed"


class AttemptRecord(Struct, frozen=True):
    """One run of a stage's command. `key` is its run-cache key, `log` is relative to the project; `beat` is what the command
    last wrote as its heartbeat.
    """

    stage: str
    number: int
    key: str
    log: str
    started: float
    status: Status = Status.RUNNING
    ended: float | None = None
    code: int | None = None
    beat: str = ""


class RunRecord(Struct, frozen=True):
    """A run as a whole; `options` are those of the command that began it, `snapshot` its stages as they were resolved then.
    Another process did what is `adopted`."""

    name: str
    started: float
    status: Status
    ended: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    snapshot: tuple[Mapping[str, Any], ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    skipped: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()
    error: str = ""


def fold(rows: Iterable[FactRow], *, alive: bool) -> RunRecord:
    """The run that rows, all of one run in the order of their ids, tell of; `alive` says whether its process still works."""
    run = RunRecord("", 0.0, Status.RUNNING)
    attempts: dict[tuple[str, int], AttemptRecord] = {}
    lists: dict[Fact, list[str]] = {Fact.STAGE_SKIPPED: [], Fact.STAGE_RESTORED: [], Fact.STAGE_ADOPTED: []}
    for row in rows:
        data = row.data
        if row.fact is Fact.RUN_STARTED:
            run = RunRecord(
                row.run,
                row.time,
                Status.RUNNING,
                options=data.get("options", {}),
                snapshot=tuple(data.get("stages", ())),
            )
        elif row.fact in lists and "attempt" not in data:
            lists[row.fact].append(row.stage)
        elif row.stage:
            key = (row.stage, int(data.get("attempt", 1)))
            attempts[key] = _attempt(attempts.get(key), row, key[1])
        else:
            run = _run(run, row)
    if run.ended is None and not alive:
        run = replace(run, status=Status.KILLED)
    over = run.ended is not None or not alive
    settled = tuple(
        replace(one, status=Status.KILLED) if over and one.status is Status.RUNNING else one for one in attempts.values()
    )
    return replace(
        run,
        attempts=settled,
        skipped=tuple(lists[Fact.STAGE_SKIPPED]),
        restored=tuple(lists[Fact.STAGE_RESTORED]),
        adopted=tuple(lists[Fact.STAGE_ADOPTED]),
    )


def _attempt(known: AttemptRecord | None, row: FactRow, number: int) -> AttemptRecord:
    data = row.data
    if known is None or row.fact in (Fact.STAGE_STARTED, Fact.STAGE_ADOPTED):
        return AttemptRecord(row.stage, number, str(data.get("key", "")), str(data.get("log", "")), row.time)
    if row.fact is Fact.STAGE_HEARTBEAT:
        return replace(known, beat=str(data.get("beat", "")))
    if row.fact is Fact.STAGE_FAILED:
        status = Status.CANCELLED if data.get("interrupted") else Status.FAILED
        return replace(known, status=status, ended=row.time, code=data.get("code"))
    if row.fact is Fact.STAGE_COMPLETED:
        return replace(known, status=Status.DONE, ended=row.time, code=0)
    return known


def _run(run: RunRecord, row: FactRow) -> RunRecord:
    if row.fact is Fact.RUN_PAUSED:
        return replace(run, status=Status.PAUSED)
    if row.fact is Fact.RUN_RESUMED:
        return replace(run, status=Status.RUNNING)
    if row.fact is Fact.RUN_CANCELLED:
        return replace(run, status=Status.CANCELLED)
    if row.fact is Fact.RUN_COMPLETED:
        error = str(row.data.get("error", ""))
        status = run.status if run.status is Status.CANCELLED else Status.FAILED if error else Status.DONE
        return replace(run, status=status, ended=row.time, error=error)
    return run
