"""StatCache: path -> (stat, digest), so that an unchanged file is not read again, and an unchanged folder not listed as a tree.

A row is believed only if device, inode, size, mtime and ctime are those seen when the bytes were hashed, and the file was not
touched within a clock tick of that moment: an edit in the same tick could leave the same stat behind (Git's racy rule).
Losing or corrupting the database costs only speed: each row carries its own check sum.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import threading
from collections.abc import Mapping
from zlib import crc32

from dvx.errors import DvxError
from dvx.model.digest import Digest
from dvx.model.tree import Content
from dvx.store.files import make_folder, remove

TICK = 20_000_000
_COARSE_TICK = 2_000_000_000
_pack = struct.Struct("<QQQqq").pack
# a damaged schema makes sqlite3 raise an error whose own text cannot be decoded
_BROKEN = (sqlite3.Error, UnicodeError)
_SCHEMA = "CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, row BLOB) WITHOUT ROWID"


def stamp(status: os.stat_result) -> bytes:
    """What identifies one state of a file: device, inode, size, mtime and ctime (ns), packed."""
    return _pack(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def is_settled(status: os.stat_result, moment: int) -> bool:
    """Whether a file with this stat, hashed at `moment` (ns since the epoch), cannot change unnoticed any more."""
    newest = max(status.st_mtime_ns, status.st_ctime_ns)
    tick = TICK if newest % 1_000_000_000 else _COARSE_TICK
    return newest + tick < moment


class Known:
    """Rows read from the database, asked by path and stat."""

    def __init__(self, rows: Mapping[str, bytes]) -> None:
        self._rows = rows

    def digest(self, path: str, status: os.stat_result, algorithm: str) -> Digest | None:
        """The digest of `path` if its stamp is still the same and the row is intact."""
        row = self._rows.get(path)
        if row is None or row[4:44] != stamp(status) or not _is_intact(path, row):
            return None
        name, _, value = row[44:].decode("ascii", "replace").partition(":")
        if name != algorithm:
            return None
        try:
            return Digest(name, value)
        except DvxError:
            return None


class StatCache:
    """The database at `path`; opened at first use, thread-safe."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._guard = threading.Lock()
        self._fresh: dict[bytes, bytes] = {}

    def below(self, path: str) -> Known:
        """What is known of `path` and everything below it (of everything, for the empty path)."""
        low = os.fsencode(path)
        query = "SELECT path, row FROM files"
        if path:
            query += " WHERE path = ?1 OR (path > ?2 AND path < ?3)"
        return Known(self._rows(query, (low, low + b"/", low + b"0") if path else ()))

    def folder(self, path: str) -> tuple[bytes, Content] | None:
        """The fingerprint of a folder's files and what the folder held when they had it."""
        name = path + "/"
        row = self._rows("SELECT path, row FROM files WHERE path = ?1", (os.fsencode(name),)).get(name)
        if row is None or not _is_intact(name, row):
            return None
        try:
            digest, size, count = row[20:].decode("ascii").split(" ")
            algorithm, _, value = digest.partition(":")
            return row[4:20], Content(Digest(algorithm, value), int(size), int(count))
        except (ValueError, DvxError):
            return None

    def remember(self, path: str, status: os.stat_result, digest: Digest) -> None:
        """Record a settled file; `flush` writes it."""
        name = os.fsencode(path)
        body = stamp(status) + f"{digest.algorithm}:{digest.hex}".encode("ascii")
        self._fresh[name] = _sealed(name, body)

    def remember_folder(self, path: str, fingerprint: bytes, content: Content) -> None:
        """Record a folder all of whose files are settled; `fingerprint` has 16 bytes. `flush` writes it."""
        body = fingerprint + f"{content.digest} {content.size} {content.files}".encode("ascii")
        name = os.fsencode(path + "/")
        self._fresh[name] = _sealed(name, body)

    def flush(self) -> None:
        """Write what was remembered; where that is impossible (read-only, full, locked), it is forgotten."""
        with self._guard:
            fresh, self._fresh = self._fresh, {}
            if not fresh:
                return
            try:
                make_folder(os.path.dirname(self._path))
                connection = self._open()
                with connection:
                    connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?)", fresh.items())
            except sqlite3.OperationalError:
                self._close()
            except _BROKEN:
                self._drop()
            except OSError:
                self._close()

    def close(self) -> None:
        """Write what was remembered and close the database."""
        self.flush()
        with self._guard:
            self._close()

    def _rows(self, query: str, values: tuple[bytes, ...]) -> dict[str, bytes]:
        with self._guard:
            if self._connection is None and not os.path.exists(self._path):
                return {}
            try:
                found = self._open().execute(query, values)
                return {os.fsdecode(name): row for name, row in found if isinstance(name, bytes) and isinstance(row, bytes)}
            except _BROKEN:
                self._drop()
                return {}

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, timeout=30, check_same_thread=False)
            self._connection.execute("PRAGMA synchronous=OFF")
            self._connection.execute(_SCHEMA)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _drop(self) -> None:
        """Forget a broken database; it is made anew when something is remembered."""
        self._close()
        try:
            remove(self._path)
        except OSError:
            pass


def _sealed(name: bytes, body: bytes) -> bytes:
    """A row: a check sum over name and body, then the body."""
    return crc32(body, crc32(name)).to_bytes(4, "little") + body


def _is_intact(path: str, row: bytes) -> bool:
    return crc32(row[4:], crc32(os.fsencode(path))) == int.from_bytes(row[:4], "little")
