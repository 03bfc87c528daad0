"""One state of another repository, copied into a folder: what a revision holds, with as little history as the server lets us."""

from __future__ import annotations

import os

from dvx.errors import GitError, UnknownTarget
from dvx.git import process
from dvx.git.process import Place

# no hook of the user's is about it
_ALONE = ("-c", f"core.hooksPath={os.devnull}", "-c", "advice.detachedHead=false")
_HEADS = "+refs/heads/*:refs/remotes/origin/*"


def copy_revision(url: str, revision: str, folder: str) -> str:
    """Make `folder` (absolute; it holds an empty `.git`) a work tree with the files of a revision, HEAD if it is empty.

    `url` is one, or an absolute path. Returns the commit.

    Raises:
        GitError: the repository cannot be reached, or is none.
        UnknownTarget: it has no such revision.
    """
    place = Place(folder, os.path.join(folder, ".git"), os.path.join(folder, ".git"))
    process.ask(place, (*_ALONE, "init", "--quiet"))
    commit = _shallow(place, url, revision or "HEAD") or _from_all(place, url, revision)
    process.ask(place, (*_ALONE, "checkout", "--quiet", "--force", "--detach", commit))
    return commit


def tip(cwd: Place, url: str, revision: str) -> str:
    """The commit that a branch or tag of another repository names now, HEAD if `revision` is empty; empty for other revisions.

    Raises:
        GitError: the repository cannot be reached.
    """
    names = [f"refs/tags/{revision}^{{}}", f"refs/tags/{revision}", f"refs/heads/{revision}"] if revision else ["HEAD"]
    answer = process.run(cwd, ("ls-remote", "--quiet", "--", url, *(name.removesuffix("^{}") for name in names)))
    if answer.code:
        raise _failure(url, answer)
    found = {}
    for line in answer.out.decode("utf-8", "replace").splitlines():
        commit, _, ref = line.partition("\t")
        found[ref] = commit
    return next((found[name] for name in names if name in found), "")


def tags(cwd: str, url: str) -> list[str]:
    """The names of all tags of another repository; `cwd` is a folder in which `git` can be run.

    Raises:
        GitError: the repository cannot be reached.
    """
    answer = process.run(Place(cwd, cwd, cwd), ("ls-remote", "--quiet", "--tags", "--refs", "--", url))
    if answer.code:
        raise _failure(url, answer)
    return [line.partition("\trefs/tags/")[2] for line in answer.out.decode("utf-8", "replace").splitlines()]


def _shallow(place: Place, url: str, revision: str) -> str:
    """The commit of a branch, tag or whole commit id, without its history; empty if the server has it not, or gives it not."""
    answer = process.run(place, (*_ALONE, "fetch", "--quiet", "--no-tags", "--depth", "1", "--", url, revision))
    return "" if answer.code else _commit(place, "FETCH_HEAD")


def _from_all(place: Place, url: str, revision: str) -> str:
    """The commit of any revision, with all of the history."""
    answer = process.run(place, (*_ALONE, "fetch", "--quiet", "--tags", "--", url, _HEADS, "+HEAD:refs/remotes/origin/HEAD"))
    if answer.code:
        raise _failure(url, answer)
    commit = next((found for name in (revision, f"origin/{revision}") if (found := _commit(place, name))), "")
    if not commit:
        raise UnknownTarget(
            f"`{url}` has no revision `{revision or 'HEAD'}`", "name a branch, tag or commit that was pushed there"
        )
    return commit


def _commit(place: Place, name: str) -> str:
    answer = process.run(place, ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"))
    return answer.out.decode("ascii", "replace").strip() if answer.code == 0 else ""


def _failure(url: str, answer: process.Answer) -> GitError:
    lines = [line.strip() for line in answer.error.splitlines() if line.startswith(("fatal:", "error:", "ERROR:"))]
    said = lines[0].partition(":")[2].strip() if lines else f"exit code {answer.code}"
    return GitError(f"the repository `{url}` cannot be read: {said}", "check the URL, and whether `git clone` can read it")
