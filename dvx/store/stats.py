"""StatCache: path -> (stat, digest), so that an unchanged file is not read again, and an unchanged folder not listed as a tree.

A file's row is believed only if device, inode, size, mtime and ctime are those seen when the bytes were hashed, and the file was
not touched within a clock tick of that moment: an edit in the same tick could leave the same stat behind (Git's racy rule).
It may say, too, which ctime the object of the same bytes had then, which has changed if anybody changed the object since.
The rows of a folder's files are one value of the database, as 20,000 values take longer to write than to find out.
Losing or corrupting the database costs only speed: each value carries its own check sum.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
import threading
import time
from zlib import crc32

import msgspec

from dvx.errors import DvxError
from dvx.model.digest import Digest
from dvx.model.kept import FOREIGN
from dvx.model.paths import check_path
from dvx.model.tree import Content
from dvx.store.files import make_folder, remove

TICK = 20_000_000
_COARSE_TICK = 2_000_000_000
_pack = struct.Struct("<QQQqq").pack
# a damaged schema makes sqlite3 raise an error whose own text cannot be decoded
_BROKEN = (sqlite3.Error, UnicodeError)
_SCHEMA = "CREATE TABLE IF NOT EXISTS folders (path BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"
_AT_HAND = 64
"""How many folders are kept in memory: a walk asks for the files of one after the other."""


def stamp(status: os.stat_result) -> bytes:
    """What identifies one state of a file: device, inode, size, mtime and ctime (ns), packed."""
    return _pack(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def is_settled(status: os.stat_result, moment: int, *, linked: bool = False) -> bool:
    """Whether a file with this stat, hashed at `moment` (ns since the epoch), cannot change unnoticed any more.

    Of one that was just `linked` the ctime says when.
    """
    newest = status.st_mtime_ns if linked else max(status.st_mtime_ns, status.st_ctime_ns)
    tick = TICK if newest % 1_000_000_000 else _COARSE_TICK
    return newest + tick < moment


class StatCache:
    """The database at `path`; opened at first use, thread-safe.

    The key `a/b` has what is known of the folder as a whole, `a/b/` the rows of the files in it, by name.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._guard = threading.Lock()
        self._at_hand: dict[str, dict[bytes, bytes]] = {}
        self._fresh_rows: dict[str, dict[bytes, bytes]] = {}
        self._fresh_folders: dict[bytes, bytes] = {}
        self._objects: dict[str, str] = {}

    def digest(self, path: str, status: os.stat_result, algorithm: str) -> Digest | None:
        """The digest of the file `path` if its stamp is still the same."""
        kind, _, value = self._said(path, status)[0].partition(":")
        if kind != algorithm:
            return None
        try:
            return Digest(kind, value)
        except DvxError:
            return None

    def object_time(self, path: str, status: os.stat_result) -> int:
        """The ctime (ns) of the object that the file `path` came from, or that came from it, when both had the same bytes.

        0 where that is not known, or the file's stamp is not what it was then.
        """
        said = self._said(path, status)
        return int(said[1]) if len(said) > 1 and said[1].isdecimal() else 0

    def _said(self, path: str, status: os.stat_result) -> list[str]:
        """The words of a file's row if its stamp is still the same: the digest, and perhaps the ctime of an object."""
        folder, _, name = path.rpartition("/")
        rows = self._at_hand.get(folder)
        if rows is None:
            rows = self._load(folder)
        key = os.fsencode(name)
        row = self._fresh_rows.get(folder, rows).get(key) or rows.get(key)
        if row is None or row[:40] != stamp(status):
            return [""]
        return row[40:].decode("ascii", "replace").split(" ")

    def folder(self, path: str) -> tuple[bytes, Content] | None:
        """The fingerprint of a folder's files and what the folder held when they had it."""
        key = os.fsencode(path)
        with self._guard:
            value = self._read(key)
        if value is None:
            return None
        try:
            digest, size, count = value[16:].decode("ascii").split(" ")
            algorithm, _, hexadecimal = digest.partition(":")
            return value[:16], Content(Digest(algorithm, hexadecimal), int(size), int(count))
        except (ValueError, DvxError):
            return None

    def remember(self, path: str, status: os.stat_result, digest: Digest, place: str = "") -> None:
        """Record a settled file; `flush` writes it, and the ctime that the object at `place` has by then."""
        folder, _, name = path.rpartition("/")
        rows = self._fresh_rows.get(folder)
        if rows is None:
            rows = self._fresh_rows.setdefault(folder, {})
        rows[os.fsencode(name)] = stamp(status) + f"{digest.algorithm}:{digest.hex}".encode("ascii")
        if place:
            self._objects[path] = place
        else:
            self._objects.pop(path, None)

    def remember_folder(self, path: str, fingerprint: bytes, content: Content) -> None:
        """Record a folder all of whose files are settled; `fingerprint` has 16 bytes. `flush` writes it."""
        value = fingerprint + f"{content.digest} {content.size} {content.files}".encode("ascii")
        self._fresh_folders[os.fsencode(path)] = value

    def flush(self) -> None:
        """Write what was remembered; where that is impossible (read-only, full, locked), it is forgotten."""
        with self._guard:
            fresh, self._fresh_rows = self._fresh_rows, {}
            folders, self._fresh_folders = self._fresh_folders, {}
            objects, self._objects = self._objects, {}
            if not fresh and not folders:
                return
            self._at_hand = {}
            for path, place in objects.items():
                folder, _, name = path.rpartition("/")
                with contextlib.suppress(OSError, KeyError):
                    fresh[folder][os.fsencode(name)] = _with_object(fresh[folder][os.fsencode(name)], place)
            try:
                make_folder(os.path.dirname(self._path))
                connection = self._open()
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    for folder, rows in fresh.items():
                        key = _key(folder)
                        folders[key] = msgspec.msgpack.encode(_rows(self._read(key)) | rows)
                    values = [(key, _sealed(key, value)) for key, value in folders.items()]
                    connection.executemany("INSERT OR REPLACE INTO folders VALUES (?, ?)", values)
            except sqlite3.OperationalError:
                self._close()
            except _BROKEN:
                self._drop()
            except OSError:
                self._close()

    def prune(self, root: str) -> None:
        """Forget the files and folders that are no more below the absolute folder `root`."""
        self.flush()
        with self._guard:
            if self._connection is None and not os.path.exists(self._path):
                return
            try:
                connection = self._open()
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    for (key,) in connection.execute("SELECT path FROM folders").fetchall():
                        known = _rows(self._read(key)) if isinstance(key, bytes) and key.endswith(b"/") else {}
                        there = _names(root, key)
                        kept = {name: row for name, row in known.items() if name in there}
                        if not there or (known and not kept):
                            connection.execute("DELETE FROM folders WHERE path = ?", (key,))
                        elif len(kept) < len(known):
                            sealed = _sealed(key, msgspec.msgpack.encode(kept))
                            connection.execute("UPDATE folders SET value = ? WHERE path = ?", (sealed, key))
            except sqlite3.OperationalError:
                self._close()
            except _BROKEN:
                self._drop()

    def close(self) -> None:
        """Write what was remembered and close the database."""
        self.flush()
        with self._guard:
            self._close()

    def _load(self, folder: str) -> dict[bytes, bytes]:
        """The rows of a folder's files, as they are written."""
        with self._guard:
            rows = _rows(self._read(_key(folder)))
            if len(self._at_hand) >= _AT_HAND:
                del self._at_hand[next(iter(self._at_hand))]
            self._at_hand[folder] = rows
        return rows

    def _read(self, key: bytes) -> bytes | None:
        """A value without its check sum; None if there is none that is intact."""
        if self._connection is None and not os.path.exists(self._path):
            return None
        try:
            found = self._open().execute("SELECT value FROM folders WHERE path = ?", (key,)).fetchone()
        except _BROKEN:
            self._drop()
            return None
        value = found[0] if found else None
        if not isinstance(value, bytes) or value[:4] != _sealed(key, value[4:])[:4]:
            return None
        return value[4:]

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, timeout=30, check_same_thread=False)
            if self._connection.execute(FOREIGN).fetchone():
                raise sqlite3.DatabaseError("it holds more than tables")
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


def _key(folder: str) -> bytes:
    return os.fsencode(folder) + b"/"


def _with_object(row: bytes, place: str) -> bytes:
    """A file's row with the ctime of its object. Where they are one file, that is the file's own: it changed with the name."""
    there = os.lstat(place)
    is_one = _one(row[:40]) == _one(stamp(there))
    if is_one and not is_settled(there, time.time_ns()):
        time.sleep(TICK / 1e9)
        there = os.lstat(place)
    if is_one and is_settled(there, time.time_ns()) and _one(row[:40]) == _one(stamp(there)):
        row = stamp(there) + row[40:]
    return row + b" %d" % there.st_ctime_ns


def _one(stamped: bytes) -> bytes:
    """What names and links of a file leave as it is: all but the ctime."""
    return stamped[:32]


def _names(root: str, key: object) -> frozenset[bytes]:
    """What is in the folder that a row is of; nothing if it is none of the project's."""
    try:
        path = os.fsdecode(key).rstrip("/") if isinstance(key, bytes) else ".."
        return frozenset(os.listdir(os.fsencode(os.path.join(root, check_path(path) if path else ""))))
    except (OSError, DvxError):
        return frozenset()


def _rows(value: bytes | None) -> dict[bytes, bytes]:
    try:
        return msgspec.msgpack.decode(value, type=dict[bytes, bytes]) if value else {}
    except msgspec.MsgspecError:
        return {}


def _sealed(key: bytes, value: bytes) -> bytes:
    """A check sum over key and value, then the value."""
    return crc32(value, crc32(key)).to_bytes(4, "little") + value
