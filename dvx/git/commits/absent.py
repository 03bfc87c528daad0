"""What Git does not have here: history that was cut off, and refs of its remotes that were never fetched."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection

from msgspec import Struct

from dvx.git import process, values
from dvx.git.repository import Git

_SHARED = ("refs/heads/*", "refs/tags/*", "refs/exps/*")
_PEELED = "^{}"


class Move(Struct, frozen=True):
    """HEAD went from one commit to another, `by_commit` or otherwise: to another branch, by a pull, a merge, a reset..."""

    before: str
    after: str
    by_commit: bool


def is_shallow(git: Git) -> bool:
    """Whether older commits were left out (`git clone --depth`)."""
    return _holds_anything(os.path.join(git.place.common, "shallow"))


def is_rewritten(git: Git) -> bool:
    """Whether grafts or replacements hide the real parents of commits."""
    return _holds_anything(os.path.join(git.place.common, "info", "grafts")) or bool(git.refs("refs/replace/"))


def narrow_remotes(git: Git) -> list[str]:
    """The remotes of which some branches are never fetched (`git clone --single-branch`)."""
    answer = process.run(git.place, ("config", "--null", "--get-regexp", r"^remote\..*\.fetch$"))
    found: dict[str, bool] = {}
    for row in values.fields(answer.out):
        key, _, spec = row.partition("\n")
        name = key.removeprefix("remote.").removesuffix(".fetch")
        every = spec.removeprefix("+").partition(":")[0] in ("refs/heads/*", "refs/*")
        found[name] = found.get(name, False) or every
    return [name for name, every in found.items() if not every]


def stacked(git: Git, ref: str) -> int:
    """How many commits the reflog of a ref holds, as that of a stash does; none where there is no such ref."""
    answer = process.run(git.place, ("rev-list", "--walk-reflogs", "--count", ref, "--"))
    return int(answer.out) if answer.code == 0 else 0


def moves(git: Git, count: int) -> list[Move]:
    """The last moves of HEAD here, the latest first."""
    words = ("log", "--no-show-signature", "--walk-reflogs", "--format=%H %gs", f"--max-count={count + 1}", "HEAD", "--")
    answer = process.run(git.place, words)
    rows = [line.partition(" ") for line in values.lines(answer.out)] if answer.code == 0 else []
    return [Move(before, after, why.startswith("commit")) for (after, _, why), (before, _, _) in itertools.pairwise(rows)]


def unseen_refs(git: Git, remote: str, known: Collection[str]) -> list[str]:
    """Branches, tags and experiments of a remote whose commits are not among those `known` here.

    Raises:
        GitError: the remote cannot be reached.
    """
    rows = values.lines(process.ask(git.place, ("ls-remote", "--quiet", "--", remote, *_SHARED)))
    found: dict[str, str] = {}
    for row in rows:
        ident, _, ref = row.partition("\t")
        # of a tag with a message the commit comes second
        found[ref.removesuffix(_PEELED)] = ident
    return [ref for ref, ident in found.items() if ident not in known]


def _holds_anything(path: str) -> bool:
    try:
        return os.path.getsize(path) > 0
    except OSError:
        return False
