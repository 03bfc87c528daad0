"""Registry (SQLite): runs, a row each, which one worker claims, whoever else asks; and what they did, a fact a row."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Self
from urllib.parse import quote

from msgspec.structs import replace

from dvx.errors import DvxError
from dvx.journal.earlier import rows_of_tasks
from dvx.journal.rows import FACT, RUN, check, read_facts, read_run, read_runs, row_of, text_of
from dvx.model.pipelines.run import Run, State, Wish
from dvx.model.pipelines.run_history import Fact, FactRow

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs
    (id INTEGER PRIMARY KEY, ident TEXT UNIQUE, name TEXT, place TEXT, state TEXT, asked TEXT NOT NULL DEFAULT '', body TEXT);
CREATE INDEX IF NOT EXISTS by_state ON runs (state, id);
CREATE TABLE IF NOT EXISTS facts (id INTEGER PRIMARY KEY, run TEXT, fact TEXT, stage TEXT, data TEXT, time REAL);
CREATE INDEX IF NOT EXISTS of_run ON facts (run, id);
CREATE INDEX IF NOT EXISTS of_fact ON facts (fact, id);
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, time REAL);
"""
# one that succeeded in the workspace is a ref, and history here
_EXPERIMENTS = f"SELECT {RUN} FROM runs WHERE name != '' AND (place != 'workspace' OR state != 'success') ORDER BY id"  # noqa: S608
_ALL = f"SELECT {RUN} FROM runs ORDER BY id DESC"  # noqa: S608
_ONE = f"SELECT {RUN} FROM runs WHERE ident = ?"  # noqa: S608
_IN = f"SELECT {RUN} FROM runs WHERE state = ? ORDER BY id"  # noqa: S608
_UNDONE = f"SELECT {RUN} FROM runs WHERE state IS NOT ?"  # noqa: S608
_NEW = f"INTO runs ({RUN}) VALUES (?, ?, ?, ?, ?, ?)"
_IGNORE = f"INSERT OR IGNORE {_NEW}"
_STOP = "stop"
# a damaged schema makes sqlite3 raise an error whose own text cannot be decoded
_BROKEN = (sqlite3.DatabaseError, UnicodeError, ValueError)

Change = tuple[Iterable[Run], Iterable[str]]
"""Runs to write, and the idents of others to forget."""


class Registry:
    """The database at `path`. `make_folder` and `set_aside` are asked for what they are called before something is written.

    What waits was not done yet, so experiments are written durably, each change all or nothing; what cannot be written is an
    error. A database that is broken is set aside, not overwritten; a row that cannot be read is left alone. What is history only
    may be lost in a power cut. Within `with`, there is one connection, which threads share.
    """

    def __init__(self, path: str, make_folder: Callable[[str], None], set_aside: Callable[[str], None]) -> None:
        self._path = path
        self._earlier = os.path.join(os.path.dirname(path), "exps", "tasks.db")
        self._make_folder = make_folder
        self._set_aside = set_aside
        self._guard = threading.Lock()
        self._lasting = False
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        self._lasting = True
        return self

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._lasting = False
            self._close()

    # --- runs

    def experiments(self, *states: State) -> list[Run]:
        """The experiments in any of the states (all without), in the order in which they were asked for."""
        return [one for one in read_runs(self._read(_EXPERIMENTS)) if not states or one.state in states]

    def runs(self) -> list[Run]:
        """All runs, the newest first."""
        return read_runs(self._read(_ALL))

    def unended(self) -> list[Run]:
        """The runs of which nobody wrote that they ended."""
        return [one for state in (State.RUNNING, State.QUEUED) for one in read_runs(self._read(_IN, (state.value,)))]

    def unreadable(self) -> list[str]:
        """What those rows call themselves that are no run's: a newer dvx may have written them, or a stranger."""
        try:
            rows = self._ask(_ALL)
        except _BROKEN as error:
            return [] if "no such table" in str(error) else [os.path.basename(self._path)]
        return [str(row[0]) for row in rows if read_run(row) is None]

    def change(self, make: Callable[[Sequence[Run]], Change]) -> tuple[Run, ...]:
        """Write the runs that `make` gives for the experiments that are there, and forget those that it names: all or nothing.

        Until that is done nobody else changes anything: no worker claims what is looked at. An experiment that is there already
        is written anew, and comes last.
        """
        with self._writing() as connection:
            runs, gone = make(read_runs(connection.execute(_EXPERIMENTS)))
            made = tuple(runs)
            connection.executemany(f"INSERT OR REPLACE {_NEW}", map(row_of, made))
            connection.executemany("DELETE FROM runs WHERE ident = ?", [(ident,) for ident in gone])
            return made

    def add(self, run: Run) -> bool:
        """Write a new run, for history; returns whether there was none of that ident."""
        with self._writing(durable=False) as connection:
            return connection.execute(_IGNORE, row_of(run)).rowcount == 1

    def amend(self, ident: str, make: Callable[[Run], Run | None], *, durable: bool = True) -> Run | None:
        """Compare and swap: write for a run what `make` gives for it as it is. None if that is none, or there is no such run."""
        with self._writing(durable=durable) as connection:
            found = read_runs(connection.execute(_ONE, (ident,)))
            run = make(found[0]) if found else None
            if run is not None:
                _put(connection, run)
            return run

    def claim(self, worker: str, is_dead: Callable[[str], bool]) -> Run | None:
        """Take the next experiment for a worker: one that a dead worker had, or else the first that waits. None if there is
        none."""
        if not os.path.exists(self._path) and not os.path.exists(self._earlier):
            return None
        with self._writing() as connection:
            found = (read_run(row) for state in (State.RUNNING, State.QUEUED) for row in connection.execute(_IN, (state.value,)))
            free = (one for one in found if one and one.snapshot and (one.state is State.QUEUED or is_dead(one.worker)))
            run = next(free, None)
            if run is not None:
                run = replace(run, state=State.RUNNING, worker=worker, started=run.started or time.time())
                _put(connection, run)
            return run

    def asked(self, ident: str) -> Wish:
        """What is asked of a run."""
        found = read_runs(self._read(_ONE, (ident,)))
        return found[0].asked if found else Wish.NOTHING

    @contextlib.contextmanager
    def unneeded(self, snapshots: Iterable[str]) -> Iterator[set[str]]:
        """Those of the snapshots that only runs name which succeeded, or none; it stays so until the block ends."""
        with self._writing() as connection:
            runs = [read_run(row) for row in connection.execute(_UNDONE, (State.SUCCESS.value,))]
            # what a run needs that cannot be read is unknown
            yield set() if None in runs else set(snapshots).difference(one.snapshot for one in runs if one is not None)

    def ask_stop(self) -> None:
        """Ask the workers that work now to end after their experiment."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (_STOP, time.time()))

    def stop_asked(self, since: float) -> bool:
        """Whether workers were asked to end after `since`."""
        found = self._read("SELECT time FROM marks WHERE name = ?", (_STOP,))
        return any(isinstance(moment, float) and moment >= since for (moment,) in found)

    # --- facts

    def note(self, rows: Sequence[FactRow]) -> None:
        """Add facts, all or none; they get their ids, and their times where they have none."""
        now = time.time()
        values = [(row.run, row.fact.value, row.stage, json.dumps(row.data), row.time or now) for row in rows]
        with self._writing(durable=False) as connection:
            connection.executemany("INSERT INTO facts (run, fact, stage, data, time) VALUES (?, ?, ?, ?, ?)", values)

    def facts(self, run: str) -> list[FactRow]:
        """What was noted of a run."""
        return read_facts(self._read(f"SELECT {FACT} FROM facts WHERE run = ? ORDER BY id", (run,)))  # noqa: S608

    def latest(self, fact: Fact, limit: int) -> list[FactRow]:
        """The latest rows of one fact, the newest first."""
        query = f"SELECT {FACT} FROM facts WHERE fact = ? ORDER BY id DESC LIMIT ?"  # noqa: S608
        return read_facts(self._read(query, (fact.value, limit)))

    def prune(self, kept: int, needed: Collection[str]) -> None:
        """Forget the oldest runs in the workspace but the `needed` ones, where there are a tenth more than are to be `kept`."""
        with self._writing(durable=False) as connection:
            query = "SELECT ident FROM runs WHERE place = 'workspace' ORDER BY id DESC"
            found = [ident for (ident,) in connection.execute(query)]
            if len(found) > kept * 1.1:
                gone = [(ident,) for ident in found[kept:] if ident not in needed]
                connection.executemany("DELETE FROM runs WHERE ident = ?", gone)
                connection.execute("DELETE FROM facts WHERE run NOT IN (SELECT ident FROM runs)")

    # --- the database

    @contextlib.contextmanager
    def _writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction, all of which is done, or nothing."""
        with self._guard:
            try:
                connection = self._begin_anew(durable=durable)
                yield connection
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._close()
                if type(error) is sqlite3.DatabaseError:
                    # damage that shows only now
                    self._set_aside(self._path)
                hint = "make room, or wait for who holds it"
                raise DvxError(f"the list of runs `{self._path}` cannot be written: {error}", hint) from None
            finally:
                # closing takes back what is not committed
                if not self._lasting or (self._connection is not None and self._connection.in_transaction):
                    self._close()

    def _begin_anew(self, *, durable: bool) -> sqlite3.Connection:
        try:
            return self._begin(durable=durable)
        except _BROKEN as error:
            self._close()
            # full, read-only, or busy for long
            if isinstance(error, sqlite3.OperationalError) and "column" not in str(error):
                raise
            self._set_aside(self._path)
            return self._begin(durable=durable)

    def _begin(self, *, durable: bool) -> sqlite3.Connection:
        if self._connection is None:
            self._make_folder(os.path.dirname(self._path))
            self._connection = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
            self._connection.text_factory = text_of
            check(self._connection)
            with contextlib.suppress(sqlite3.OperationalError):
                # others may be at it: until the next one tries, writing is slower
                self._connection.execute("PRAGMA journal_mode=WAL")
            self._found(self._connection)
        self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def _found(self, connection: sqlite3.Connection) -> None:
        """Make the tables, and take over what an earlier dvx wrote elsewhere."""
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone()
        earlier = os.path.exists(self._earlier)
        if known and not earlier:
            connection.execute(f"SELECT {RUN} FROM runs LIMIT 0")  # noqa: S608
            connection.execute(f"SELECT {FACT} FROM facts LIMIT 0")  # noqa: S608
            return
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        # others may have done this meanwhile, and changed things since: then it is not there any more
        connection.executemany(_IGNORE, rows_of_tasks(self._earlier))
        connection.execute("COMMIT")
        if earlier:
            self._set_aside(self._earlier)

    def _is_shared(self) -> bool:
        """Whether somebody may be at it, so that SQLite has to make files beside it, or to read those that are there."""
        return os.access(os.path.dirname(self._path), os.W_OK) or os.path.exists(f"{self._path}-wal")

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The answer to a question; none from a database that is broken or not there. Changes nothing."""
        try:
            return self._ask(query, values)
        except _BROKEN:
            return []

    def _ask(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        if os.path.exists(self._earlier):
            with contextlib.suppress(DvxError), self._writing():
                pass
        if not os.path.exists(self._path):
            return []
        with self._guard:
            if self._connection is not None:
                return self._connection.execute(query, values).fetchall()
            place = f"file:{quote(self._path)}?mode=ro{'' if self._is_shared() else '&immutable=1'}"
            with contextlib.closing(sqlite3.connect(place, uri=True, timeout=60)) as connection:
                connection.text_factory = text_of
                check(connection)
                return connection.execute(query, values).fetchall()


def _put(connection: sqlite3.Connection, run: Run) -> None:
    ident, *values = row_of(run)
    connection.execute("UPDATE runs SET name = ?, place = ?, state = ?, asked = ?, body = ? WHERE ident = ?", (*values, ident))
