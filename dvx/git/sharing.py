"""Refs of experiments that go to and come from another repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dvx.errors import GitError, nearest
from dvx.git import process, values
from dvx.git.changing import check_folders
from dvx.git.repository import Git
from dvx.git.values import RefChange
from dvx.model.experiments.refs import ExpRef

_PORTION = 500


def remote_names(git: Git) -> list[str]:
    """The names of the remotes of a repository."""
    return values.lines(process.ask(git.place, ("remote",)))


def experiments_at(git: Git, remote: str) -> dict[ExpRef, str]:
    """The commit of every experiment in a Git remote, given by name or URL.

    Raises:
        GitError: it cannot be reached.
    """
    try:
        return git.remote_experiments(remote)
    except GitError as error:
        names = remote_names(git)
        meant = "" if remote in names else nearest(remote, names)
        raise GitError(error.message, meant or error.hint) from None


def push_refs(git: Git, remote: str, changes: Sequence[RefChange]) -> None:
    """Change refs of a remote (a name or URL), each only if it still has its old value.

    Of 500 at a time all or none are changed where the server can.

    Raises:
        GitError: it cannot be reached, refuses, or a ref has another value by now.
    """
    _check(remote)
    for start in range(0, len(changes), _PORTION):
        portion = changes[start : start + _PORTION]
        leases = [f"--force-with-lease={change.ref}:{change.old or ''}" for change in portion]
        specs = [f"{change.new or ''}:{change.ref}" for change in portion]
        words = ("push", "--quiet", "--no-verify", *leases, "--atomic", "--", remote, *specs)
        answer = process.run(git.place, words)
        if answer.code and "--atomic" in answer.error:
            answer = process.run(git.place, tuple(word for word in words if word != "--atomic"))
        if answer.code:
            raise _failure(remote, answer)


def fetch_refs(git: Git, remote: str, names: Mapping[str, str], inherited: tuple[int, ...] = ()) -> None:
    """Fetch refs of a remote under other names: full name there -> full name here. `git` gets the descriptors `inherited`.

    Raises:
        GitError: it cannot be reached, or lacks one of them.
    """
    _check(remote)
    for ours in names.values():
        check_folders(git, ours)
    given = "".join(f"+{theirs}:{ours}\n" for theirs, ours in names.items()).encode()
    words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--stdin", "--", remote)
    answer = process.run(git.place, words, given, inherited=inherited)
    if answer.code:
        raise _failure(remote, answer)


def _check(remote: str) -> None:
    if not remote or remote.startswith("-"):
        raise GitError(f"`{remote}` is not a Git remote or URL")


def _failure(remote: str, answer: process.Answer) -> GitError:
    if "stale info" in answer.error or "fetch first" in answer.error:
        return GitError(f"an experiment changed at `{remote}` meanwhile", "run the command again")
    error = process.failure(("push",), answer)
    said = error.message.removeprefix("`git push` failed: ")
    return error if said == error.message else GitError(f"`{remote}`: {said}", error.hint)
