"""The versions of many files in the history, each change of which is told by one process of Git."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from dvx.git import process
from dvx.git.repository import Git

_WORDS = ("log", "--format=%H", "--raw", "-z", "--no-abbrev", "--no-renames", "--root", "--no-show-signature", "--no-ext-diff")

_MANY = 100


class Version(Struct, frozen=True):
    """What a commit made of a file of the project: the id of a blob, empty where it is gone or no regular file."""

    commit: str
    path: str
    blob: str


def versions_everywhere(git: Git, paths: Sequence[str]) -> Iterator[Version]:
    """What commits of branches, tags and experiments made of the files, the oldest first and none before its parents."""
    # Git compares each name with each of the paths
    places = [git.full(path) for path in paths] if len(paths) <= _MANY else [git.prefix.rstrip("/") or "."]
    words = ("--all", "--reverse", "--date-order", "--full-history", "-m", "HEAD", "--", *places)
    return _told(git, words, frozenset(paths).__contains__)


def versions_behind(git: Git, wanted: Callable[[str], bool]) -> Iterator[Version]:
    """What HEAD and the commits behind it made of the files that are wanted, the newest first; merges are left out."""
    return _told(git, ("HEAD", "--", git.prefix.rstrip("/") or "."), wanted)


def _told(git: Git, words: Sequence[str], wanted: Callable[[str], bool]) -> Iterator[Version]:
    answer = process.run(git.place, (*_WORDS, *words))
    parts = iter(answer.out.split(b"\0") if answer.code == 0 else ())
    commit = ""
    for part in parts:
        facts = part.lstrip(b"\n")
        if not facts.startswith(b":"):
            commit = facts.decode("ascii") or commit
            continue
        path = os.fsdecode(next(parts)).removeprefix(git.prefix)
        if wanted(path):
            _, mode, _, blob, _ = facts.split(b" ")
            yield Version(commit, path, blob.decode("ascii") if mode.startswith(b"100") else "")
