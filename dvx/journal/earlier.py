"""What earlier versions of dvx kept elsewhere: a list of experiments that wait, run or failed."""

from __future__ import annotations

import contextlib
import sqlite3
from urllib.parse import quote

from dvx.journal.rows import read_run, row_of
from dvx.model.kept import FOREIGN


def rows_of_tasks(place: str) -> list[tuple[object, ...]]:
    """The rows of a list of experiments, as those of the registry; none of one that is broken or not there."""
    try:
        # a transaction that was killed is taken back, so this may write
        with contextlib.closing(sqlite3.connect(f"file:{quote(place)}?mode=rw", uri=True, timeout=60)) as connection:
            if connection.execute(FOREIGN).fetchone():
                return []
            found = connection.execute("SELECT ident, name, state, asked, body FROM tasks ORDER BY place").fetchall()
    except sqlite3.OperationalError as error:
        if "no such" in str(error) or "unable to open" in str(error):
            return []
        raise
    except (sqlite3.DatabaseError, UnicodeError):
        return []
    rows = [(ident, name, "", state, word if word == "kill" else "", body) for ident, name, state, word, body in found]
    return [row_of(run) if (run := read_run(row)) is not None else row for row in rows]
