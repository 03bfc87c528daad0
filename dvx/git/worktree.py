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
    # what a submodule is, not what is in its files: Git would run what its configuration names
    options = ("--porcelain", "-z", "--no-renames", "--ignore-submodules=dirty")
    words = ("status", *options, f"--untracked-files={'all' if untracked else 'no'}")
    rows = values.fields(process.ask(git.place, words))
    found = sorted(row[3:] for row in rows if row.startswith("?? "))
    return WorkTree(tuple(path[len(git.prefix) :] for path in found if path.startswith(git.prefix)), bool(rows))


def listed(git: Git) -> tuple[list[str], list[str]]:
    """The files that Git tracks, and those that it neither tracks nor ignores; relative to the top of the work tree.

    Of submodules, only the folders are among the first.
    """
    words = ("ls-files", "-z", "--others", "--exclude-standard")
    return values.fields(process.ask(git.place, ("ls-files", "-z"))), values.fields(process.ask(git.place, words))


class CommittedFile(Struct, frozen=True):
    """A file or folder of a commit; `size` in bytes, of a folder that of its own Git object."""

    path: str
    size: int
    executable: bool = False
    is_dir: bool = False


def committed_files(git: Git, commit: str) -> list[CommittedFile]:
    """The project's files in a commit, links too, and its folders; the project itself has the empty path.

    `commit` is an id. A commit without the project's folder has nothing.
    """
    tree = f"{commit}:{git.prefix.rstrip('/')}"
    words = ("ls-tree", "-r", "-t", "-z", "--long", "--full-tree", tree)
    answer = process.run(git.place, words)
    if answer.code != 0:
        if git.prefix and not git.trees([commit], lambda _: False).files(commit):
            return []
        raise process.failure(words, answer)
    found = []
    folders = {"": tree}
    for row in values.fields(answer.out):
        facts, _, path = row.partition("\t")
        mode, kind, ident, size = facts.split()
        if kind == "blob":
            found.append(CommittedFile(path, int(size), mode == "100755"))
        elif kind == "tree":
            folders[path] = ident
    given = "".join(f"{ident}\n" for ident in folders.values())
    sizes = process.ask(git.place, ("cat-file", "--batch-check=%(objectsize)"), given.encode("utf-8", "surrogateescape"))
    found += [CommittedFile(path, int(size), is_dir=True) for path, size in zip(folders, sizes.split(), strict=True)]
    return found
