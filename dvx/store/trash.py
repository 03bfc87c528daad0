"""Trash: where bytes go that a command would otherwise destroy; kept for 14 days."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator

from msgspec import Struct

from dvx.store import files
from dvx.store.leftovers import abandoned

KEEP_SECONDS = 14 * 24 * 3600


class Trashed(Struct, frozen=True):
    """One thing in the trash: its `id`, the project `path` it had, and when it was taken (seconds since the epoch).

    All that one command took has the same `run`; `command` is its name. Both are empty where that was not noted.
    """

    id: str
    path: str
    taken: float
    place: str
    run: str = ""
    command: str = ""


class Trash:
    """The trash below `root`, as one command uses it, whose name `command` is noted with what it takes."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.command = ""
        self._run = f"{time.time_ns()}-{os.getpid()}"

    def take(self, place: str, path: str) -> str:
        """Move the file, link or folder at `place` (absolute) here; `path` is what the project calls it. Returns its id."""
        with self._place(path) as folder:
            files.move(place, os.path.join(folder, "content"))
        return os.path.basename(folder)

    def keep_copy(self, place: str, path: str) -> str:
        """Like `take`, for a file that must stay where it is."""
        with self._place(path) as folder:
            files.copy_file(place, os.path.join(folder, "content"))
        return os.path.basename(folder)

    def items(self) -> list[Trashed]:
        """All there is, the newest first."""
        found = []
        try:
            names = os.listdir(self.root)
        except FileNotFoundError:
            return []
        for name in names:
            try:
                note = json.loads(files.read(os.path.join(self.root, name, "note.json")))
                place = os.path.join(self.root, name, "content")
                run, command = str(note.get("run", "")), str(note.get("command", ""))
                item = Trashed(name, str(note["path"]), float(note["taken"]), place, run, command)
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue
            if os.path.lexists(item.place):
                found.append(item)
        return sorted(found, key=lambda item: (item.taken, item.id), reverse=True)

    def sweep(self) -> None:
        """Remove what is older than 14 days."""
        horizon = time.time() - KEEP_SECONDS
        for item in self.items():
            if item.taken < horizon:
                self.drop(item)

    def put_back(self, item: Trashed, place: str) -> None:
        """Move a thing to the free name `place` (absolute)."""
        files.move(item.place, place)
        self.drop(item)

    def drop(self, item: Trashed) -> None:
        """Remove a thing for good."""
        files.remove_tree(os.path.join(self.root, item.id))

    @contextlib.contextmanager
    def _place(self, path: str) -> Iterator[str]:
        """A new folder with its note; it goes again if nothing gets into it."""
        self.sweep()
        folder = files.temporary(self.root)
        for place in abandoned(self.root):
            _remove_if_empty(place)
        try:
            note = {"path": path, "taken": time.time(), "run": self._run, "command": self.command}
            files.write_atomic(os.path.join(folder, "note.json"), json.dumps(note).encode())
            yield folder
        except BaseException:
            with contextlib.suppress(OSError):
                _remove_if_empty(folder)
            raise


def _remove_if_empty(folder: str) -> None:
    if not os.path.lexists(os.path.join(folder, "content")):
        files.remove_tree(folder)
