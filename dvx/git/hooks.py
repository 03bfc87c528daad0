"""Where Git keeps its hooks, and what it is told to call: hooks, and drivers that merge files."""

from __future__ import annotations

import os
import re

from dvx.errors import GitError
from dvx.git import process, values
from dvx.git.repository import Git
from dvx.model.paths import printable, within

_OWN = frozenset({"local", "worktree"})


def folder(git: Git) -> str:
    """The folder of the hooks, absolute; it may not exist.

    Raises:
        GitError: it serves other repositories, as `core.hooksPath` of the user or the system says, or lies outside of this one.
    """
    answer = process.run(git.place, ("config", "--show-scope", "--get", "core.hooksPath"))
    scope, _, path = values.text(answer.out).rstrip("\n").partition("\t")
    if path and scope not in _OWN:
        hint = "run `git config --local core.hooksPath .git/hooks`, or call dvx from the hooks that are there"
        raise GitError(f"the hooks of all repositories are in `{path}`, as `core.hooksPath` says", hint)
    place = find_folder(git)
    if not any(within(os.path.realpath(place), os.path.realpath(top)) for top in (git.top, git.place.common)):
        hint = "set another `core.hooksPath`, or call dvx from the hooks that are there"
        raise GitError(f"the hooks of this repository are outside of it, in `{printable(place)}`", hint)
    return place


def find_folder(git: Git) -> str:
    """The folder of the hooks that Git runs, absolute, whoever else uses it."""
    out = process.ask(git.place, ("rev-parse", "--git-path", "hooks"))
    return os.path.normpath(os.path.join(git.top, values.text(out).rstrip("\n")))


def set_option(git: Git, name: str, value: str) -> None:
    """Set an option of this repository."""
    process.ask(git.place, ("config", "--local", name, value))


def is_rebasing(git: Git) -> bool:
    """Whether a rebase is in progress."""
    return any(os.path.isdir(os.path.join(git.folder, name)) for name in ("rebase-merge", "rebase-apply"))


def merge_texts(git: Git, ours: str, ancestor: str, theirs: str, *, union: bool = False) -> bool:
    """Merge files line by line into `ours`, as Git does without a driver; False if that left conflict marks in it.

    In a `union` both sides' lines stay.
    """
    labels = ("-L", "ours", "-L", "ancestor", "-L", "theirs")
    words = ("merge-file", *(("--union",) if union else ()), *labels, ours, ancestor, theirs)
    answer = process.run(git.place, words)
    if not 0 <= answer.code < 128:
        raise process.failure(("merge-file",), answer)
    return answer.code == 0


def version(git: Git) -> tuple[int, int]:
    """The first two numbers of Git's version."""
    found = re.search(rb"(\d+)\.(\d+)", process.ask(git.place, ("version",)))
    return (int(found[1]), int(found[2])) if found else (0, 0)
