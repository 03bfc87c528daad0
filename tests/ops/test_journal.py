"""Facts about the journal of attempts."""

from __future__ import annotations

import time
from pathlib import Path

from dvx.journal import Attempt, Journal, State
from dvx.store.files import remove

ATTEMPT = Attempt(run="r1", stage="train", key="abc", pid=42, log="logs/train.log")


def journal(folder: Path) -> Journal:
    return Journal(str(folder / "journal.db"), remove)


def test_an_attempt_is_there_before_it_ends(tmp_path: Path) -> None:
    before = time.time()
    number = journal(tmp_path).start(ATTEMPT)
    (found,) = journal(tmp_path).attempts()
    assert (found.id, found.run, found.stage, found.key, found.pid, found.log) == (
        number,
        "r1",
        "train",
        "abc",
        42,
        "logs/train.log",
    )
    assert (found.state, found.ended, found.code) == (State.RUNNING, None, None)
    assert before <= found.started <= time.time()


def test_an_attempt_ends_with_a_code(tmp_path: Path) -> None:
    book = journal(tmp_path)
    first, second = book.start(ATTEMPT), book.start(ATTEMPT)
    book.end(first, State.FAILED, 3)
    latest, earlier = book.attempts()
    assert (latest.id, latest.state) == (second, State.RUNNING)
    assert (earlier.id, earlier.state, earlier.code) == (first, State.FAILED, 3)
    assert earlier.ended is not None
    assert book.attempts(limit=1) == [latest]


def test_no_database_is_an_empty_journal(tmp_path: Path) -> None:
    assert journal(tmp_path).attempts() == []
    assert list(tmp_path.glob("journal*")) == []


def test_a_broken_database_is_made_anew(tmp_path: Path) -> None:
    book = journal(tmp_path)
    for damage in (b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000):
        (tmp_path / "journal.db").write_bytes(damage)
        assert book.attempts() == []
        number = book.start(ATTEMPT)
        book.end(number, State.DONE, 0)
        assert [attempt.state for attempt in book.attempts()] == [State.DONE]


def test_a_damaged_schema_whose_name_is_no_text_is_made_anew(tmp_path: Path) -> None:
    book = journal(tmp_path)
    book.end(book.start(ATTEMPT), State.DONE, 0)
    place = tmp_path / "journal.db"
    data = (
        place.read_bytes()
        .replace(b"tableattempts", b"tableattempt\xcb")
        .replace(b"CREATE TABLE attempts", b"CREATE TABXX attempts")
    )
    place.write_bytes(data)
    assert book.attempts() == []
    assert book.start(ATTEMPT)
    assert len(book.attempts()) == 1


def test_a_database_of_another_shape_is_made_anew(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute("CREATE TABLE attempts (something TEXT)")
    connection.close()
    book = journal(tmp_path)
    assert book.attempts() == []
    assert book.start(ATTEMPT)
    assert len(book.attempts()) == 1


def test_where_nothing_can_be_written_nothing_is_and_the_work_goes_on(tmp_path: Path) -> None:
    book = Journal(str(tmp_path / "absent" / "journal.db"), remove)
    book.end(book.start(ATTEMPT), State.DONE, 0)
    assert book.attempts() == []
