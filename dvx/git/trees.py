"""Lists the files of many commits at once: tree objects, level by level, each read once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from dvx.errors import GitError
from dvx.git import process, values
from dvx.git.process import Place

_FOLDER = b"40000"
_REGULAR = b"100"


class _Level(Struct, frozen=True):
    """One tree object: regular files and folders, name -> id."""

    files: dict[str, str]
    folders: dict[str, str]


def listings(place: Place, folder: str, commits: Sequence[str]) -> dict[str, dict[str, str]]:
    """The regular files below `folder` (empty for all) in each commit: path -> id of the blob.

    Raises:
        GitError: one of the commits does not exist.
    """
    roots = _roots(place, folder, commits)
    levels: dict[str, _Level] = {}
    pending = {root for root in roots.values() if root}
    while pending:
        levels |= {ident: _parse(data, len(ident) // 2) for ident, data in _objects(place, pending)}
        pending = {ident for name in pending if name in levels for ident in levels[name].folders.values()} - levels.keys()
    return {commit: _flatten(levels, root) for commit, root in roots.items()}


def named_blobs(place: Place, folder: str, commits: Sequence[str], wanted: Callable[[str], bool]) -> dict[str, set[str]]:
    """The regular files below `folder` with a wanted name, in any of the commits: id of the blob -> paths.

    Raises:
        GitError: a commit, or a tree in it, cannot be read.
    """
    found: dict[str, set[str]] = {}
    levels: dict[str, _Level] = {}
    pending = {("", root) for root in _roots(place, folder, commits).values() if root} if commits else set()
    done: set[tuple[str, str]] = set()
    while pending:
        new = {ident for _, ident in pending} - levels.keys()
        levels |= {ident: _parse(data, len(ident) // 2) for ident, data in _objects(place, new)}
        if lost := new - levels.keys():
            raise GitError(f"the tree `{min(lost)}` cannot be read", "run `git fsck`, or `git fetch --refetch`")
        done |= pending
        below: set[tuple[str, str]] = set()
        for prefix, ident in pending:
            for name, blob in levels[ident].files.items():
                if wanted(name):
                    found.setdefault(blob, set()).add(prefix + name)
            below |= {(f"{prefix}{name}/", inner) for name, inner in levels[ident].folders.items()}
        pending = below - done
    return found


def _roots(place: Place, folder: str, commits: Sequence[str]) -> dict[str, str]:
    """The tree of `folder` in each commit; empty where there is no such folder."""
    asked = "".join(f"{commit}^{{tree}}\n{commit}:{folder}\n" for commit in commits)
    lines = process.ask(place, ("cat-file", "--batch-check"), os.fsencode(asked)).splitlines()
    found = {}
    for commit, whole, part in zip(commits, lines[::2], lines[1::2], strict=True):
        if whole.endswith(b" missing"):
            raise GitError(f"there is no commit `{commit}`")
        words = part.split()
        found[commit] = words[0].decode("ascii") if words[1:2] == [b"tree"] else ""
    return found


def _objects(place: Place, idents: Iterable[str]) -> Iterable[tuple[str, bytes]]:
    given = "".join(f"{ident}\n" for ident in idents).encode("ascii")
    return values.split_batch(process.ask(place, ("cat-file", "--batch"), given))


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
