"""Rollback: what a command did to text files and names is taken back if a later step of it fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Self

from dvx.errors import DvxError, quoted
from dvx.model.events import Notice, Tell
from dvx.model.paths import ancestors, parent, printable
from dvx.model.upkeep.undo_facts import Moved
from dvx.project import Project
from dvx.store import durable, files


class Rollback:
    """A context whose failure takes its steps back, the last one first, and says so.

    Who is killed takes nothing back: commands are made so that they can be run again. With `forgets` the steps are all that the
    command does, so that `undo` need not know of one that failed.
    """

    def __init__(self, project: Project, tell: Tell, *, forgets: bool = True) -> None:
        self._project = project
        self._tell = tell
        self._forgets = forgets
        self._steps: list[tuple[str, Callable[[], bool]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            return
        left = []
        acted = False
        for path, take_back in reversed(self._steps):
            try:
                acted |= take_back()
            except (OSError, DvxError):
                left.append(f"`{printable(path)}`")
        if left:
            hint = "mend the cause, then run the same command again, or `dvx undo`"
            self._tell(Notice(f"could not put back as it was: {', '.join(dict.fromkeys(left))}", hint))
        elif acted:
            self._tell(Notice("what was begun is put back as it was"))
            if self._forgets:
                self._project.undo.forget()

    def keep(self, paths: Iterable[str]) -> None:
        """Remember text files, which are there or not, before they change."""
        for path in dict.fromkeys(paths):
            for folder in reversed([above for above in ancestors(path) if above]):
                if not os.path.lexists(self._project.abs(folder)):
                    self._steps.append((folder, partial(self._unmake, folder)))
            self._steps.append((path, partial(self._restore, path, _bytes_at(self._project.abs(path)))))

    def moves(self, old: str, new: str) -> None:
        """Say that `old` gets the name `new` now."""
        self._steps.append((old, partial(self._move_back, old, new)))

    def _restore(self, path: str, data: bytes | None) -> bool:
        if _bytes_at(self._project.abs(path)) == data:
            return False
        if data is None:
            self._project.drop(path)
        else:
            self._project.write(path, data)
        return True

    def _unmake(self, folder: str) -> bool:
        files.remove_folder(self._project.abs(folder))
        return False

    def _move_back(self, old: str, new: str) -> bool:
        source, target = self._project.abs(new), self._project.abs(old)
        if not os.path.lexists(source) or os.path.lexists(target):
            return False
        self._project.undo.note(Moved(new, old))
        files.move_new(source, target)
        for folder in {os.path.dirname(source), os.path.dirname(target)}:
            durable.sync_folder(folder)
        return True


def check_writable(project: Project, paths: Iterable[str]) -> None:
    """Refuse to begin where a path cannot be made, replaced or removed; raises DvxError."""
    for folder in dict.fromkeys(map(parent, paths)):
        place = project.abs(folder)
        while not os.path.lexists(place):
            place = os.path.dirname(place)
        if not os.access(place, os.W_OK | os.X_OK):
            raise _unwritable(os.path.relpath(place, project.cwd))


def check_removable(project: Project, paths: Iterable[str]) -> None:
    """Refuse to begin where a file or folder cannot be removed with all that it holds; raises DvxError."""
    check_writable(project, paths)
    for path in paths:
        for place, folders, names in files.walk_folders(project.abs(path)):
            shown = project.shown(os.path.relpath(place, project.root))
            if os.path.ismount(place):
                raise DvxError(f"`{printable(shown)}` is a mount point", "unmount it first, then run the same command again")
            if (folders or names) and not os.access(place, os.W_OK | os.X_OK):
                raise _unwritable(shown)


def check_movable(project: Project, old: str, new: str) -> None:
    """Refuse to begin where data cannot get another name; raises DvxError."""
    place = project.abs(old)
    if os.path.ismount(place):
        raise DvxError(f"`{printable(old)}` is a mount point", "unmount it, or move what it holds and add that")
    if os.path.isdir(place) and not os.path.islink(place) and parent(old) != parent(new) and not os.access(place, os.W_OK):
        hint = f"let your user write to it: `chmod u+w {quoted(project.shown(old))}`"
        raise DvxError(f"the folder `{printable(old)}` cannot be written to, so it cannot go to another folder", hint)


def _unwritable(shown: str) -> DvxError:
    hint = f"let your user write to it (`chmod u+w {quoted(shown)}`), or ask its owner"
    return DvxError(f"the folder `{printable(shown)}` cannot be written to", hint)


def _bytes_at(place: str) -> bytes | None:
    return files.read(place) if os.path.isfile(place) else None
