"""Walks over many commits: of each, the files that differ from those of the commit before it.

Git compares two commits without looking at what they share, so this costs what changed, however much there is.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence

from dvx.errors import GitError
from dvx.git import process, values
from dvx.git.commits.trees import Trees
from dvx.git.places import GitPlace

# what Git answers of so many commits is in memory at once
_PORTION = 2_000
# few commits are not worth a walk over the history
_MANY = 1_000
_REGULAR = b"100"
_WORDS = ("diff-tree", "--stdin", "--always", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--ignore-submodules=all")

Step = tuple[str, dict[str, str]]
"""A commit, and the regular files that changed: path -> id of the blob, empty where the file is gone."""


def steps(place: GitPlace, folder: str, commits: Sequence[str]) -> Iterator[Step]:
    """The commits, and what is below `folder` (empty for all) in each: of the first every file, then what changes.

    Raises:
        GitError: a commit, or a tree in it, cannot be read.
    """
    before = ""
    for portion in values.batches(commits, _PORTION):
        if not before:
            before = portion.pop(0)
            yield before, Trees(place, folder, [before], lambda _: False).files(before)
        yield from _changes(place, folder, [before, *portion])
        before = portion[-1] if portion else before


def in_line(place: GitPlace, commits: Sequence[str]) -> list[str]:
    """The commits in an order in which neighbours differ little: each line of history in one piece, if there are many."""
    wanted = dict.fromkeys(commits)
    if len(wanted) < _MANY:
        return list(wanted)
    given = "".join(f"{commit}\n" for commit in wanted).encode("ascii")
    answer = process.run(place, ("rev-list", "--topo-order", "--stdin"), given)
    found = [commit for commit in values.text(answer.out).split() if commit in wanted] if answer.code == 0 else []
    return list(dict.fromkeys((*found, *wanted)))


def _changes(place: GitPlace, folder: str, commits: Sequence[str]) -> Iterator[Step]:
    """What each commit but the first has otherwise than the one before it."""
    asked = "".join(f"{commit} {before}\n" for before, commit in itertools.pairwise(commits))
    if not asked:
        return
    out = process.ask(place, (*_WORDS, *(("--", folder) if folder else ())), asked.encode("ascii"))
    start = len(folder) + 1 if folder else 0
    parts = iter(out.split(b"\0"))
    head = next(parts)
    for commit in commits[1:]:
        # Git passes over commits that it does not have
        if head != commit.encode("ascii"):
            raise GitError(f"there is no commit `{commit}`")
        changed = {}
        while (head := next(parts)).startswith(b":"):
            _, mode, _, blob, _ = head.split(b" ")
            changed[os.fsdecode(next(parts)[start:])] = blob.decode("ascii") if mode.startswith(_REGULAR) else ""
        yield commit, changed
