"""Trash: where bytes go that a command would otherwise destroy; kept for 14 days."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator

from msgspec import Struct

from dvx.model.kept import OWN_FOLDER, Moment, convert_kept, read_kept
from dvx.store import files
from dvx.store.clock import Clock, now_in
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


class _Note(Struct, frozen=True):
    path: str
    taken: Moment
    run: str = ""
    command: str = ""


class Trash:
    """The trash below `root`, as one command uses it, whose name `command` and `run` are noted with what it takes."""

    def __init__(self, root: str, run: str) -> None:
        self.root = root
        self.clock = Clock(os.path.dirname(root))
        self.command = ""
        self.run = run
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
        for name in files.names_in(self.root, OWN_FOLDER):
            place = os.path.join(self.root, name, "content")
            note = self._note(name)
            if note is not None and os.path.lexists(place):
                found.append(Trashed(name, note.path, note.taken, place, note.run, note.command))
        return sorted(found, key=lambda item: (item.taken, item.id), reverse=True)

    def unreadable(self) -> list[str]:
        """The ids of what is there, but not what it was: it is left alone."""
        names = files.names_in(self.root, OWN_FOLDER)
        return [name for name in names if os.path.lexists(os.path.join(self.root, name, "content")) and self._note(name) is None]

    def sweep(self) -> None:
        """Remove what is older than 14 days, and what processes left that were killed before or after they moved a thing.

        While the clock is in doubt, nothing is that old.
        """
        old = [item for item in self.items() if item.taken < time.time() - KEEP_SECONDS]
        if old and not self.clock.in_doubt:
            horizon = now_in(self.root) - KEEP_SECONDS
            for item in old:
                # what cannot be removed stays, for `trash empty` to tell of: it is in nobody's way
                with contextlib.suppress(OSError):
                    if item.taken < horizon and os.lstat(os.path.dirname(item.place)).st_mtime < horizon:
                        self.drop(item)
        for place in abandoned(self.root):
            _remove_if_empty(place)

    def settle(self) -> None:
        """Make what was taken durable; to be called before something takes its place."""
        fresh, self._fresh = self._fresh, []
        there = [folder for folder in fresh if os.path.isdir(folder)]
        if there:
            barrier([self.root, *there, *(os.path.join(folder, "note.json") for folder in there)], self.root)

    def put_back(self, places: Iterable[tuple[Trashed, str]]) -> None:
        """Move things to free names (absolute), durably before what is left here goes; what appeared there is taken."""
        moved: dict[Trashed, str] = {}
        try:
            for item, place in places:
                while item not in moved:
                    try:
                        files.move_new(item.place, place)
                        moved[item] = place
                    except FileExistsError:
                        self.take(place, item.path)
            barrier([os.path.dirname(place) for place in moved.values()], self.root)
        finally:
            for item in moved:
                self.drop(item)

    def drop(self, item: Trashed) -> None:
        """Remove a thing for good; its note goes last, for without it nobody would find the rest."""
        files.remove_below(self.root, item.id, "content")
        files.remove_below(self.root, item.id)

    def _note(self, name: str) -> _Note | None:
        try:
            text = files.read_below(self.root, name, "note.json")
            return convert_kept(read_kept(text), _Note)
        except (OSError, ValueError):
            return None

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
