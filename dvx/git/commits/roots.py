"""All that a repository keeps alive: refs, reflogs, stashes, work trees and their indexes, and the files that these name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from dvx.git import process, values
from dvx.git.commits import trees
from dvx.git.commits.walking import in_line, steps
from dvx.git.repository import Git
from dvx.model.experiments.refs import EXPERIMENTS, OWN_REFS, ExpRef

_REGULAR = "100"
_HEX = frozenset("0123456789abcdef")
_IN_PROGRESS = (
    "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "MERGE_AUTOSTASH",
    "rebase-merge/autostash", "rebase-apply/autostash", "rebase-merge/orig-head",
)  # fmt: skip


def every_commit(git: Git) -> list[str]:
    """Every commit that a ref, a reflog or the HEAD of any work tree keeps, with its ancestors."""
    found = values.text(process.ask(git.place, ("rev-list", "--all", "--reflog"))).split()
    return list(dict.fromkeys((*found, *unfinished_commits(git))))


def unfinished_commits(git: Git) -> list[str]:
    """Commits of work that is in no branch yet: stashes, experiments that are queued or run, a merge or rebase in progress."""
    heads = ["refs/stash"] + [ref for ref in git.refs(EXPERIMENTS, OWN_REFS) if ExpRef.parse(ref) is None]
    found: dict[str, None] = {}
    for ref in heads:
        for words in (("--walk-reflogs",), ("--no-walk",)):
            answer = process.run(git.place, ("rev-list", *words, "--parents", ref, "--"))
            for line in values.lines(answer.out):
                commit, *parents = line.split()
                # the index and the untracked files of a stash are parents of it
                found |= dict.fromkeys((commit, *parents[1:]))
    return list(found | dict.fromkeys(_interrupted(git)))


def work_trees(git: Git) -> list[str]:
    """The folders of all work trees of the repository that are there, this one included."""
    rows = values.fields(process.ask(git.place, ("worktree", "list", "--porcelain", "-z")))
    found = [row.removeprefix("worktree ") for row in rows if row.startswith("worktree ")]
    return [folder for folder in found if os.path.isdir(folder)]


def indexed(git: Git) -> dict[str, set[str]]:
    """The project's regular files in the index: blob -> paths. All sides of a conflict count."""
    found: dict[str, set[str]] = {}
    words = ("ls-files", "--stage", "-z", "--", git.prefix.rstrip("/") or ".")
    for row in values.fields(process.ask(git.place, words)):
        facts, _, path = row.partition("\t")
        mode, blob, _ = facts.split()
        if mode.startswith(_REGULAR):
            found.setdefault(blob, set()).add(path.removeprefix(git.prefix))
    return found


def named_blobs(git: Git, commits: Sequence[str], wanted: Callable[[str], bool]) -> dict[str, set[str]]:
    """The project's regular files with a wanted name in any of the commits: blob -> paths. What commits share is read once.

    Raises:
        GitError: a commit or tree cannot be read.
    """
    found: dict[str, set[str]] = {}
    for _, changed in steps(git.place, git.prefix.rstrip("/"), in_line(git.place, commits)):
        for path, blob in changed.items():
            if blob and wanted(path.rpartition("/")[2]):
                found.setdefault(blob, set()).add(path)
    return found


def read_blobs(git: Git, blobs: Iterable[str]) -> tuple[dict[str, bytes], list[str]]:
    """The content of objects, and those that cannot be read."""
    asked = list(dict.fromkeys(blobs))
    found = trees.present(git.place, asked)
    return found, [blob for blob in asked if blob not in found]


def _interrupted(git: Git) -> list[str]:
    """Commits that a merge, rebase or cherry-pick in progress keeps in files of its own."""
    found = []
    for name in _IN_PROGRESS:
        try:
            with open(os.path.join(git.folder, name), encoding="ascii", errors="replace") as file:
                word = file.readline().strip()
        except (FileNotFoundError, NotADirectoryError):
            continue
        if len(word) in (40, 64) and _HEX.issuperset(word):
            found.append(word)
    kinds = process.ask(git.place, ("cat-file", "--batch-check=%(objecttype) %(objectname)"), "\n".join(found).encode())
    return [line.split()[1] for line in values.lines(kinds) if line.startswith("commit ")]


def is_ref_name(git: Git, ref: str) -> bool:
    """Whether Git accepts `ref` as the full name of a ref."""
    return process.run(git.place, ("check-ref-format", ref)).code == 0
