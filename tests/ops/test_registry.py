"""Facts about the registry of runs: its facts, its runs, and those that earlier versions of dvx kept elsewhere."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from dvx.errors import DvxError
from dvx.journal import Registry
from dvx.model.pipelines.run import Place, Run, State, Wish, encode_run
from dvx.model.pipelines.run_history import Fact, FactRow, RunRecord, fold
from tests.helpers import commit_all, dialect_of, dvx, git, write

R1, R2 = "20260101-000000-1", "20260101-000001-2"
STARTED = FactRow(R1, Fact.RUN_STARTED, data={"stages": [{"stage": "a"}]})
ATTEMPT = FactRow(R1, Fact.STAGE_STARTED, "a", {"attempt": 1, "key": "ab" * 32, "log": f".dvx/tmp/logs/{R1}/a.log"})
RUN = Run(R1, options={"targets": ["a"]}, state=State.RUNNING, started=1.0, worker="1-00000000")
WAITING = Run("a" * 40, "one", "b" * 40, Place.QUEUE, "c" * 40)


def registry(folder: Path) -> Registry:
    return Registry(str(folder / "runs.db"), lambda _: None, lambda path: os.rename(path, f"{path}.aside"))


def test_what_is_noted_is_read_back_in_order(tmp_path: Path) -> None:
    before = time.time()
    registry(tmp_path).note([STARTED, ATTEMPT])
    registry(tmp_path).note([FactRow(R2, Fact.RUN_STARTED)])
    book = registry(tmp_path)
    first, second = book.facts(R1)
    assert (first.fact, first.data, second.fact, second.stage, second.data) == (
        STARTED.fact,
        STARTED.data,
        ATTEMPT.fact,
        "a",
        ATTEMPT.data,
    )
    assert before <= first.time <= time.time()
    assert [row.run for row in book.latest(Fact.RUN_STARTED, 1)] == [R2]


def test_runs_of_all_kinds_are_in_one_list(tmp_path: Path) -> None:
    book = registry(tmp_path)
    assert book.add(RUN)
    assert not book.add(replace(RUN, state=State.FAILED)), "there is one of that name"
    assert book.change(lambda _: ([WAITING], ())) == (WAITING,)
    assert book.runs() == [WAITING, RUN]
    assert book.experiments() == [WAITING]
    assert book.amend(R1, lambda found: replace(found, asked=Wish.PAUSE)) == replace(RUN, asked=Wish.PAUSE)
    assert book.asked(R1) is Wish.PAUSE
    assert book.amend(R1, lambda _: None) is None
    assert book.amend(R2, lambda _: RUN) is None
    # in the workspace, an experiment that is done is a ref, and history here
    done = replace(RUN, ident="d" * 40, name="two", baseline="b" * 40, state=State.SUCCESS)
    book.add(done)
    assert (book.runs()[0], book.experiments()) == (done, [WAITING])


def test_threads_and_processes_share_it(tmp_path: Path) -> None:
    books = [registry(tmp_path), registry(tmp_path)]
    threads = [
        threading.Thread(target=lambda book=book: [book.note([ATTEMPT]) for _ in range(50)]) for book in books for _ in range(3)
    ]
    with books[0]:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(registry(tmp_path).facts(R1)) == 300


def test_no_database_is_an_empty_registry(tmp_path: Path) -> None:
    assert registry(tmp_path).runs() == []
    assert registry(tmp_path).facts(R1) == []
    assert registry(tmp_path).claim("1-00000000", lambda _: True) is None
    assert list(tmp_path.glob("runs*")) == []


@pytest.mark.parametrize("damage", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_broken_database_is_set_aside(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "runs.db").write_bytes(damage)
    book = registry(tmp_path)
    assert (book.runs(), book.unreadable()) == ([], ["runs.db"])
    assert (tmp_path / "runs.db").read_bytes() == damage
    book.add(RUN)
    assert book.runs() == [RUN]
    assert (tmp_path / "runs.db.aside").read_bytes() == damage


def test_damage_that_shows_late_is_in_the_way_once(tmp_path: Path) -> None:
    with registry(tmp_path) as book:
        book.note([ATTEMPT] * 500)
    with (tmp_path / "runs.db").open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * (os.path.getsize(tmp_path / "runs.db") - 3 * 4096))
    with pytest.raises(DvxError, match="malformed"):
        registry(tmp_path).note([ATTEMPT] * 10)
    registry(tmp_path).note([ATTEMPT])
    assert len(registry(tmp_path).facts(R1)) == 1


@pytest.mark.parametrize("table", ["facts", "runs"])
def test_a_database_of_another_shape_is_set_aside(tmp_path: Path, table: str) -> None:
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        connection.execute(f"CREATE TABLE {table} (something TEXT)")
    connection.close()
    book = registry(tmp_path)
    assert book.runs() == []
    book.add(RUN)
    assert book.runs() == [RUN]


def test_rows_that_make_no_sense_are_no_history(tmp_path: Path) -> None:
    registry(tmp_path).note([STARTED])
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        connection.execute("UPDATE facts SET data = '[1'")
    connection.close()
    assert registry(tmp_path).facts(R1) == []


def test_what_fails_changes_nothing(tmp_path: Path) -> None:
    book = registry(tmp_path)
    book.change(lambda _: ([WAITING], ()))

    def fail(_: Run) -> Run:
        raise DvxError("no")

    with pytest.raises(DvxError, match="no"), book:
        book.amend(WAITING.ident, fail)
    assert book.experiments() == [WAITING]
    with pytest.raises(DvxError, match="cannot be written"):
        Registry(str(tmp_path / "absent/runs.db"), lambda _: None, lambda _: None).add(RUN)


def test_old_runs_are_let_go(tmp_path: Path) -> None:
    with registry(tmp_path) as book:
        book.change(lambda _: ([WAITING], ()))
        for number in range(1_101):
            book.add(replace(RUN, ident=f"20260101-000000-{number}"))
        book.note([replace(STARTED, run=f"20260101-000000-{number}") for number in (7, 8)])
        book.prune(1_000, {"20260101-000000-7"})
        assert len(book.runs()) == 1_002
        assert book.facts("20260101-000000-7"), "it still works"
        assert not book.facts("20260101-000000-8")
        assert book.experiments() == [WAITING]


# --- what earlier versions kept


def earlier(folder: Path, rows: Iterable[tuple[object, ...]]) -> None:
    """A list of experiments as versions had it that kept one beside the journal."""
    (folder / "exps").mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(folder / "exps/tasks.db") as connection:
        connection.execute(
            "CREATE TABLE tasks (ident TEXT PRIMARY KEY, place INTEGER, name TEXT, state TEXT, worker TEXT,"
            " asked TEXT NOT NULL DEFAULT '', body TEXT)"
        )
        connection.executemany("INSERT INTO tasks (ident, place, name, state, asked, body) VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.close()


def body_of(run: Run) -> str:
    return json.dumps(encode_run(run))


def test_a_list_of_experiments_beside_it_is_taken_over(tmp_path: Path) -> None:
    second = replace(WAITING, ident="d" * 40, name="two", state=State.RUNNING, worker="1-00000000", asked=Wish.KILL)
    rows = [
        (second.ident, 2, "two", "running", "kill", body_of(second)),
        (WAITING.ident, 1, "one", "queued", "", body_of(WAITING)),
        ("e" * 40, 3, "three", "queued", "", '{"of": "a newer version"}'),
    ]
    earlier(tmp_path, rows)
    book = registry(tmp_path)
    assert book.experiments() == [WAITING, second]
    assert book.unreadable() == ["e" * 40]
    assert not (tmp_path / "exps/tasks.db").exists()
    # an earlier version that is used again does not take back what was done since
    claimed = book.claim("2-00000000", lambda _: False)
    assert claimed is not None
    earlier(tmp_path, rows[1:2])
    assert book.experiments() == [claimed, second]


def test_a_broken_list_beside_it_is_set_aside(tmp_path: Path) -> None:
    write(tmp_path / "exps/tasks.db", "no database at all" * 100)
    book = registry(tmp_path)
    assert book.experiments() == []
    book.change(lambda _: ([WAITING], ()))
    assert book.experiments() == [WAITING]
    assert (tmp_path / "exps/tasks.db.aside").read_text() == "no database at all" * 100


def test_what_stages_took_is_known_of_earlier_versions(tmp_path: Path) -> None:
    registry(tmp_path).note([replace(STARTED, fact=Fact.STAGE_COMPLETED, stage="a", data={"seconds": 2.0})])
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        connection.execute("DROP TABLE runs")
        words = "INSERT INTO facts (run, fact, stage, data, time) VALUES (?, 'RunCompleted', '', '{}', 1)"
        connection.execute(words, (R1,))
    connection.close()
    book = registry(tmp_path)
    assert book.add(RUN)
    assert [row.data for row in book.latest(Fact.STAGE_COMPLETED, 5)] == [{"seconds": 2.0}]
    assert [row.fact for row in book.facts(R1)] == [Fact.STAGE_COMPLETED]


def test_an_experiment_that_an_earlier_version_queued_is_run(dialect_repo: Path) -> None:
    dialect = dialect_of(dialect_repo)
    write(dialect_repo / "params.yaml", "n: 1\n")
    write(dialect_repo / dialect.pipeline, "stages:\n  s: {cmd: cp params.yaml o, params: [n], outs: [o]}\n")
    commit_all(dialect_repo)
    dvx(dialect_repo, "exp", "run", "--queue", "-n", "one", "-S", "n=2")
    state = dialect_repo / dialect.folder / dialect.state_folder
    (waiting,) = registry(state).experiments()
    for path in state.glob("runs.db*"):
        path.unlink()
    earlier(state, [(waiting.ident, 1, "one", "queued", "", body_of(waiting))])
    assert json.loads(dvx(dialect_repo, "queue", "status", "--json").out)["tasks"][0]["state"] == "queued"
    dvx(dialect_repo, "queue", "work")
    assert git(dialect_repo, "for-each-ref", "--format=%(refname:lstrip=4)", "refs/exps") == "one"
    assert git(dialect_repo, "for-each-ref", "refs/dvx") == ""


# --- what follows from the facts


def told(*rows: tuple[Fact, str, dict[str, object]], state: State = State.RUNNING) -> RunRecord:
    started = [(Fact.RUN_STARTED, "", {"stages": [{"stage": "a"}]})]
    facts = [
        FactRow(R1, fact, stage, data, float(number), number) for number, (fact, stage, data) in enumerate([*started, *rows], 1)
    ]
    return fold(replace(RUN, state=state), facts)


def test_attempts_of_a_run_whose_process_is_gone_were_killed() -> None:
    begun = (Fact.STAGE_STARTED, "a", {"attempt": 1, "log": "l"})
    working, killed = told(begun), told(begun, state=State.KILLED)
    assert (working.status, working.attempts[0].status) == (State.RUNNING, State.RUNNING)
    assert (killed.status, killed.attempts[0].status) == (State.KILLED, State.KILLED)
    assert (working.name, working.started, working.options) == (R1, 1.0, {"targets": ["a"]})
    assert working.snapshot == ({"stage": "a"},)
    assert told(begun, state=State.PAUSED).attempts[0].status is State.RUNNING


def test_what_another_run_left_is_an_attempt_of_the_one_that_adopts_it() -> None:
    run = told(
        (Fact.STAGE_ADOPTED, "a", {"attempt": 2, "log": "l", "key": "k", "run": "before"}),
        (Fact.STAGE_COMPLETED, "a", {"attempt": 2}),
        (Fact.STAGE_ADOPTED, "b", {}),
    )
    assert [(one.stage, one.number, one.log, one.status) for one in run.attempts] == [("a", 2, "l", State.SUCCESS)]
    assert run.adopted == ("b",)


def test_attempts_are_told_apart() -> None:
    run = told(
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
        state=State.SUCCESS,
    )
    assert run.status is State.SUCCESS
    assert [(one.number, one.status, one.code, one.beat, one.log) for one in run.attempts] == [
        (1, State.FAILED, 143, "epoch 3", "1"),
        (2, State.SUCCESS, 0, "", "2"),
    ]
    assert (run.skipped, run.restored, run.adopted, run.ended) == (("b",), ("c",), ("d",), None)
