"""TaskBook (SQLite): the experiments that are to run, run, or failed. A task is claimed by one worker, whoever else asks."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import ValidationError
from msgspec.structs import replace

from dvx.errors import DvxError
from dvx.model.task import State, Task, decode_task, encode_task

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks
    (ident TEXT PRIMARY KEY, place INTEGER, name TEXT, state TEXT, worker TEXT, asked TEXT NOT NULL DEFAULT '', body TEXT);
CREATE INDEX IF NOT EXISTS by_state ON tasks (state, place);
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, time REAL);
"""
_STOP = "stop"


class TaskBook:
    """The database at `path`, whose folder exists when something is written.

    Unlike the journal, what it holds was not done yet: it is written durably, and what cannot be written is an error.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def add(self, tasks: Sequence[Task]) -> None:
        """Add tasks, all or none."""
        with self._writing() as connection:
            last = connection.execute("SELECT coalesce(max(place), 0) FROM tasks").fetchone()[0]
            rows = [
                (task.ident, place, task.name, task.state.value, task.worker, _text(task))
                for place, task in enumerate(tasks, last + 1)
            ]
            connection.executemany("INSERT INTO tasks (ident, place, name, state, worker, body) VALUES (?, ?, ?, ?, ?, ?)", rows)

    def tasks(self, *states: State) -> list[Task]:
        """The tasks in any of the states (all without), in the order in which they were added."""
        if not os.path.exists(self._path):
            return []
        wanted = states or tuple(State)
        marks = ", ".join("?" * len(wanted))
        query = f"SELECT body FROM tasks WHERE state IN ({marks}) ORDER BY place"  # noqa: S608  only question marks
        with self._reading() as connection:
            return [_task(body) for (body,) in connection.execute(query, [state.value for state in wanted])]

    def claim(self, worker: str, is_dead: Callable[[str], bool]) -> Task | None:
        """Take the next task for a worker: one that a dead worker had, or else the first that waits. None if there is none."""
        if not os.path.exists(self._path):
            return None
        with self._writing() as connection:
            query = "SELECT ident, worker, body FROM tasks WHERE state = ? ORDER BY place"
            running = connection.execute(query, (State.RUNNING.value,)).fetchall()
            found = next((body for _, other, body in running if _task(body).snapshot and is_dead(other)), None)
            if found is None:
                first = connection.execute(query + " LIMIT 1", (State.QUEUED.value,)).fetchone()
                found = first[2] if first else None
            if found is None:
                return None
            task = _task(found)
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

    def ask_stop(self) -> None:
        """Ask the workers that work now to end after their task."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (_STOP, time.time()))

    def stop_asked(self, since: float) -> bool:
        """Whether workers were asked to end after `since`."""
        if not os.path.exists(self._path):
            return False
        with self._reading() as connection:
            row = connection.execute("SELECT time FROM marks WHERE name = ?", (_STOP,)).fetchone()
        return row is not None and row[0] >= since

    def ask(self, ident: str, what: str) -> None:
        """Leave a word for who works on a task."""
        with self._writing() as connection:
            connection.execute("UPDATE tasks SET asked = ? WHERE ident = ?", (what, ident))

    def asked(self, ident: str) -> str:
        """The word that was left for who works on a task; empty without one."""
        with self._reading() as connection:
            row = connection.execute("SELECT asked FROM tasks WHERE ident = ?", (ident,)).fetchone()
        return str(row[0]) if row else ""

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._open() as connection:
            connection.executescript(_SCHEMA)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._open() as connection:
            connection.executescript(_SCHEMA)
            yield connection

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                yield connection
        except (sqlite3.Error, UnicodeError, ValidationError, ValueError) as error:
            hint = "set it aside, then queue what is missing again; finished experiments are not in it"
            raise DvxError(f"the list of experiments `{self._path}` cannot be used: {error}", hint) from None


def _put(connection: sqlite3.Connection, task: Task) -> None:
    words = "UPDATE tasks SET name = ?, state = ?, worker = ?, body = ? WHERE ident = ?"
    connection.execute(words, (task.name, task.state.value, task.worker, _text(task), task.ident))


def _text(task: Task) -> str:
    return json.dumps(encode_task(task))


def _task(body: str) -> Task:
    return decode_task(json.loads(body))
