"""Journal (SQLite): what runs of stages do, one fact a row, each written before the act.

So a crash leaves a trace. Losing the database loses history only, and what cannot be written keeps no work waiting; a row that
is none does not exist.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from urllib.parse import quote

from dvx.model.history import Fact, FactRow, decode_row
from dvx.model.kept import FOREIGN, RUN, read_kept

# a damaged schema makes sqlite3 raise an error whose own text cannot be decoded
_BROKEN = (sqlite3.DatabaseError, UnicodeError)
_KEPT_RUNS = 1_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (id INTEGER PRIMARY KEY, run TEXT, fact TEXT, stage TEXT, data TEXT, time REAL);
CREATE INDEX IF NOT EXISTS of_run ON facts (run, id);
CREATE INDEX IF NOT EXISTS of_fact ON facts (fact, id);
"""
_COLUMNS = "run, fact, stage, data, time, id"


class Journal:
    """The database at `path`, whose folder exists. `remove` deletes a file; a broken database is made anew. Threads share it."""

    def __init__(self, path: str, remove: Callable[[str], None]) -> None:
        self._path = path
        self._remove = remove
        self._guard = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def write(self, rows: Sequence[FactRow]) -> None:
        """Add rows, all or none; they get their ids, and their times where they have none."""
        now = time.time()
        values = [(row.run, row.fact.value, row.stage, json.dumps(row.data), row.time or now) for row in rows]
        with self._guard:
            try:
                self._insert(values)
            except sqlite3.OperationalError as error:
                if "no such column" not in str(error) and "has no column" not in str(error):
                    # full, read-only or busy for long: the history is not worth the work that waits for it
                    return
            except _BROKEN:
                pass
            else:
                return
            self._close()
            for suffix in ("", "-journal", "-wal", "-shm"):
                self._remove(self._path + suffix)
            try:
                self._insert(values)
            except _BROKEN:
                return

    def runs(self, limit: int = _KEPT_RUNS) -> list[str]:
        """The names of the latest runs, the newest first."""
        query = "SELECT run FROM facts WHERE fact = ? ORDER BY id DESC LIMIT ?"
        found = self._read(query, (Fact.RUN_STARTED.value, limit))
        return [run for (run,) in found if isinstance(run, str) and RUN.fullmatch(run)]

    def rows(self, run: str, after: int = 0, only: Sequence[Fact] = tuple(Fact)) -> list[FactRow]:
        """What was written of a run, after the row of that id."""
        places = ", ".join("?" * len(only))
        query = f"SELECT {_COLUMNS} FROM facts WHERE run = ? AND id > ? AND fact IN ({places}) ORDER BY id"  # noqa: S608
        return _rows(self._read(query, (run, after, *(fact.value for fact in only))))

    def latest(self, fact: Fact, limit: int) -> list[FactRow]:
        """The latest rows of one fact, the newest first."""
        query = f"SELECT {_COLUMNS} FROM facts WHERE fact = ? ORDER BY id DESC LIMIT ?"  # noqa: S608
        return _rows(self._read(query, (fact.value, limit)))

    def prune(self, kept: Collection[str]) -> None:
        """Let all but the latest runs go, and those that are to be `kept`."""
        names = self.runs(_KEPT_RUNS + 100)
        if len(names) < _KEPT_RUNS + 100:
            return
        with self._guard:
            try:
                connection = self._open()
                with connection:
                    connection.executemany(
                        "DELETE FROM facts WHERE run = ?", [(name,) for name in names[_KEPT_RUNS:] if name not in kept]
                    )
            except _BROKEN:
                return

    def close(self) -> None:
        """Let the database go; the next call opens it again."""
        with self._guard:
            self._close()

    def _insert(self, values: Iterable[tuple[object, ...]]) -> None:
        connection = self._open()
        with connection:
            connection.executemany("INSERT INTO facts (run, fact, stage, data, time) VALUES (?, ?, ?, ?, ?)", values)

    def _read(self, query: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        if not os.path.exists(self._path):
            return []
        with self._guard:
            try:
                with self._reader() as connection:
                    return connection.execute(query, values).fetchall()
            except _BROKEN:
                return []

    @contextlib.contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """The connection for writing if there is one; otherwise one that changes nothing, so that reading needs no permission."""
        if self._connection is not None:
            yield self._connection
            return
        with contextlib.closing(sqlite3.connect(f"file:{quote(self._path)}?mode=ro", uri=True, timeout=30)) as connection:
            _check(connection)
            yield connection

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self._path, timeout=30, check_same_thread=False)
            try:
                _check(connection)
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.executescript(_SCHEMA)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _check(connection: sqlite3.Connection) -> None:
    if connection.execute(FOREIGN).fetchone():
        raise sqlite3.DatabaseError("it holds more than tables")


def _rows(found: Iterable[tuple[object, ...]]) -> list[FactRow]:
    """Those of them that dvx can have written."""
    rows = []
    for run, fact, stage, data, moment, number in found:
        with contextlib.suppress(ValueError, TypeError):
            rows.append(decode_row(run, fact, stage, read_kept(data), moment, number))  # type: ignore[arg-type]
    return rows
