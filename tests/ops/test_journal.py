"""Facts about the journal of runs."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from dvx.journal import Journal
from dvx.model.history import Fact, FactRow, Status, fold
from dvx.store.files import remove

R1, R2 = "20260101-000000-1", "20260101-000001-2"
STARTED = FactRow(R1, Fact.RUN_STARTED, data={"options": {"targets": ["a"]}, "stages": [{"stage": "a"}]})
ATTEMPT = FactRow(R1, Fact.STAGE_STARTED, "a", {"attempt": 1, "key": "ab" * 32, "log": f".dvx/tmp/logs/{R1}/a.log"})


def journal(folder: Path) -> Journal:
    return Journal(str(folder / "runs.db"), remove)


def test_what_is_written_is_read_back_in_order(tmp_path: Path) -> None:
    before = time.time()
    journal(tmp_path).write([STARTED, ATTEMPT])
    journal(tmp_path).write([FactRow(R2, Fact.RUN_STARTED)])
    book = journal(tmp_path)
    assert book.runs() == [R2, R1]
    first, second = book.rows(R1)
    assert (first.fact, first.data, second.fact, second.stage, second.data) == (
        STARTED.fact,
        STARTED.data,
        ATTEMPT.fact,
        "a",
        ATTEMPT.data,
    )
    assert before <= first.time <= time.time()
    assert book.rows(R1, after=first.id) == [second]
    assert [row.run for row in book.latest(Fact.RUN_STARTED, 1)] == [R2]


def test_threads_and_processes_share_it(tmp_path: Path) -> None:
    books = [journal(tmp_path), journal(tmp_path)]
    threads = [
        threading.Thread(target=lambda book=book: [book.write([ATTEMPT]) for _ in range(50)]) for book in books for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journal(tmp_path).rows(R1)) == 300


def test_no_database_is_an_empty_journal(tmp_path: Path) -> None:
    assert journal(tmp_path).runs() == []
    assert journal(tmp_path).rows(R1) == []
    assert list(tmp_path.glob("runs*")) == []


@pytest.mark.parametrize("damage", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_broken_database_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "runs.db").write_bytes(damage)
    assert journal(tmp_path).runs() == []
    book = journal(tmp_path)
    book.write([STARTED])
    assert book.runs() == [R1]


def test_a_database_of_another_shape_is_made_anew(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        connection.execute("CREATE TABLE facts (something TEXT)")
    connection.close()
    book = journal(tmp_path)
    assert book.runs() == []
    book.write([STARTED])
    assert book.runs() == [R1]


def test_rows_that_make_no_sense_are_no_history(tmp_path: Path) -> None:
    book = journal(tmp_path)
    book.write([STARTED])
    book.close()
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        connection.execute("UPDATE facts SET data = '[1'")
    connection.close()
    assert journal(tmp_path).rows(R1) == []


def test_where_nothing_can_be_written_nothing_is_and_the_work_goes_on(tmp_path: Path) -> None:
    book = Journal(str(tmp_path / "absent" / "runs.db"), remove)
    book.write([STARTED])
    assert book.runs() == []


def test_old_runs_are_let_go(tmp_path: Path) -> None:
    book = journal(tmp_path)
    book.write([FactRow(f"20260101-000000-{number}", Fact.RUN_STARTED) for number in range(1_100)])
    book.prune({"20260101-000000-7"})
    assert len(book.runs(5_000)) == 1_001
    assert book.rows("20260101-000000-7"), "it still works"
    assert not book.rows("20260101-000000-8")
    assert book.runs(1) == ["20260101-000000-1099"]


# --- what follows from the facts


def told(*rows: tuple[Fact, str, dict[str, object]]) -> list[FactRow]:
    started = [(Fact.RUN_STARTED, "", {"options": {"targets": ["a"]}})]
    return [
        FactRow("r", fact, stage, data, float(number), number) for number, (fact, stage, data) in enumerate([*started, *rows], 1)
    ]


def test_a_run_without_an_end_works_or_was_killed() -> None:
    rows = told((Fact.STAGE_STARTED, "a", {"attempt": 1, "log": "l"}))
    working, killed = fold(rows, alive=True), fold(rows, alive=False)
    assert (working.status, working.attempts[0].status) == (Status.RUNNING, Status.RUNNING)
    assert (killed.status, killed.attempts[0].status) == (Status.KILLED, Status.KILLED)
    assert (working.name, working.started, working.options) == ("r", 1.0, {"targets": ["a"]})


def test_what_another_run_left_is_an_attempt_of_the_one_that_adopts_it() -> None:
    rows = told(
        (Fact.STAGE_ADOPTED, "a", {"attempt": 2, "log": "l", "key": "k", "run": "before"}),
        (Fact.STAGE_COMPLETED, "a", {"attempt": 2}),
        (Fact.STAGE_ADOPTED, "b", {}),
    )
    run = fold(rows, alive=True)
    assert [(one.stage, one.number, one.log, one.status) for one in run.attempts] == [("a", 2, "l", Status.DONE)]
    assert run.adopted == ("b",)


def test_attempts_are_told_apart() -> None:
    rows = told(
        (Fact.STAGE_STARTED, "a", {"attempt": 1, "log": "1"}),
        (Fact.STAGE_HEARTBEAT, "a", {"attempt": 1, "beat": "epoch 3"}),
        (Fact.STAGE_TIMED_OUT, "a", {"attempt": 1}),
        (Fact.STAGE_FAILED, "a", {"attempt": 1, "code": 143}),
        (Fact.STAGE_RETRY_SCHEDULED, "a", {"attempt": 1, "pause": 1.0}),
        (Fact.STAGE_STARTED, "a", {"attempt": 2, "log": "2"}),
        (Fact.STAGE_OUTPUTS_STAGED, "a", {"attempt": 2}),
        (Fact.STAGE_COMPLETED, "a", {"attempt": 2, "seconds": 2.0}),
        (Fact.STAGE_SKIPPED, "b", {}),
        (Fact.STAGE_RESTORED, "c", {}),
        (Fact.STAGE_ADOPTED, "d", {}),
        (Fact.RUN_COMPLETED, "", {}),
    )
    run = fold(rows, alive=False)
    assert run.status is Status.DONE
    assert [(one.number, one.status, one.code, one.beat, one.log) for one in run.attempts] == [
        (1, Status.FAILED, 143, "epoch 3", "1"),
        (2, Status.DONE, 0, "", "2"),
    ]
    assert (run.skipped, run.restored, run.adopted, run.ended) == (("b",), ("c",), ("d",), 13.0)


def test_a_run_is_paused_goes_on_and_is_cancelled() -> None:
    paused = told((Fact.RUN_PAUSED, "", {}))
    assert fold(paused, alive=True).status is Status.PAUSED
    resumed = told((Fact.RUN_PAUSED, "", {}), (Fact.RUN_RESUMED, "", {}))
    assert fold(resumed, alive=True).status is Status.RUNNING
    ended = told((Fact.RUN_CANCELLED, "", {}), (Fact.RUN_COMPLETED, "", {"error": "KeyboardInterrupt"}))
    assert fold(ended, alive=False).status is Status.CANCELLED
    failed = told((Fact.RUN_COMPLETED, "", {"error": "the stage failed"}))
    assert (fold(failed, alive=False).status, fold(failed, alive=False).error) == (Status.FAILED, "the stage failed")
