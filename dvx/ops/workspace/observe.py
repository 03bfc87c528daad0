"""Observing workspace paths, and taking their bytes into the cache."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from dvx.errors import ConfigError, DvxError, UnsafePath, nearest
from dvx.model.digest import Digest, new_hasher
from dvx.model.events import Notice, Progress, Tell, silent
from dvx.model.paths import printable
from dvx.model.tracked.clashes import clashes
from dvx.model.tree import Content, Entry, Tree, tree_content
from dvx.ops.tracked.ignore import Ignore
from dvx.project import Project
from dvx.store.intake import Hashed, Intake, Link, hash_file
from dvx.store.scan import FoundFile, check_link, is_stale, regular, walk
from dvx.store.stats import stamp

_REPORT_EVERY = 1000


class Seen(Struct, frozen=True):
    """A workspace path as it is: its content, and for a directory the tree and the bytes of its object, and the links in it
    that are no part of it.
    """

    content: Content
    tree: Tree | None = None
    encoded: bytes = b""
    links: tuple[str, ...] = ()


def links(project: Project) -> tuple[Link, ...]:
    """The configured order of link types; raises ConfigError for an unknown one."""
    names = project.config.words("cache.type") or ("reflink", "copy")
    known = {link.value: link for link in Link}
    for name in names:
        if name not in known:
            raise ConfigError(f"`cache.type` cannot be `{name}`", nearest(name, known) or f"one of {', '.join(known)}")
    return tuple(known[name] for name in names)


def observe(
    project: Project,
    paths: Iterable[str],
    tell: Tell = silent,
    algorithms: Mapping[str, str] | None = None,
    *,
    outside: bool = False,
) -> dict[str, Content | None]:
    """What each path holds now; None where nothing is. Nothing is stored.

    `algorithms` says with which hash to look at a path, where it is not the project's: that of the content to compare with.
    With `outside`, links to files count wherever they lead.
    """
    found: dict[str, Content | None] = {}
    for path in paths:
        algorithm = (algorithms or {}).get(path, project.algorithm)
        found[path] = _unchanged_folder(project, path, algorithm, "" if outside else project.root)
        if found[path] is None:
            seen = look(project, path, tell, algorithm, outside=outside)
            found[path] = seen.content if seen else None
    return found


def look(
    project: Project,
    path: str,
    tell: Tell,
    algorithm: str,
    watch: Callable[[FoundFile], None] | None = None,
    *,
    outside: bool = False,
) -> Seen | None:
    """One path as it is now, with its tree; None when nothing is there, or a link to nothing. `watch` gets each file with the
    stat that it had then. With `outside`, links to files count wherever they lead.

    Raises:
        DvxError: it is, or holds, something that is neither file nor folder.
    """
    reader = _Reader(project, algorithm, lambda found: hash_file(found, algorithm), tell, watch=watch)
    return _see(project, path, reader, "" if outside else project.root)


def store(project: Project, paths: Iterable[str], tell: Tell = silent) -> dict[str, Content]:
    """Take what the paths hold into the cache; durable after `project.cache.barrier()`.

    Raises:
        DvxError: a path is missing, or is or holds something that is neither file nor folder.
        UnsafePath: a path is or holds a link that leaves the project.
        MissingData: it is or holds a link to an object that is gone, or is one to nothing.
    """
    intake = Intake(project.cache, project.algorithm, links(project))
    contents = {}
    for path in paths:
        reader = _Reader(project, project.algorithm, intake.take, tell, project.cache.claim)
        check_link(project.abs(path), path, project.root)
        seen = _see(project, path, reader, project.root)
        if seen is None:
            raise DvxError(f"`{printable(path)}` does not exist", "check the spelling, and the folder that you stand in")
        refuse_stale(project, seen)
        if seen.tree is not None:
            project.cache.put(seen.encoded, seen.content.digest)
        contents[path] = seen.content
    return contents


def refuse_stale(project: Project, seen: Seen) -> None:
    """Refuse to record as absent what a cache that moved does not show any more; raises MissingData."""
    for link in seen.links:
        if is_stale(project.abs(link)):
            check_link(project.abs(link), link, project.root)


class _Reader:
    """Digests of files: from the statistics where they vouch for them, by `hash_or_take` otherwise."""

    def __init__(
        self,
        project: Project,
        algorithm: str,
        hash_or_take: Callable[[FoundFile], Hashed],
        tell: Tell,
        stored: Callable[[Digest, int, os.stat_result | None], bool] | None = None,
        watch: Callable[[FoundFile], None] | None = None,
    ) -> None:
        self.algorithm = algorithm
        self._watch = watch
        self._project = project
        self._read = hash_or_take
        self._stored = stored
        self._tell = tell
        self._count = 0
        self.settled = True

    def digest(self, found: FoundFile) -> Digest:
        """The digest of one file."""
        digest = self._digest(found)
        if self._watch is not None:
            self._watch(found)
        return digest

    def _digest(self, found: FoundFile) -> Digest:
        self._count += 1
        if not self._count % _REPORT_EVERY:
            self._tell(Progress("hashing", self._count, None))
        digest = self._project.stats.digest(found.path, found.status, self.algorithm)
        linked = None if found.link else found.status
        if digest is not None and (self._stored is None or self._stored(digest, found.status.st_size, linked)):
            return digest
        hashed = self._read(found)
        found.status = hashed.status
        self.settled = self.settled and hashed.settled
        if hashed.settled:
            place = self._project.cache.path_of(hashed.digest) if hashed.made else ""
            self._project.stats.remember(found.path, hashed.status, hashed.digest, place)
        return hashed.digest

    def leave_out(self, links: Sequence[str]) -> None:
        """Tell that links to folders, and to nothing, are not stored, if anything is."""
        if links and self._stored is not None:
            shown = ", ".join(f"`{printable(link)}`" for link in links[:3]) + (", ..." if len(links) > 3 else "")
            self._tell(Notice(f"links to folders, and to nothing, are left out: {shown}", "add what they lead to, where it is"))

    def warn(self, path: str, names: Sequence[str]) -> None:
        """Tell which names other systems would not have, or take for one, if anything is stored."""
        if self._stored is None:
            return
        if colons := [printable(name) for name in names if ":" in name]:
            shown = ", ".join(f"`{name}`" for name in colons[:3]) + (", ..." if len(colons) > 3 else "")
            self._tell(Notice(f"names with a colon are none on Windows: {shown}", "rename it, if this data will be used there"))
        pairs = clashes(names)
        if pairs:
            shown = ", ".join(f"`{printable(one)}` and `{printable(other)}`" for one, other in pairs[:3])
            more = ", ..." if len(pairs) > 3 else ""
            text = f"Windows and macOS take for one name in `{printable(path)}`: {shown}{more}"
            self._tell(Notice(text, "rename one of them, if this data will be used there"))


def _see(project: Project, path: str, reader: _Reader, root: str) -> Seen | None:
    place = project.abs(path)
    try:
        status = os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(status.st_mode) and os.path.isdir(place):
        status = os.stat(place)
    if stat.S_ISDIR(status.st_mode):
        return _see_folder(project, path, reader, root)
    link = None
    if not stat.S_ISREG(status.st_mode):
        followed = regular(place, path, root, status)
        if followed is None:
            return None
        status, link = followed, status
    found = FoundFile(path, place, status, link)
    digest = reader.digest(found)
    reader.warn("", [path])
    return Seen(Content(digest, found.status.st_size, executable=bool(found.status.st_mode & stat.S_IXUSR)))


def _see_folder(project: Project, path: str, reader: _Reader, root: str) -> Seen:
    rich = project.dialect.rich_trees
    empty: list[str] | None = [] if rich else None
    start = len(path) + 1
    fingerprint = _Fingerprint(reader.algorithm)
    entries = []
    links: list[str] = []
    for found in walk(project.abs(path), path, root, Ignore(project).skip, empty, links):
        digest = reader.digest(found)
        fingerprint.add(found)
        executable = rich and bool(found.status.st_mode & stat.S_IXUSR)
        entries.append(Entry(found.path[start:], digest, found.status.st_size, executable))
    entries.sort(key=lambda entry: entry.path)
    tree = Tree(tuple(entries), tuple(sorted(folder[start:] for folder in empty or () if folder != path)))
    try:
        content, encoded = tree_content(tree, project.dialect, reader.algorithm)
    except UnsafePath as error:
        hint = f"rename it, or name it in `{project.dialect.ignore}`"
        raise UnsafePath(f"`{printable(path)}` holds a name that cannot be tracked: {error.message}", hint) from None
    reader.leave_out(links)
    reader.warn(path, [entry.path for entry in entries])
    if reader.settled:
        project.stats.remember_folder(path, fingerprint.of(empty), content)
    return Seen(content, tree, encoded, tuple(links))


def _unchanged_folder(project: Project, path: str, algorithm: str, root: str) -> Content | None:
    """What a folder holds if the stamps of all its files are those of the last time; no list of them is made."""
    known = project.stats.folder(path)
    if known is None or known[1].digest.algorithm != algorithm or not os.path.isdir(project.abs(path)):
        return None
    empty: list[str] | None = [] if project.dialect.rich_trees else None
    fingerprint = _Fingerprint(algorithm)
    for found in walk(project.abs(path), path, root, Ignore(project).skip, empty):
        fingerprint.add(found)
    return known[1] if fingerprint.of(empty) == known[0] else None


class _Fingerprint:
    """Over the names and stamps of a folder's files in the order of the walk, and over its empty folders."""

    def __init__(self, algorithm: str) -> None:
        self._hasher = new_hasher("xxh128")
        self._hasher.update(algorithm.encode())

    def add(self, found: FoundFile) -> None:
        """Take in one file."""
        self._hasher.update(os.fsencode(found.path) + b"\0" + stamp(found.status))

    def of(self, empty: list[str] | None) -> bytes:
        """The 16 bytes; the folder is complete."""
        self._hasher.update(b"\0".join(os.fsencode(folder) for folder in empty or ()))
        return bytes.fromhex(self._hasher.hexdigest())
