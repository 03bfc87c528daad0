"""Placing objects in the workspace: by the first configured link type that works there."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dvx.errors import Corrupted, DvxError, UnsafePath
from dvx.model.digest import new_hasher
from dvx.model.paths import parent, printable
from dvx.model.tree import Content, Entry
from dvx.ops.track import links
from dvx.project import Project
from dvx.store import files
from dvx.store.intake import Link, is_private
from dvx.store.leftovers import abandoned
from dvx.store.stats import TICK


class Placer:
    """Puts objects under workspace names; `finish` makes their statistics trustworthy.

    A file is complete under a temporary name before it gets its own. A copy is hashed on its way.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._links = list(links(project))
        self._folder = os.path.join(project.state, "new")
        self._placed: list[tuple[Entry, os.stat_result]] = []
        self._count = 0
        self._safe: set[str] = set()
        files.make_folder(self._folder)
        # our own id may have been that of a process that was killed
        for place in abandoned(self._folder, own=True):
            with contextlib.suppress(FileNotFoundError):
                files.remove_tree(place)

    def place(self, entry: Entry) -> None:
        """Make the workspace path of `entry` hold its object.

        Raises:
            Corrupted: the cached bytes are not what their name says; the object is put aside.
        """
        temp = self._new_temp()
        target = self._project.abs(entry.path)
        self.check(entry.path)
        try:
            self._make(temp, entry)
            try:
                files.rename(temp, target)
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                files.make_folder(os.path.dirname(target))
                if os.path.isdir(target) and not os.path.islink(target) and not files.remove_folder(target):
                    raise DvxError(f"`{printable(entry.path)}` is a folder where a file belongs", "move it away") from None
                files.rename(temp, target)
        except BaseException:
            files.remove(temp)
            raise
        self._placed.append((entry, os.stat(target)))

    def place_all(self, entries: Iterable[Entry]) -> Iterator[int]:
        """Place many files, those of each folder together; tells after each folder how many they were. Raises like `place`."""
        by_folder: dict[str, list[Entry]] = {}
        for entry in entries:
            by_folder.setdefault(parent(entry.path), []).append(entry)
        for folder, group in by_folder.items():
            if os.path.lexists(self._project.abs(folder)):
                for entry in group:
                    self.place(entry)
            else:
                self._place_folder(folder, group)
            yield len(group)

    def check(self, path: str) -> None:
        """Refuse to write or delete behind a link that leaves the project; raises UnsafePath."""
        folder = parent(path)
        if folder in self._safe:
            return
        real = os.path.realpath(self._project.abs(folder))
        root = os.path.realpath(self._project.root)
        if real != root and not real.startswith(root + os.sep):
            raise UnsafePath(f"`{printable(path)}` lies behind a link that leaves the repository", "replace the link by a folder")
        self._safe.add(folder)

    def finish(self) -> None:
        """Record the statistics of what was placed, once a later edit cannot leave the same statistics behind."""
        if self._placed and time.time_ns() - max(status.st_ctime_ns for _, status in self._placed) < TICK:
            time.sleep(TICK / 1e9)
        for entry, status in self._placed:
            self._project.stats.remember(entry.path, status, entry.digest)
        self._placed = []

    def _place_folder(self, folder: str, entries: Sequence[Entry]) -> None:
        """Make the files of a new folder where it will be found only when all are there: one rename for all of them."""
        self.check(entries[0].path)
        temp = self._new_temp()
        files.make_folder(temp)
        start = len(folder) + 1
        try:
            placed = [(entry, self._make(f"{temp}/{entry.path[start:]}", entry)) for entry in entries]
            target = self._project.abs(folder)
            files.make_folder(os.path.dirname(target))
            files.rename(temp, target)
        except BaseException:
            files.remove_tree(temp)
            raise
        self._placed += placed

    def _new_temp(self) -> str:
        self._count += 1
        return f"{self._folder}/{os.getpid()}-{self._count}"

    def _make(self, temp: str, entry: Entry) -> os.stat_result:
        source = self._project.cache.path(entry.digest)
        while self._links:
            status = self._try(self._links[0], source, temp, entry)
            if status is not None:
                return status
            self._links.pop(0)
        raise DvxError("none of the link types in `cache.type` works here", "run `dvx config cache.type reflink,copy`")

    def _try(self, link: Link, source: str, temp: str, entry: Entry) -> os.stat_result | None:
        mode = files.NEW_EXECUTABLE if entry.executable else files.NEW_FILE
        if link is Link.COPY:
            return self._copy(source, temp, mode, entry)
        if link is Link.REFLINK:
            return os.stat(temp) if files.reflink(source, temp, mode) else None
        if is_private(os.path.getsize(source), entry.executable):
            return self._copy(source, temp, mode, entry)
        try:
            (files.hardlink if link is Link.HARDLINK else files.symlink)(source, temp)
        except OSError:
            return None
        return os.stat(temp)

    def _copy(self, source: str, temp: str, mode: int, entry: Entry) -> os.stat_result:
        hasher = new_hasher(entry.digest.algorithm)
        status = files.copy_bytes(source, temp, mode, hasher.update)
        if hasher.hexdigest() != entry.digest.hex:
            self._project.cache.quarantine(entry.digest)
            raise Corrupted(
                f"the object `{entry.digest}` of `{printable(entry.path)}` hashes to `{hasher.hexdigest()}`; it is put aside",
                "run `dvx fetch` to get it again",
            )
        return status


def relink(project: Project, contents: Mapping[str, Content]) -> None:
    """After bytes were taken into the cache: let the workspace share them, where links are configured that do so."""
    if links(project)[0] not in (Link.HARDLINK, Link.SYMLINK):
        return
    placer = Placer(project)
    for path, content in contents.items():
        for entry in entries_of(project, path, content):
            place = project.abs(entry.path)
            target = project.cache.path(entry.digest)
            if not os.path.samefile(place, target):
                placer.place(entry)
    placer.finish()


def entries_of(project: Project, path: str, content: Content) -> tuple[Entry, ...]:
    """The files that a path with this content consists of, by project path; raises like `contents_of`."""
    return contents_of(project, path, content)[0]


def contents_of(project: Project, path: str, content: Content) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """The files and the empty folders that a path with this content consists of, by project path.

    Raises:
        MissingData, Corrupted: the tree object is not there, or broken.
    """
    if not content.digest.is_tree:
        return (Entry(path, content.digest, content.size, content.executable),), ()
    tree = project.cache.read_tree(content.digest)
    entries = (Entry(f"{path}/{entry.path}", entry.digest, entry.size, entry.executable) for entry in tree.entries)
    return tuple(entries), tuple(f"{path}/{folder}" for folder in tree.empty_folders)
