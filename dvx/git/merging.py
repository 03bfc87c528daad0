"""Merges commits in an index file of ours: HEAD, Git's index and the work tree stay as they are."""

from __future__ import annotations

import os
from collections.abc import Sequence

from msgspec import Struct

from dvx.git import process, values
from dvx.git.repository import Git

_REGULAR = "100"


class Unmerged(Struct, frozen=True):
    """A file that both sides changed: `path` from the top of the work tree, and its blob in the ancestor, ours and theirs."""

    path: str
    ancestor: str = ""
    ours: str = ""
    theirs: str = ""
    mode: str = "100644"

    @property
    def is_text(self) -> bool:
        """Whether all sides have a regular file."""
        return bool(self.ours and self.theirs) and self.mode.startswith(_REGULAR)


def begin_merge(git: Git, index: str, commits: Sequence[str]) -> list[Unmerged]:
    """Put the merge of ours and theirs with their ancestor (`commits`: ancestor, ours, theirs) into an index file.

    Returns what is left to be settled.
    """
    process.ask(git.place, ("read-tree", "--reset", commits[1]), index=index)
    process.ask(git.place, ("read-tree", "-i", "-m", "--aggressive", *commits), index=index)
    found: dict[str, dict[str, str]] = {}
    for row in values.fields(process.ask(git.place, ("ls-files", "--full-name", "-u", "-z"), index=index)):
        facts, _, path = row.partition("\t")
        mode, blob, stage = facts.split()
        side = {"1": "ancestor", "2": "ours", "3": "theirs"}[stage]
        known = found.setdefault(path, {})
        known[side] = blob
        if side != "ancestor":
            known["mode"] = mode if known.get("mode", mode).startswith(_REGULAR) else known["mode"]
    return [Unmerged(path, **known) for path, known in found.items()]


def settle(git: Git, index: str, one: Unmerged, data: bytes | None) -> None:
    """Let a file be these bytes in the merge, or what theirs has."""
    blob = one.theirs
    if data is not None:
        blob = values.text(process.ask(git.place, ("hash-object", "-w", "--stdin"), data, durable=True)).strip()
    gone = f"0 {'0' * len(one.ours or one.theirs)}\t{one.path}\0"
    line = gone + (f"{one.mode} {blob}\t{one.path}\0" if blob else "")
    process.ask(git.place, ("update-index", "-z", "--index-info"), os.fsencode(line), index=index)


def end_merge(git: Git, index: str, parent: str) -> str:
    """Make a commit of the merge, which nothing names."""
    tree = values.text(process.ask(git.place, ("write-tree",), index=index, durable=True)).strip()
    words = (*process.NOBODY, "commit-tree", tree, "-p", parent, "-m", "dvx: an experiment on top of later commits")
    return values.text(process.ask(git.place, words, durable=True)).strip()


def distance(git: Git, old: str, new: str) -> int | None:
    """How many commits lie between two; None if the one does not lead to the other."""
    if process.run(git.place, ("merge-base", "--is-ancestor", old, new)).code != 0:
        return None
    return int(values.text(process.ask(git.place, ("rev-list", "--count", f"{old}..{new}"))))
