"""Journal (SQLite): every attempt to run a stage, its state and its log.

A row stands before the command starts, so a crash leaves a trace. Losing the database loses history only.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from enum import Enum

from msgspec import Struct

# a damaged schema makes sqlite3 raise an error whose own text cannot be decoded
_BROKEN = (sqlite3.DatabaseError, UnicodeError)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS attempts (
  id INTEGER PRIMARY KEY, run TEXT, stage TEXT, key TEXT, pid INTEGER, state TEXT, log TEXT, started REAL, ended REAL,
  code INTEGER
)
"""
_COLUMNS = "id, run, stage, key, pid, state, log, started, ended, code"


class State(Enum):
    """Where an attempt is. One that is RUNNING though its process is gone was killed."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Attempt(Struct, frozen=True):
    """One run of one stage. `key` is its run-cache key, `log` is relative to the project; times are seconds since the epoch."""

    run: str
    stage: str
    key: str
    pid: int
    log: str
    state: State = State.RUNNING
    started: float = 0.0
    ended: float | None = None
    code: int | None = None
    id: int = 0


class Journal:
    """The database at `path`, whose folder exists. `remove` deletes a file; a broken database is made anew."""

    def __init__(self, path: str, remove: Callable[[str], None]) -> None:
        self._path = path
        self._remove = remove

    def start(self, attempt: Attempt) -> int:
        """Record an attempt that starts now; returns its id."""
        row = (attempt.run, attempt.stage, attempt.key, attempt.pid, State.RUNNING.value, attempt.log, time.time())
        names = "run, stage, key, pid, state, log, started"
        return self._write(f"INSERT INTO attempts ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608

    def end(self, number: int, state: State, code: int | None) -> None:
        """Record how an attempt ended."""
        self._write("UPDATE attempts SET state = ?, ended = ?, code = ? WHERE id = ?", (state.value, time.time(), code, number))

    def attempts(self, limit: int = 100) -> list[Attempt]:
        """The latest attempts, the newest first."""
        if not os.path.exists(self._path):
            return []
        try:
            with self._open() as connection:
                rows = connection.execute(f"SELECT {_COLUMNS} FROM attempts ORDER BY id DESC LIMIT ?", (limit,))  # noqa: S608
                return [_attempt(row) for row in rows]
        except (sqlite3.DatabaseError, ValueError):
            return []

    def _write(self, query: str, values: tuple[object, ...]) -> int:
        try:
            return self._execute(query, values)
        except sqlite3.OperationalError as error:
            if "no such column" not in str(error) and "has no column" not in str(error):
                # full, read-only or busy for long: the history is not worth the work that waits for it
                return 0
        except _BROKEN:
            pass
        for suffix in ("", "-journal", "-wal", "-shm"):
            self._remove(self._path + suffix)
        try:
            return self._execute(query, values)
        except _BROKEN:
            return 0

    def _execute(self, query: str, values: tuple[object, ...]) -> int:
        with self._open() as connection, connection:
            return connection.execute(query, values).lastrowid or 0

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, timeout=30)
        try:
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(_SCHEMA)
            yield connection
        finally:
            connection.close()


def _attempt(row: tuple[object, ...]) -> Attempt:
    number, run, stage, key, pid, state, log, started, ended, code = row
    return Attempt(
        run=str(run), stage=str(stage), key=str(key), pid=int(str(pid)), log=str(log), state=State(state),
        started=float(str(started)), ended=None if ended is None else float(str(ended)),
        code=None if code is None else int(str(code)), id=int(str(number)),
    )  # fmt: skip
