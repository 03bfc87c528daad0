"""Past: earlier versions of what stages read and of what was recorded of them, for which Git is asked once for all stages."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from dvx.git import Git
from dvx.git.commits.kept import Objects, kept_objects
from dvx.git.commits.search import Version, versions_behind, versions_everywhere
from dvx.git.commits.versions import versions
from dvx.git.values import parse_commit
from dvx.model.experiments.refs import EXPERIMENTS, ExpRef
from dvx.ops.tracked.sources import Workspace
from dvx.project import Project
from dvx.store.rows import RowCache

_EDITION = "brought:1"
_HASH = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32,64}(?![0-9a-f])")
# for more files the whole history is read, once
_FEW = 3
_MOST_VERSIONS = 200


class Past:
    """What Git knows of `files` that stages read, and of `locks`; a `git` runs until the block ends."""

    def __init__(self, project: Project, git: Git, files: Iterable[str], locks: Iterable[str]) -> None:
        self._project = project
        self._git = git
        self._files = frozenset(files)
        self._locks = tuple(locks)
        self._stack = contextlib.ExitStack()
        self._objects: Objects | None = None
        self._versions: dict[str, list[tuple[str, str]]] = {}
        self._is_whole = False
        self._subjects: dict[str, str] = {}
        self._first: dict[tuple[str, str], str] | None = None
        self._experiments: dict[str, str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def versions(self, path: str) -> list[tuple[str, str]]:
        """Commits behind HEAD that changed a file, the newest first, each with the blob that it became."""
        if path not in self._versions:
            if len(self._versions) < _FEW or path not in self._files:
                self._versions[path] = versions(self._git, path, _MOST_VERSIONS)
            elif not self._is_whole:
                self._read_all()
        return self._versions.get(path, [])

    def texts(self, blobs: Iterable[str]) -> dict[str, bytes]:
        """The content of those blobs that Git has."""
        return self._read(blobs)

    def subject(self, commit: str) -> str:
        """What a commit is called for people."""
        if commit not in self._subjects:
            found = self._read((commit,)).get(commit, b"")
            self._subjects[commit] = f"commit {commit[:7]} ({parse_commit(commit, found).subject})"
        return self._subjects[commit]

    def origin(self, lock: str, text: str) -> str:
        """The experiment, or else the commit, that first brought a digest into a lock; empty if none did."""
        if self._first is None:
            self._first = self._brought()
        commit = self._first.get((lock, text), "")
        if not commit:
            return ""
        if self._experiments is None:
            refs = {ident: name for name, ident in sorted(self._git.refs(EXPERIMENTS).items(), reverse=True)}
            self._experiments = {ident: ref.name for ident, name in refs.items() if (ref := ExpRef.parse(name)) is not None}
        experiment = self._experiments.get(commit, "")
        return f"experiment `{experiment}`" if experiment else self.subject(commit)

    def _read_all(self) -> None:
        self._is_whole = True
        for one in versions_behind(self._git, self._files.difference(self._versions).__contains__):
            found = self._versions.setdefault(one.path, [])
            # a file that was gone meanwhile begins anew
            if len(found) < _MOST_VERSIONS and not (found and not found[-1][1]):
                found.append((one.commit, one.blob))
        self._versions = {path: [one for one in found if one[1]] for path, found in self._versions.items()}

    def _brought(self) -> dict[tuple[str, str], str]:
        """The commit that first brought each digest of the locks, as they are now."""
        wanted = {lock: _hashes(Workspace(self._project).read(lock) or b"") for lock in self._locks}
        found: dict[tuple[str, str], str] = {}
        last: dict[str, str] = {}
        told: list[tuple[Version, str]] = []
        for one in versions_everywhere(self._git, self._locks):
            if one.blob and one.path in wanted:
                told.append((one, f"{_EDITION}:{last.get(one.path, '')}:{one.blob}"))
                last[one.path] = one.blob
        kept = RowCache(os.path.join(self._project.state, "rows.db"))
        rows = kept.get_many({key for _, key in told})
        new: dict[str, str] = {}
        texts: dict[str, tuple[str, bytes]] = {}
        for one, key in told:
            if key not in rows:
                before, blob = key.rsplit(":", 2)[1:]
                held = texts.get(one.path, ("", b""))
                old = held[1] if held[0] == before else self._read((before,) if before else ()).get(before, b"")
                data = self._read((blob,)).get(blob, b"")
                texts[one.path] = blob, data
                rows[key] = new[key] = " ".join(sorted(_hashes(_other(old, data))))
            for text in wanted[one.path].intersection(rows[key].split(" ")):
                found.setdefault((one.path, text), one.commit)
        kept.put_many(new)
        return found

    def _read(self, idents: Iterable[str]) -> dict[str, bytes]:
        if self._objects is None:
            self._objects = self._stack.enter_context(kept_objects(self._git.place))
        return self._objects.present(idents)


def _hashes(data: bytes) -> set[str]:
    return {found.decode("ascii") for found in _HASH.findall(data)}


def _other(old: bytes, new: bytes) -> bytes:
    """The lines of `new` from the first to the last that `old` has not at the same place from its start or end."""
    start = _shared(old, new)
    end = _shared(old[start:][::-1], new[start:][::-1])
    first = new.rfind(b"\n", 0, start) + 1
    last = new.find(b"\n", len(new) - end)
    return new[first : last if last >= 0 else len(new)]


def _shared(one: bytes, other: bytes) -> int:
    """How many bytes two texts have in common at their start."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
