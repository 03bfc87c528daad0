"""Refs that dvx changes: its own and those of experiments, each only if it still has the value that was seen."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from dvx.errors import GitError, RefBusy, RefMoved, quoted
from dvx.git import process
from dvx.git.places import GitPlace, find_place
from dvx.git.repository import Git
from dvx.git.values import RefChange
from dvx.model.experiments.refs import EXPERIMENTS, OWN_REFS
from dvx.model.paths import printable

_PROCESSES = "/proc"
# git says no more than that, in the language that it is asked in here
_BUSY = re.compile(r"Unable to create '[^\n]*\.lock': (?:File exists|No such file)")
_MOVED = ("reference already exists", "but expected", "unable to resolve reference", "reference is missing")


def update_refs(git: Git, changes: Sequence[RefChange], inherited: tuple[int, ...] = ()) -> None:
    """Change refs, all or none, each only if it still has its old value. `git` gets the descriptors `inherited`.

    Of branches, which are the user's, a new one may be made, and one removed on which no work tree stands.

    Raises:
        RefMoved: one has another value by now.
        RefBusy: another process changes one at this moment, or died while it did.
        GitError: Git refuses.
    """
    for change in changes:
        is_own = change.ref.startswith((EXPERIMENTS, OWN_REFS))
        if not is_own and not (change.ref.startswith("refs/heads/") and _may_change(git, change)):
            raise GitError(f"`{change.ref}` is not dvx's to change")
        check_folders(git, change.ref)
    given = os.fsencode("".join(change.line() for change in changes))
    words = ("update-ref", "--no-deref", "--stdin", "-z")
    answer = process.run(git.place, words, given, durable=True, inherited=inherited)
    if answer.code:
        raise failure(words, answer)


def _may_change(git: Git, branch: RefChange) -> bool:
    return branch.old is None or (branch.new is None and not is_checked_out(git, branch.ref))


def is_checked_out(git: Git, ref: str) -> bool:
    """Whether a work tree stands on a branch."""
    return bool(process.ask(git.place, ("for-each-ref", "--format=%(worktreepath)", ref)).strip())


def check_folders(git: Git, ref: str) -> None:
    """Refuse a ref of dvx's that Git would write behind a link: an archive may bring one."""
    for top in ("", "logs/"):
        place = f"{git.place.common}/{top}{ref}"
        while (place := os.path.dirname(place)).count("/") > f"{git.place.common}/{top}refs".count("/"):
            if os.path.islink(place):
                text = f"`{printable(place)}` is a symbolic link, and dvx writes no refs behind links"
                raise GitError(text, f"remove it with `rm {quoted(place)}`")


def failure(words: Sequence[str], answer: process.Answer) -> GitError:
    """The error that says why refs could not be changed."""
    error = process.failure(words, answer)
    if any(text in answer.error for text in _MOVED):
        return RefMoved(error.message, "another process changed it; run the command again")
    if _BUSY.search(answer.error):
        return RefBusy(error.message, "let other Git commands end, then run `dvx exp clean`, which removes what killed ones left")
    return error


def is_at_work(place: GitPlace) -> bool | None:
    """Whether a `git` may be working in a repository at this moment; None where nobody can tell."""
    try:
        names = [name for name in os.listdir(_PROCESSES) if name.isdigit()]
    except OSError:
        return None
    return any(_works_in(place, os.path.join(_PROCESSES, name)) for name in names)


def _works_in(place: GitPlace, process_folder: str) -> bool:
    try:
        with open(os.path.join(process_folder, "comm"), "rb") as file:
            if not file.read().startswith(b"git"):
                return False
        there = find_place(os.readlink(os.path.join(process_folder, "cwd")))
    except PermissionError:
        # another user's: who knows where
        return True
    except OSError:
        # it has ended
        return False
    return there is None or there.common == place.common
