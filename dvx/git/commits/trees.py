"""Lists the files of many commits at once: tree objects, level by level, each read once."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence

from msgspec import Struct

from dvx.errors import GitError
from dvx.git import process, values
from dvx.git.places import GitPlace

_FOLDER = b"40000"
_REGULAR = b"100"


class _Level(Struct, frozen=True):
    """One tree object: regular files and folders, name -> id."""

    files: dict[str, str]
    folders: dict[str, str]


class Trees:
    """The regular files below `folder` (empty for all) in some commits. What they share is read, kept and searched once.

    `wanted` chooses files by their bare name, for `named`.

    Raises:
        GitError: a commit, or a tree in it, does not exist.
    """

    def __init__(self, place: GitPlace, folder: str, commits: Sequence[str], wanted: Callable[[str], bool]) -> None:
        self._roots = _roots(place, folder, commits)
        self._wanted = wanted
        self._levels: dict[str, _Level] = {}
        self._named: dict[str, dict[str, str]] = {}
        pending = {root for root in self._roots.values() if root}
        while pending:
            read = _read(place, pending)
            self._levels |= read
            pending = {ident for level in read.values() for ident in level.folders.values()} - self._levels.keys()

    def blob(self, commit: str, path: str) -> str | None:
        """The id of a file's blob; None when there is no such file."""
        *folders, name = path.split("/")
        level = self._levels.get(self._roots[commit])
        for folder in folders:
            level = self._levels.get(level.folders.get(folder, "")) if level else None
        return level.files.get(name) if level else None

    def has_folder(self, commit: str, path: str) -> bool:
        """Whether there is a folder at a path."""
        level = self._levels.get(self._roots[commit])
        for folder in path.split("/"):
            level = self._levels.get(level.folders.get(folder, "")) if level else None
        return level is not None

    def files(self, commit: str) -> dict[str, str]:
        """All files of a commit: path -> id of the blob."""
        return _flatten(self._levels, self._roots[commit])

    def below(self, commit: str, folder: str) -> list[str]:
        """The files of a commit below a folder."""
        ident = self._roots[commit]
        for name in folder.split("/"):
            ident = self._levels[ident].folders.get(name, "") if ident else ""
        return [f"{folder}/{path}" for path in _flatten(self._levels, ident)]

    def named(self, commit: str) -> dict[str, str]:
        """The files of a commit with a wanted name: path -> id of the blob."""
        root = self._roots[commit]
        pending = [root]
        while pending:
            level = self._levels.get(pending[-1]) or _Level({}, {})
            below = [inner for inner in level.folders.values() if inner not in self._named]
            pending += below
            if not below:
                self._named[pending.pop()] = self._found(level)
        return self._named[root]

    def _found(self, level: _Level) -> dict[str, str]:
        found = {name: blob for name, blob in level.files.items() if self._wanted(name)}
        for folder, inner in level.folders.items():
            found |= {f"{folder}/{path}": blob for path, blob in self._named[inner].items()}
        return found


def _roots(place: GitPlace, folder: str, commits: Sequence[str]) -> dict[str, str]:
    """The tree of `folder` in each commit; empty where there is no such folder."""
    asked = "".join(f"{commit}^{{commit}}\n{commit}^{{tree}}\n" for commit in commits)
    lines = values.lines(process.ask(place, ("cat-file", "--batch-check"), os.fsencode(asked)))
    found = {}
    for commit, one, whole in zip(commits, lines[::2], lines[1::2], strict=True):
        if one.endswith(" missing"):
            raise GitError(f"there is no commit `{commit}`")
        if whole.endswith(" missing"):
            raise process.lost(f"{commit}^{{tree}}", place)
        found[commit] = whole.split()[0]
    for name in filter(None, folder.split("/")):
        levels = _read(place, {root for root in found.values() if root})
        found = {commit: levels[root].folders.get(name, "") if root else "" for commit, root in found.items()}
    return found


def _read(place: GitPlace, idents: Collection[str]) -> dict[str, _Level]:
    """Tree objects; raises GitError where one is missing."""
    return {ident: _parse(data, len(ident) // 2) for ident, data in objects(place, idents).items()} if idents else {}


def objects(place: GitPlace, idents: Collection[str]) -> dict[str, bytes]:
    """The content of objects.

    Raises:
        GitError: one is missing.
    """
    found = present(place, idents)
    if lost := next((ident for ident in idents if ident not in found), ""):
        raise process.lost(lost, place)
    return found


def present(place: GitPlace, idents: Iterable[str]) -> dict[str, bytes]:
    """The content of objects; those that are missing are left out."""
    given = "".join(f"{ident}\n" for ident in idents).encode("ascii")
    return dict(values.split_batch(process.ask(place, ("cat-file", "--batch"), given))) if given else {}


def _parse(data: bytes, width: int) -> _Level:
    """Read a tree object; `width` is the length of an id in bytes."""
    level = _Level({}, {})
    at = 0
    while at < len(data):
        end = data.index(b"\0", at)
        mode, _, name = data[at:end].partition(b" ")
        at = end + 1 + width
        ident = data[end + 1 : at].hex()
        if mode == _FOLDER:
            level.folders[os.fsdecode(name)] = ident
        elif mode.startswith(_REGULAR):
            level.files[os.fsdecode(name)] = ident
    return level


def _flatten(levels: dict[str, _Level], root: str) -> dict[str, str]:
    found: dict[str, str] = {}
    pending = [("", root)]
    while pending:
        prefix, ident = pending.pop()
        level = levels.get(ident)
        if level is not None:
            found |= {prefix + name: blob for name, blob in level.files.items()}
            pending += [(f"{prefix}{name}/", below) for name, below in level.folders.items()]
    return found
