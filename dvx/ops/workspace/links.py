"""Placing objects in the workspace: by the first configured link type that works there."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NoReturn, Self

from dvx.errors import Corrupted, DvxError, UnsafePath
from dvx.model.digest import new_hasher
from dvx.model.paths import parent, printable
from dvx.model.tree import Content, Entry
from dvx.ops.tracked.trackable import check_inside
from dvx.ops.workspace.kept_in_cache import is_kept
from dvx.ops.workspace.observe import links
from dvx.project import Project
from dvx.store import files
from dvx.store.intake import Link, hash_file, is_private
from dvx.store.scan import FoundFile
from dvx.store.scratch import Scratch
from dvx.store.stats import TICK


class Placer:
    """Puts objects under workspace names; to be used in a `with` block, whose end makes their statistics trustworthy.

    A file is complete under a temporary name before it gets its own. A copy is hashed on its way.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._links = list(links(project))
        self._scratch = Scratch(os.path.join(project.state, "new"))
        self._placed: list[tuple[Entry, os.stat_result]] = []
        self._safe: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        self._scratch.close()
        if kind is None:
            self._settle()

    def place(self, entry: Entry, before: Callable[[str], object] = len) -> None:
        """Make the workspace path of `entry` hold its object; `before` is told the path right before it changes.

        Raises:
            Corrupted: the cached bytes are not what their name says; the object is put aside.
        """
        temp = self._scratch.new()
        target = self._project.abs(entry.path)
        self.check(entry.path)
        try:
            made = self._make(temp, entry)
            before(entry.path)
            try:
                files.rename(temp, target)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EXDEV):
                    raise
                if os.path.isdir(target) and not os.path.islink(target) and not files.remove_folder(target):
                    raise DvxError(f"`{printable(entry.path)}` is a folder where a file belongs", "move it away") from None
                files.move(temp, target)
        except BaseException:
            files.remove(temp)
            raise
        status = os.stat(target)
        if _is_same(made, status):
            self._placed.append((entry, status))

    def place_all(self, entries: Iterable[Entry], before: Callable[[str], object]) -> Iterator[int]:
        """Place many files like `place`, those of each folder together; tells after each folder how many they were."""
        by_folder: dict[str, list[Entry]] = {}
        for entry in entries:
            by_folder.setdefault(parent(entry.path), []).append(entry)
        for folder, group in by_folder.items():
            self.check(group[0].path)
            if not (self._may_be_made(folder) and self._place_folder(folder, group)):
                for entry in group:
                    self.place(entry, before)
            yield len(group)

    def check(self, path: str) -> None:
        """What `check_inside` says, once for each folder."""
        folder = parent(path)
        if folder not in self._safe:
            check_inside(self._project, path)
            self._safe.add(folder)

    def _settle(self) -> None:
        """Record the statistics of what was placed, once a later edit cannot leave the same statistics behind."""
        if self._placed and time.time_ns() - max(status.st_ctime_ns for _, status in self._placed) < TICK:
            time.sleep(TICK / 1e9)
        remember = self._project.stats.remember
        for entry, status in self._placed:
            remember(entry.path, status, entry.digest, self._project.cache.path_of(entry.digest))

    def _may_be_made(self, folder: str) -> bool:
        """Whether a folder is not there yet, and would be the same if it were made elsewhere and renamed."""
        place = self._project.abs(folder)
        if os.path.lexists(place):
            return False
        while not os.path.isdir(place):
            place = os.path.dirname(place)
        status = os.stat(place)
        is_plain = not status.st_mode & stat.S_ISGID and status.st_dev == os.stat(self._project.root).st_dev
        return is_plain and not _has_default_acl(place)

    def _place_folder(self, folder: str, entries: Sequence[Entry]) -> bool:
        """Make the files of a new folder where it will be found only when all are there: one rename for all of them.

        False, and nothing is done, if somebody else made the folder meanwhile.
        """
        temp = self._scratch.new()
        files.make_folder(temp)
        start = len(folder) + 1
        try:
            placed = [(entry, self._make(f"{temp}/{entry.path[start:]}", entry)) for entry in entries]
            target = self._project.abs(folder)
            files.make_folder(os.path.dirname(target))
            files.rename(temp, target)
        except BaseException as error:
            files.remove_tree(temp)
            if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EXDEV):
                return False
            raise
        self._placed += placed
        return True

    def _make(self, temp: str, entry: Entry) -> os.stat_result:
        source = self._project.cache.path(entry.digest)
        for link in tuple(self._links):
            status = self._copy(source, temp, entry) if link is Link.COPY else self._link(link, source, temp, entry)
            if status is not None:
                if entry.size not in (None, status.st_size):
                    self._refuse(entry, f"has {status.st_size} bytes instead of {entry.size}")
                return status
            if link is not Link.HARDLINK or not _is_of_another(source):
                self._links.remove(link)
        if Link.HARDLINK in self._links:
            text = f"`{printable(entry.path)}` cannot be a hard link: Linux makes none to files of another user"
            hint = (
                "let such files be copied: `dvx config --local cache.type hardlink,copy` (or set `fs.protected_hardlinks` to 0)"
            )
            raise DvxError(text, hint)
        raise DvxError("none of the link types in `cache.type` works here", "run `dvx config cache.type reflink,copy`")

    def _link(self, link: Link, source: str, temp: str, entry: Entry) -> os.stat_result | None:
        """Put a link there; None if this kind does not work here. What was made writable, so as to edit it, is read before."""
        if os.stat(source).st_mode & stat.S_IWUSR and not self._project.cache.verify(entry.digest):
            self._refuse(entry, "was changed")
        if link is Link.REFLINK:
            return os.stat(temp) if files.reflink(source, temp, _mode(entry)) else None
        if is_private(os.path.getsize(source), entry.executable):
            return self._copy(source, temp, entry)
        try:
            (files.hardlink if link is Link.HARDLINK else files.symlink)(source, temp)
        except OSError:
            return None
        return os.stat(temp)

    def _copy(self, source: str, temp: str, entry: Entry) -> os.stat_result:
        hasher = new_hasher(entry.digest.algorithm)
        status = files.copy_bytes(source, temp, _mode(entry), hasher.update)
        if hasher.hexdigest() != entry.digest.hex:
            self._refuse(entry, f"hashes to `{hasher.hexdigest()}`")
        return status

    def _refuse(self, entry: Entry, why: str) -> NoReturn:
        self._project.cache.quarantine(entry.digest)
        raise Corrupted(
            f"the object `{entry.digest}` of `{printable(entry.path)}` {why}; it is put aside", "run `dvx fetch` to get it again"
        )


def _is_of_another(path: str) -> bool:
    return os.stat(path).st_uid != getattr(os, "geteuid", lambda: 0)()


def _mode(entry: Entry) -> int:
    return files.NEW_EXECUTABLE if entry.executable else files.NEW_FILE


def _has_default_acl(folder: str) -> bool:
    """Whether new files in a folder get rights that they would not get elsewhere."""
    try:
        return bool(os.getxattr(folder, "system.posix_acl_default"))
    except (OSError, AttributeError):
        return False


def _is_same(made: os.stat_result, now: os.stat_result) -> bool:
    """Whether a file is still what was made, but for its name."""
    return (made.st_ino, made.st_size, made.st_mtime_ns) == (now.st_ino, now.st_size, now.st_mtime_ns)


def relink(project: Project, contents: Mapping[str, Content]) -> None:
    """After bytes were taken into the cache: let the workspace share them, where links are configured that do so."""
    if links(project)[0] not in (Link.HARDLINK, Link.SYMLINK):
        return
    with Placer(project) as placer:
        for path, content in contents.items():
            for entry in entries_of(project, path, content):
                place = project.abs(entry.path)
                is_other = os.path.exists(place) and not os.path.samefile(place, project.cache.path(entry.digest))
                if is_other and is_unedited(project, entry) and is_kept(project, entry.path, entry.digest):
                    placer.place(entry)


def is_unedited(project: Project, entry: Entry) -> bool:
    """Whether the file at the path of `entry` holds its bytes; it is read only where the statistics do not tell."""
    place = project.abs(entry.path)
    try:
        status = os.stat(place)
        digest = project.stats.digest(entry.path, status, entry.digest.algorithm)
        return (digest or hash_file(FoundFile(entry.path, place, status), entry.digest.algorithm).digest) == entry.digest
    except FileNotFoundError:
        return False


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
    try:
        tree = project.cache.read_tree(content.digest)
    except UnsafePath as error:
        hint = "rename it where the data comes from, and add the folder again"
        raise UnsafePath(f"`{printable(path)}` is recorded with a name that is not safe: {error.message}", hint) from None
    entries = (Entry(f"{path}/{entry.path}", entry.digest, entry.size, entry.executable) for entry in tree.entries)
    return tuple(entries), tuple(f"{path}/{folder}" for folder in tree.empty_folders)
