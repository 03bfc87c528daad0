"""TaskBook (SQLite): the experiments that are to run, run, or failed. A task is claimed by one worker, whoever else asks."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace

from dvx.errors import DvxError
from dvx.model.kept import FOREIGN, read_kept
from dvx.model.task import State, Task, decode_task, encode_task

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks
    (ident TEXT PRIMARY KEY, place INTEGER, name TEXT, state TEXT, worker TEXT, asked TEXT NOT NULL DEFAULT '', body TEXT);
CREATE INDEX IF NOT EXISTS by_state ON tasks (state, place);
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, time REAL);
"""
_STOP = "stop"
_ROW = "ident, state, body"
_LAST = "SELECT coalesce(max(place), 0) FROM tasks WHERE typeof(place) = 'integer' AND place < 4611686018427387904"
# a damaged schema makes sqlite3 raise an error whose own text cannot be decoded
_BROKEN = (sqlite3.DatabaseError, UnicodeError, ValueError)


class TaskBook:
    """The database at `path`. `make_folder` and `set_aside` are asked for what they are called before something is written.

    Unlike the journal, what it holds was not done yet: it is written durably, and what cannot be written is an error. One that is
    broken is set aside, not overwritten; a row that is no task's is left alone.
    """

    def __init__(self, path: str, make_folder: Callable[[str], None], set_aside: Callable[[str], None]) -> None:
        self._path = path
        self._make_folder = make_folder
        self._set_aside = set_aside

    def change(self, make: Callable[[Sequence[Task]], tuple[Sequence[Task], Sequence[str]]]) -> Sequence[Task]:
        """Add the tasks that `make` gives for those that are there, and forget the others that it names: all or nothing.

        Until that is done nobody else changes anything: no worker claims what is looked at. A task that is there already is
        written anew, and comes last.
        """
        with self._writing() as connection:
            query = f"SELECT {_ROW} FROM tasks ORDER BY place"  # noqa: S608
            found = [_task(row) for row in connection.execute(query)]
            tasks, gone = make([one for one in found if one is not None])
            last = connection.execute(_LAST).fetchone()[0]
            rows = [
                (task.ident, place, task.name, task.state.value, task.worker, _text(task))
                for place, task in enumerate(tasks, last + 1)
            ]
            words = "INSERT OR REPLACE INTO tasks (ident, place, name, state, worker, body) VALUES (?, ?, ?, ?, ?, ?)"
            connection.executemany(words, rows)
            connection.executemany("DELETE FROM tasks WHERE ident = ?", [(ident,) for ident in gone])
            return tasks

    def tasks(self, *states: State) -> list[Task]:
        """The tasks in any of the states (all without), in the order in which they were added."""
        wanted = states or tuple(State)
        marks = ", ".join("?" * len(wanted))
        query = f"SELECT {_ROW} FROM tasks WHERE state IN ({marks}) ORDER BY place"  # noqa: S608  only question marks
        found = (_task(row) for row in self._read(query, [state.value for state in wanted]))
        return [one for one in found if one is not None]

    def unreadable(self) -> list[str]:
        """What those rows call themselves that are no task's: a newer dvx may have written them, or a stranger."""
        try:
            rows = self._ask(f"SELECT {_ROW} FROM tasks ORDER BY place")  # noqa: S608
        except _BROKEN as error:
            return [] if "no such table" in str(error) else [os.path.basename(self._path)]
        return [str(row[0]) for row in rows if _task(row) is None]

    def claim(self, worker: str, is_dead: Callable[[str], bool]) -> Task | None:
        """Take the next task for a worker: one that a dead worker had, or else the first that waits. None if there is none."""
        if not os.path.exists(self._path):
            return None
        with self._writing() as connection:
            query = f"SELECT {_ROW} FROM tasks WHERE state = ? ORDER BY place"  # noqa: S608
            running = (_task(row) for row in connection.execute(query, (State.RUNNING.value,)).fetchall())
            task = next((one for one in running if one is not None and one.snapshot and is_dead(one.worker)), None)
            if task is None:
                queued = (_task(row) for row in connection.execute(query, (State.QUEUED.value,)).fetchall())
                task = next((one for one in queued if one is not None and one.snapshot), None)
            if task is None:
                return None
            task = replace(task, state=State.RUNNING, worker=worker, started=task.started or time.time())
            _put(connection, task)
            return task

    def update(self, task: Task, *, held_by: str | None = None) -> bool:
        """Write a task anew; with `held_by` only while that worker has it. Returns whether it was written."""
        with self._writing() as connection:
            if held_by is not None:
                row = connection.execute("SELECT worker FROM tasks WHERE ident = ?", (task.ident,)).fetchone()
                if row is None or row[0] != held_by:
                    return False
            _put(connection, task)
            return True

    def remove(self, idents: Iterable[str]) -> None:
        """Forget tasks."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM tasks WHERE ident = ?", [(ident,) for ident in idents])

    @contextlib.contextmanager
    def unneeded(self, snapshots: Iterable[str]) -> Iterator[set[str]]:
        """Those of the snapshots that only tasks name which succeeded, or none; it stays so until the block ends."""
        with self._writing() as connection:
            query = f"SELECT {_ROW} FROM tasks WHERE state IS NOT ?"  # noqa: S608
            tasks = [_task(row) for row in connection.execute(query, (State.SUCCESS.value,))]
            # what a task needs that cannot be read is unknown
            yield set() if None in tasks else set(snapshots).difference(one.snapshot for one in tasks if one is not None)

    def ask_stop(self) -> None:
        """Ask the workers that work now to end after their task."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (_STOP, time.time()))

    def stop_asked(self, since: float) -> bool:
        """Whether workers were asked to end after `since`."""
        found = self._read("SELECT time FROM marks WHERE name = ?", (_STOP,))
        return any(isinstance(moment, float) and moment >= since for (moment,) in found)

    def ask(self, ident: str, what: str) -> None:
        """Leave a word for who works on a task."""
        with self._writing() as connection:
            connection.execute("UPDATE tasks SET asked = ? WHERE ident = ?", (what, ident))

    def asked(self, ident: str) -> str:
        """The word that was left for who works on a task; empty without one."""
        return next((str(word) for (word,) in self._read("SELECT asked FROM tasks WHERE ident = ?", (ident,))), "")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, all of which is done, or nothing."""
        self._make_folder(os.path.dirname(self._path))
        try:
            connection = self._begin_anew()
        except sqlite3.Error as error:
            raise self._failure(error) from None
        with contextlib.closing(connection):
            try:
                yield connection
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._failure(error) from None
            # closing takes back what is not committed

    def _begin_anew(self) -> sqlite3.Connection:
        try:
            return self._begin()
        except sqlite3.OperationalError:
            raise
        except _BROKEN:
            self._set_aside(self._path)
            return self._begin()

    def _begin(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        connection.text_factory = _text_of
        try:
            _check(connection)
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection

    def _read(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The answer to a question; none from a database that is broken or not there. Changes nothing."""
        try:
            return self._ask(query, values)
        except _BROKEN:
            return []

    def _ask(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        if not os.path.exists(self._path):
            return []
        with contextlib.closing(sqlite3.connect(f"file:{quote(self._path)}?mode=ro", uri=True, timeout=60)) as connection:
            connection.text_factory = _text_of
            _check(connection)
            return connection.execute(query, values).fetchall()

    def _failure(self, error: sqlite3.Error) -> DvxError:
        return DvxError(
            f"the list of experiments `{self._path}` cannot be written: {error}", "make room, or wait for who holds it"
        )


def _check(connection: sqlite3.Connection) -> None:
    if connection.execute(FOREIGN).fetchone():
        raise sqlite3.DatabaseError("it holds more than tables")


def _text_of(raw: bytes) -> str:
    """One text that is none must not keep the others from being read."""
    return raw.decode("utf-8", "backslashreplace")


def _put(connection: sqlite3.Connection, task: Task) -> None:
    words = "UPDATE tasks SET name = ?, state = ?, worker = ?, body = ? WHERE ident = ?"
    connection.execute(words, (task.name, task.state.value, task.worker, _text(task), task.ident))


def _text(task: Task) -> str:
    return json.dumps(encode_task(task))


def _task(row: tuple[Any, ...]) -> Task | None:
    """The task that a row is of, if all of it agrees."""
    ident, state, body = row
    try:
        task = decode_task(read_kept(body)) if isinstance(body, str) else None
    except ValueError:
        return None
    return task if task is not None and (task.ident, task.state.value) == (ident, state) else None
