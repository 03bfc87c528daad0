"""RowCache (SQLite): texts that never change once they are known, by key. Losing it costs only time."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import zlib
from collections.abc import Iterable, Mapping

from dvx.model.kept import FOREIGN
from dvx.store.files import make_folder, remove

# a damaged schema makes sqlite3 raise an error whose own text cannot be decoded
_BROKEN = (sqlite3.Error, UnicodeError)
_SCHEMA = "CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, sum INTEGER, body BLOB) WITHOUT ROWID"
_PORTION = 500


class RowCache:
    """The database at `path`; a row that was damaged does not exist, a file that is no database is made anew."""

    def __init__(self, path: str) -> None:
        self._path = path

    def get_many(self, keys: Iterable[str]) -> dict[str, str]:
        """The texts of those keys that are known."""
        wanted = list(keys)
        found: dict[str, str] = {}
        if not os.path.exists(self._path):
            return found
        try:
            with contextlib.closing(self._open()) as connection:
                for start in range(0, len(wanted), _PORTION):
                    portion = wanted[start : start + _PORTION]
                    marks = ",".join("?" * len(portion))
                    query = f"SELECT key, sum, body FROM rows WHERE key IN ({marks})"  # noqa: S608  only question marks
                    found |= {
                        key: body.decode() for key, total, body in connection.execute(query, portion) if _intact(key, total, body)
                    }
        except _BROKEN:
            self._drop()
            return {}
        return found

    def put_many(self, rows: Mapping[str, str]) -> None:
        """Remember texts; where that is impossible (read-only, full), they are forgotten."""
        if not rows:
            return
        try:
            make_folder(os.path.dirname(self._path))
            with contextlib.closing(self._open()) as connection, connection:
                texts = ((key, text.encode()) for key, text in rows.items())
                connection.executemany(
                    "INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", [(key, _sum(key, body), body) for key, body in texts]
                )
        except sqlite3.OperationalError:
            return
        except _BROKEN:
            self._drop()
        except OSError:
            return

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=10)
        try:
            if connection.execute(FOREIGN).fetchone():
                raise sqlite3.DatabaseError("it holds more than tables")
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute(_SCHEMA)
        except _BROKEN:
            connection.close()
            raise
        return connection

    def _drop(self) -> None:
        with contextlib.suppress(OSError):
            remove(self._path)


def _intact(key: object, total: object, body: object) -> bool:
    return isinstance(key, str) and isinstance(body, bytes) and total == _sum(key, body)


def _sum(key: str, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(key.encode()))
