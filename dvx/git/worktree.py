"""What the work tree has that no commit has."""

from __future__ import annotations

from msgspec import Struct

from dvx.git import process, values
from dvx.git.repository import Git


class WorkTree(Struct, frozen=True):
    """`untracked` files of the project, not ignored, in the order of paths; whether anything at all differs from HEAD."""

    untracked: tuple[str, ...]
    is_dirty: bool


def examine(git: Git, *, untracked: bool) -> WorkTree:
    """Compare the work tree with HEAD and the index; files that Git does not track only on request."""
    words = ("status", "--porcelain", "-z", "--no-renames", f"--untracked-files={'all' if untracked else 'no'}")
    rows = values.fields(process.ask(git.place, words))
    found = sorted(row[3:] for row in rows if row.startswith("?? "))
    return WorkTree(tuple(path[len(git.prefix) :] for path in found if path.startswith(git.prefix)), bool(rows))


class CommittedFile(Struct, frozen=True):
    """A file of a commit; `size` in bytes."""

    path: str
    size: int
    executable: bool


def committed_files(git: Git, commit: str) -> list[CommittedFile]:
    """The project's files in a commit, links too."""
    folder = git.prefix.rstrip("/")
    out = process.ask(git.place, ("ls-tree", "-r", "-z", "--long", "--full-tree", f"{commit}:{folder}"))
    found = []
    for row in values.fields(out):
        facts, _, path = row.partition("\t")
        mode, kind, _, size = facts.split()
        if kind == "blob":
            found.append(CommittedFile(path, int(size), mode == "100755"))
    return found
