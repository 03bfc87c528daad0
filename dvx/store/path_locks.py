"""DVC's locks, which dvx takes too in DVC's repositories (source: DVC 3.67, `.dvc/tmp/lock` and `.dvc/tmp/rwlock`).

The first one is for the repository, and DVC holds it while it writes. The second is a file that says which paths are read or
written by which process, while stages run.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from dvx.errors import DvxError
from dvx.model.kept import read_kept
from dvx.store import files
from dvx.store.files.locking import claimed, linked

_POLL_SECONDS = 0.1
_HELD = threading.RLock()
_TAKEN: set[str] = set()


class Guarded(Struct, frozen=True):
    """The `.dvc` of a repository, and whether DVC locks there by hard links, as `core.hardlink_lock` says."""

    folder: str
    by_links: bool = False

    def hold(self, name: str, waiting: Callable[[], None]) -> contextlib.AbstractContextManager[object]:
        """One of DVC's locks; `waiting` is called before each further try."""
        return (linked if self.by_links else claimed)(os.path.join(self.folder, "tmp", name), waiting)


@contextlib.contextmanager
def repository(guarded: Guarded, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold DVC's lock on a repository; who holds it may take it again.

    `waiting` is called once if DVC holds it.
    """
    place = os.path.join(guarded.folder, "tmp", "lock")
    calls = [waiting] if waiting is not None else []

    def wait() -> None:
        while calls:
            calls.pop()()

    with _HELD:
        if place in _TAKEN:
            yield
            return
        with guarded.hold("lock", wait):
            _TAKEN.add(place)
            try:
                yield
            finally:
                _TAKEN.remove(place)


@contextlib.contextmanager
def paths(
    guarded: Guarded, command: str, read: Sequence[str], write: Sequence[str], waiting: Callable[[str], None]
) -> Iterator[None]:
    """Say in DVC's way that this process reads and writes absolute paths, once no other process is in the way.

    Until then `waiting` is called again and again, with what is in the way; it may raise. DVC gives paths free before it writes
    its lock file, but keeps the repository until that is done: hence both are asked.

    Raises:
        DvxError: the file that says it is broken.
    """
    mine = {"pid": os.getpid(), "cmd": command}
    while True:
        with repository(guarded), _table(guarded) as table:
            blocked = _blocked(table, mine, read, write)
            if not blocked:
                for path in read:
                    entries = table["read"].setdefault(path, [])
                    entries += [mine] if mine not in entries else []
                for path in write:
                    table["write"][path] = mine
        if not blocked:
            break
        waiting(blocked)
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        with _table(guarded) as table:
            for path in read:
                left = [entry for entry in table["read"].pop(path, ()) if entry != mine]
                if left:
                    table["read"][path] = left
            for path in write:
                if table["write"].get(path) == mine:
                    del table["write"][path]


@contextlib.contextmanager
def _table(guarded: Guarded) -> Iterator[dict[str, Any]]:
    """The file as a value, which is written back if it changed."""
    place = os.path.join(guarded.folder, "tmp", "rwlock")
    with guarded.hold("rwlock.lock", lambda: None):
        try:
            text = files.read_note(place).decode("utf-8", "surrogateescape")
            table = read_kept(text) if text.strip() else {}
            read = {path: [_entry(one) for one in entries] for path, entries in table.get("read", {}).items()}
            write = {path: _entry(one) for path, one in table.get("write", {}).items()}
        except FileNotFoundError:
            text, read, write = "", {}, {}
        except (ValueError, AttributeError, TypeError, KeyError, OverflowError):
            hint = "if no DVC runs here, remove it and try again"
            raise DvxError(f"DVC's lock file `{place}` is broken", hint) from None
        known = {"read": read, "write": write}
        yield known
        new = json.dumps({key: value for key, value in known.items() if value})
        if new != text:
            files.write_atomic(place, new.encode("utf-8", "surrogateescape"))


def _entry(raw: Any) -> dict[str, Any]:
    process = int(raw["pid"])
    if not 0 < process < 1 << 31:
        raise ValueError("no process")
    return {"pid": process, "cmd": str(raw["cmd"])}


def _blocked(table: dict[str, Any], mine: dict[str, Any], read: Sequence[str], write: Sequence[str]) -> str:
    """Who is in the way, in words; empty if nobody is. Entries of processes that are gone are dropped."""
    alive: dict[int, bool] = {}
    for path, entries in list(table["read"].items()):
        left = [entry for entry in entries if _lives(entry["pid"], alive)]
        if left:
            table["read"][path] = left
        else:
            del table["read"][path]
    for path, entry in list(table["write"].items()):
        if not _lives(entry["pid"], alive):
            del table["write"][path]
    for path, entry in table["write"].items():
        if entry != mine and any(_touch(path, other) for other in (*read, *write)):
            return f"`{path}` is written by `{entry['cmd']}` (process {entry['pid']})"
    for path, entries in table["read"].items():
        for entry in entries:
            if entry != mine and any(_touch(path, other) for other in write):
                return f"`{path}` is read by `{entry['cmd']}` (process {entry['pid']})"
    return ""


def _lives(pid: int, known: dict[int, bool]) -> bool:
    if pid not in known:
        try:
            os.kill(pid, 0)
            known[pid] = True
        except ProcessLookupError:
            known[pid] = False
        except (PermissionError, OverflowError):
            known[pid] = True
    return known[pid]


def _touch(one: str, other: str) -> bool:
    """Whether one path is the other, or lies in it."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")
