"""Trash: where bytes go that a command would otherwise destroy; kept for 14 days."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator

from msgspec import Struct

from dvx.store import files
from dvx.store.durable import barrier
from dvx.store.scratch import abandoned, own_folder, release

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
    """The trash below `root`, as one command uses it, whose name `command` and `run` are noted with what it takes."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.command = ""
        self.run = f"{time.time_ns()}-{os.getpid()}"
        self._swept = False
        self._fresh: list[str] = []

    def take(self, place: str, path: str) -> str:
        """Move the file, link or folder at `place` (absolute) here; `path` is what the project calls it. Returns its id."""
        with self._place(path) as folder:
            files.move(place, os.path.join(folder, "content"))
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
        """Remove what is older than 14 days, and what processes left that were killed before or after they moved a thing."""
        horizon = time.time() - KEEP_SECONDS
        for item in self.items():
            if item.taken < horizon:
                self.drop(item)
        for place in abandoned(self.root):
            _remove_if_empty(place)

    def settle(self) -> None:
        """Make what was taken durable; to be called before something takes its place."""
        fresh, self._fresh = self._fresh, []
        there = [folder for folder in fresh if os.path.isdir(folder)]
        if there:
            barrier([self.root, *there, *(os.path.join(folder, "note.json") for folder in there)], self.root)

    def put_back(self, item: Trashed, place: str) -> None:
        """Move a thing to the free name `place` (absolute); what appeared there meanwhile is taken."""
        while True:
            try:
                files.move_new(item.place, place)
            except FileExistsError:
                self.take(place, item.path)
            else:
                break
        self.drop(item)

    def drop(self, item: Trashed) -> None:
        """Remove a thing for good; its note goes last, for without it nobody would find the rest."""
        files.remove_tree(item.place)
        files.remove_tree(os.path.join(self.root, item.id))

    @contextlib.contextmanager
    def _place(self, path: str) -> Iterator[str]:
        """A new folder with its note; it goes again if nothing gets into it."""
        if not self._swept:
            files.make_folder(self.root)
            self.sweep()
            self._swept = True
        folder, handle = own_folder(self.root)
        try:
            note = {"path": path, "taken": time.time(), "run": self.run, "command": self.command}
            files.write_new(os.path.join(folder, "note.json"), json.dumps(note).encode(), files.NEW_FILE)
            yield folder
            self._fresh.append(folder)
        except BaseException:
            with contextlib.suppress(OSError):
                _remove_if_empty(folder)
            raise
        finally:
            release(handle)


def _remove_if_empty(folder: str) -> None:
    if not os.path.lexists(os.path.join(folder, "content")):
        files.remove_tree(folder)
