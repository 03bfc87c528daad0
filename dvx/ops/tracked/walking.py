"""Many commits, one after the other: what they say is worked out again only where a file changed that it was made of."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from msgspec import Struct

from dvx.git import Git
from dvx.git.commits.kept import Objects, kept_objects
from dvx.git.commits.walking import in_line, steps
from dvx.model.dialect import DIALECTS
from dvx.ops.tracked.ignore import Ignore
from dvx.ops.tracked.sources import Source
from dvx.project import Project

T = TypeVar("T")
_Folder = dict[str, "str | _Folder"]

# answers about other states of the pointers and pipelines, which a merged branch may come back to
_MOST_ANSWERS = 5_000
# bytes of files that neighbours share
_MOST_BYTES = 1 << 26


class _Made(Struct, frozen=True):
    """An answer, and what it was made of: the blobs of files, empty for those that were not there, and the names in folders."""

    value: object
    read: Mapping[str, str]
    below: Mapping[str, list[str]]


def answers(project: Project, git: Git, commits: Sequence[str], answer: Callable[[Source, str], T]) -> Iterator[tuple[str, T]]:
    """What `answer(source, commit)` says of each commit, in an order in which neighbours are alike.

    It is asked again only when a file changed that it read, or one of those that `machinery` gives: so commits may share an
    answer, which speaks of the first of them.

    Raises:
        GitError: a commit, or what it names, cannot be read.
    """
    with _files(project, git) as state:
        made: _Made | None = None
        known: dict[int, _Made] = {}
        for commit, changed in steps(git.place, "", in_line(git.place, commits)):
            if state.change(changed, made) or made is None:
                made = known.get(state.mark)
                if made is None or not state.is_made_of(made):
                    state.forget()
                    made = _Made(answer(state, commit), state.seen, state.listed)
                    if len(known) > _MOST_ANSWERS:
                        known.clear()
                    known[state.mark] = made
            yield commit, made.value  # type: ignore[misc]  # what `answer` said


@contextmanager
def _files(project: Project, git: Git) -> Iterator[_Files]:
    with kept_objects(git.place) as objects:
        yield _Files(project, git, objects)


class _Files:
    """The files of one commit after the other; a Source that remembers what it was asked for."""

    def __init__(self, project: Project, git: Git, objects: Objects) -> None:
        self._project = project
        self._is_machinery = project.dialect.is_machinery
        self._git = git
        self._objects = objects
        self._top: _Folder = {}
        self._machinery: dict[str, str] = {}
        # nobody who writes commits can make different files have the same mark
        self._secret = os.urandom(16)
        self._blobs: dict[str, bytes] = {}
        self._bytes = 0
        self.mark = 0
        self.forget()

    def forget(self) -> None:
        """Forget what it was asked for."""
        self.seen: dict[str, str] = {}
        self.listed: dict[str, list[str]] = {}

    def change(self, changed: Mapping[str, str], made: _Made | None) -> bool:
        """Go on to the next commit; returns whether an answer that was made before may be another one."""
        other = False
        # a folder may come where a file was
        for path, blob in sorted(changed.items(), key=lambda one: one[1] != ""):
            self._put(path, blob)
            name = path.rpartition("/")[2]
            if self._is_machinery(name) and path.startswith(self._git.prefix):
                self._note(path, blob)
                other = True
            other = other or (made is not None and _is_in(path, made))
        return other

    def is_made_of(self, made: _Made) -> bool:
        """Whether an answer for these pointers and pipelines holds for the other files, too."""
        return all(self._blob(path) == blob for path, blob in made.read.items()) and all(
            self._names(path) == names for path, names in made.below.items()
        )

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; None when there is no such file."""
        if "://" in path or path.startswith("/"):
            return None
        full = self._git.full(path)
        blob = self.seen[full] = self._blob(full)
        return self._content(blob) if blob else None

    def below(self, path: str) -> list[str]:
        """See `Source`."""
        full = self._git.full(path)
        names = self.listed[full] = self._names(full)
        return [f"{path}/{name}" for name in names]

    def machinery(self, inside: Callable[[str, dict[str, bytes]], set[str]]) -> None:
        """See `Source`."""
        found: dict[str, dict[str, str]] = {}
        for path, blob in self._machinery.items():
            folder, _, name = path.removeprefix(self._git.prefix).rpartition("/")
            found.setdefault(folder, {})[name] = blob
        for folder, named in Ignore(self._project, self).kept(found).items():
            inside(folder, {name: self._content(blob) for name, blob in named.items()})

    def is_project(self, path: str) -> bool:
        """Whether the folder `path` holds another project."""
        return any(self.below(f"{path}/{dialect.folder}") for dialect in DIALECTS)

    def _put(self, path: str, blob: str) -> None:
        *folders, name = path.split("/")
        here = self._top
        trail = []
        for folder in folders:
            inner = here.get(folder)
            if not isinstance(inner, dict):
                if not blob:
                    return
                inner = here[folder] = {}
            trail.append((here, folder))
            here = inner
        if blob:
            here[name] = blob
            return
        if isinstance(here.get(name), str):
            del here[name]
        for above, folder in reversed(trail):
            if above[folder]:
                break
            del above[folder]

    def _note(self, path: str, blob: str) -> None:
        for one in (self._machinery.pop(path, ""), blob):
            if one:
                data = f"{path}\0{one}".encode("utf-8", "surrogateescape")
                self.mark ^= int.from_bytes(hashlib.blake2b(data, digest_size=16, key=self._secret).digest())
        if blob:
            self._machinery[path] = blob

    def _at(self, path: str) -> str | _Folder | None:
        here: str | _Folder | None = self._top
        for name in path.split("/"):
            here = here.get(name) if isinstance(here, dict) else None
        return here

    def _blob(self, path: str) -> str:
        found = self._at(path)
        return found if isinstance(found, str) else ""

    def _names(self, path: str) -> list[str]:
        found = self._at(path)
        names: list[str] = []
        pending = [("", found)] if isinstance(found, dict) else []
        while pending:
            prefix, folder = pending.pop()
            for name, inner in folder.items():
                if isinstance(inner, dict):
                    pending.append((f"{prefix}{name}/", inner))
                else:
                    names.append(prefix + name)
        return sorted(names)

    def _content(self, blob: str) -> bytes:
        if blob not in self._blobs:
            if self._bytes > _MOST_BYTES:
                self._blobs.clear()
                self._bytes = 0
            data = self._objects.read((blob,))[blob]
            self._blobs[blob] = data
            self._bytes += len(data)
        return self._blobs[blob]


def _is_in(path: str, made: _Made) -> bool:
    """Whether an answer was made of a path, or of what is in a folder that holds it."""
    if path in made.read or path in made.below:
        return True
    while path:
        path = path.rpartition("/")[0]
        if path in made.below:
            return True
    return False
