"""Placing objects in the workspace: by the first configured link type that works there."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from dvx.errors import Corrupted, DvxError, UnsafePath
from dvx.model.digest import Digest, new_hasher
from dvx.model.paths import parent, printable
from dvx.model.tree import Content, Entry
from dvx.ops.track import links
from dvx.project import Project
from dvx.store import files
from dvx.store.intake import Link, is_private
from dvx.store.leftovers import abandoned
from dvx.store.stats import TICK


@dataclass(frozen=True, slots=True)
class _Placed:
    path: str
    digest: Digest
    status: os.stat_result


class Placer:
    """Puts objects under workspace names; `finish` makes their statistics trustworthy.

    A file is complete under a temporary name before it gets its own. A copy is hashed on its way.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._links = list(links(project))
        self._folder = os.path.join(project.state, "new")
        self._placed: list[_Placed] = []
        self._count = 0
        self._safe: set[str] = set()
        files.make_folder(self._folder)
        self._sweep()

    def place(self, entry: Entry) -> None:
        """Make the workspace path of `entry` hold its object.

        Raises:
            Corrupted: the cached bytes are not what their name says; the object is put aside.
        """
        self._count += 1
        temp = f"{self._folder}/{os.getpid()}-{self._count}"
        target = self._project.abs(entry.path)
        self.check(entry.path)
        try:
            self._make(self._project.cache.path(entry.digest), temp, entry)
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
        self._placed.append(_Placed(entry.path, entry.digest, os.stat(target)))

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
        if self._placed and time.time_ns() - max(placed.status.st_ctime_ns for placed in self._placed) < TICK:
            time.sleep(TICK / 1e9)
        for placed in self._placed:
            self._project.stats.remember(placed.path, placed.status, placed.digest)
        self._placed = []

    def _make(self, source: str, temp: str, entry: Entry) -> None:
        while self._links:
            if self._try(self._links[0], source, temp, entry):
                return
            self._links.pop(0)
        raise DvxError("none of the link types in `cache.type` works here", "run `dvx config cache.type reflink,copy`")

    def _try(self, link: Link, source: str, temp: str, entry: Entry) -> bool:
        mode = files.NEW_EXECUTABLE if entry.executable else files.NEW_FILE
        if link is Link.COPY:
            self._copy(source, temp, mode, entry)
            return True
        if link is Link.REFLINK:
            return files.reflink(source, temp, mode)
        try:
            if is_private(os.path.getsize(source), entry.executable):
                self._copy(source, temp, mode, entry)
            elif link is Link.HARDLINK:
                files.hardlink(source, temp)
            else:
                files.symlink(source, temp)
        except OSError:
            return False
        return True

    def _copy(self, source: str, temp: str, mode: int, entry: Entry) -> None:
        hasher = new_hasher(entry.digest.algorithm)
        with open(source, "rb", buffering=0) as reading:
            data = reading.read(files.CHUNK)
            hasher.update(data)
            if len(data) < files.CHUNK:
                files.write_new(temp, data, mode)
            else:
                with files.create_new(temp) as writing:
                    while data:
                        files.write_all(writing.fileno(), data)
                        data = reading.read(files.CHUNK)
                        hasher.update(data)
                files.set_mode(temp, mode)
        if hasher.hexdigest() != entry.digest.hex:
            self._project.cache.quarantine(entry.digest)
            raise Corrupted(
                f"the object `{entry.digest}` of `{printable(entry.path)}` hashes to `{hasher.hexdigest()}`; it is put aside",
                "run `dvx fetch` to get it again",
            )

    def _sweep(self) -> None:
        for place in abandoned(self._folder):
            files.remove(place)


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
    """The files that a path with this content consists of, by project path.

    Raises:
        MissingData, Corrupted: the tree object is not there, or broken.
    """
    if not content.digest.is_tree:
        return (Entry(path, content.digest, content.size, content.executable),)
    tree = project.cache.read_tree(content.digest)
    return tuple(Entry(f"{path}/{entry.path}", entry.digest, entry.size, entry.executable) for entry in tree.entries)
