"""Where a Git repository is, found without running anything."""

from __future__ import annotations

import os

from msgspec import Struct


class GitPlace(Struct, frozen=True):
    """Where a repository is: work tree, Git folder of this work tree, and the folder that all its work trees share.

    `objects` is a folder of further objects that it may read, if there is one.
    """

    top: str
    folder: str
    common: str
    objects: str = ""


def find_place(start: str) -> GitPlace | None:
    """The repository that the absolute folder `start` lies in, by Git's own rule; runs nothing."""
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
    return path if os.path.lexists(os.path.join(path, "HEAD")) else None


def _common_folder(folder: str) -> str:
    try:
        with open(os.path.join(folder, "commondir"), encoding="utf-8", errors="surrogateescape") as file:
            # as Git does: all of the file, and links are followed before `..`
            return os.path.realpath(os.path.join(folder, file.read().rstrip("\r\n")))
    except FileNotFoundError:
        return folder


def is_bare(folder: str) -> bool:
    """Whether a folder is a repository without a workspace."""
    return os.path.isfile(os.path.join(folder, "HEAD")) and os.path.isdir(os.path.join(folder, "objects"))
