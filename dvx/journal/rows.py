"""Rows of the registry, and what they say: they are checked, as an archive may bring them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from dvx.model.kept import FOREIGN, read_kept
from dvx.model.pipelines.run import Run, Wish, decode_run, encode_run
from dvx.model.pipelines.run_history import FactRow, decode_row

RUN = "ident, name, place, state, asked, body"
FACT = "run, fact, stage, data, time, id"


def check(connection: sqlite3.Connection) -> None:
    """Refuse a database with what computes an answer; raises sqlite3.DatabaseError."""
    if connection.execute(FOREIGN).fetchone():
        raise sqlite3.DatabaseError("it holds more than tables")


def text_of(raw: bytes) -> str:
    """One text that is none must not keep the others from being read."""
    return raw.decode("utf-8", "backslashreplace")


def row_of(run: Run) -> tuple[object, ...]:
    """The columns `RUN` of a run."""
    return run.ident, run.name, run.place.value, run.state.value, run.asked.value, json.dumps(encode_run(run))


def read_run(row: tuple[Any, ...]) -> Run | None:
    """The run that a row is of, if all of it agrees."""
    ident, name, _, state, asked, body = row
    try:
        run = replace(decode_run(read_kept(body)), asked=Wish(asked)) if isinstance(body, str) else None
    except ValueError:
        return None
    return run if run is not None and (run.ident, run.name, run.state.value) == (ident, name, state) else None


def read_runs(rows: Iterable[tuple[Any, ...]]) -> list[Run]:
    """Those of the rows that are runs."""
    return [run for row in rows if (run := read_run(row)) is not None]


def read_facts(rows: Iterable[tuple[Any, ...]]) -> list[FactRow]:
    """Those of the rows, of the columns `FACT`, that dvx can have written."""
    found = []
    for run, fact, stage, data, moment, number in rows:
        with contextlib.suppress(ValueError, TypeError):
            found.append(decode_row(run, fact, stage, read_kept(data), moment, number))
    return found
