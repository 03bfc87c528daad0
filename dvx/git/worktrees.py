"""Work trees of their own for experiments, which share the objects and the refs of the repository."""

from __future__ import annotations

import os

from dvx.errors import GitError
from dvx.git import process
from dvx.git.places import find_place
from dvx.git.repository import Git


def add_work_tree(git: Git, folder: str, commit: str, snapshot: str = "") -> None:
    """Make a work tree at `folder` (absolute): its HEAD is `commit`, detached, its files and index are those of `snapshot`.

    Without one, the index is that of the commit, and there are no files yet.

    Raises:
        GitError: it cannot be made.
    """
    words = ("worktree", "add", "--quiet", "--force", "--detach", "--no-checkout", folder, commit)
    process.ask(git.place, words)
    place = find_place(folder)
    if place is None:
        raise GitError(f"Git made no work tree at `{folder}`")
    process.ask(place, ("read-tree", "--reset", "-u", snapshot) if snapshot else ("read-tree", commit))


def record_of(git: Git, folder: str) -> str:
    """The folder in which Git keeps what it knows of the work tree that `add_work_tree` made at `folder`; it may not exist.

    To remove just this one is what `git worktree prune` would do; that would take for dead what others are making, too.
    """
    return os.path.join(git.place.common, "worktrees", os.path.basename(folder))
