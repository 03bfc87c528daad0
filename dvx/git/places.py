"""Where a Git repository is, found without running anything."""

from __future__ import annotations

import os
import stat

from msgspec import Struct

from dvx.errors import GitError
from dvx.model.paths import printable


class GitPlace(Struct, frozen=True):
    """Where a repository is: work tree, Git folder of this work tree, and the folder that all its work trees share.

    `objects` is a folder of further objects that it may read, if there is one.
    """

    top: str
    folder: str
    common: str
    objects: str = ""

    @staticmethod
    def bare(folder: str) -> GitPlace:
        """A repository without a work tree: Git is asked about its commits only."""
        return GitPlace(folder, folder, folder)

    @property
    def is_bare(self) -> bool:
        """Whether there is no work tree."""
        return self.top == self.folder


def find_place(start: str) -> GitPlace | None:
    """The repository that the absolute folder `start` lies in, by Git's own rule; runs nothing.

    Raises:
        GitError: its Git folder cannot be read.
    """
    top = os.path.realpath(start)
    while True:
        folder = _git_folder(os.path.join(top, ".git"))
        if folder is not None:
            return GitPlace(top, folder, _common_folder(folder))
        above = os.path.dirname(top)
        if above == top:
            return None
        top = above


def _git_folder(path: str) -> str | None:
    if os.path.isfile(path):
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            line = file.readline().rstrip("\n")
        if not line.startswith("gitdir: "):
            return None
        path = os.path.normpath(os.path.join(os.path.dirname(path), line.removeprefix("gitdir: ")))
    if is_hidden(path):
        # to go on without it would be to take all its commits for nothing
        raise GitError(f"the Git repository `{printable(path)}` cannot be read", "ask its owner to let your group read it")
    return path if os.path.lexists(os.path.join(path, "HEAD")) else None


def _common_folder(folder: str) -> str:
    try:
        with open(os.path.join(folder, "commondir"), encoding="utf-8", errors="surrogateescape") as file:
            # as Git does: all of the file, and links are followed before `..`
            return os.path.realpath(os.path.join(folder, file.read().rstrip("\r\n")))
    except FileNotFoundError:
        return folder


def is_hidden(folder: str) -> bool:
    """Whether the user may not look into a folder, or not even see whether it is there."""
    try:
        return stat.S_ISDIR(os.stat(folder).st_mode) and not os.access(folder, os.R_OK | os.X_OK)
    except PermissionError:
        return True
    except OSError:
        return False


def is_bare(folder: str) -> bool:
    """Whether a folder is a repository without a workspace."""
    return os.path.isfile(os.path.join(folder, "HEAD")) and os.path.isdir(os.path.join(folder, "objects"))
