"""One state of another repository, copied into a folder: what a revision holds, with as little history as the server lets us."""

from __future__ import annotations

import os

from dvx.errors import GitError, UnknownTarget
from dvx.git import process, values
from dvx.git.places import GitPlace, is_hidden
from dvx.model.experiments.refs import EXPERIMENTS, ExpRef
from dvx.model.paths import printable
from dvx.model.setup.settings import redact

# other protocols run a program that a URL names
_SAFE = ("-c", "protocol.allow=never") + tuple(
    word for name in ("file", "git", "http", "https", "ssh") for word in ("-c", f"protocol.{name}.allow=always")
)
_REFSPEC = frozenset(":+^*?[~@{ ")
_HEADS = ("+refs/heads/*:refs/remotes/origin/*", "+HEAD:refs/remotes/origin/HEAD")


def copy_revision(url: str, revision: str, folder: str) -> str:
    """Make `folder` (absolute; it holds an empty `.git`) a work tree with the files of a revision, HEAD if it is empty.

    `url` is one, or an absolute path. Returns the commit. Files are as they are committed: no filter of the user's sees them.

    Raises:
        GitError: the repository cannot be reached, or is none.
        UnknownTarget: it has no such revision.
    """
    place = GitPlace(folder, os.path.join(folder, ".git"), os.path.join(folder, ".git"))
    process.ask(place, ("init", "--quiet"))
    commit = _shallow(place, url, revision or "HEAD") or _from_all(place, url, revision)
    words = (*_no_filters(place), "-c", "advice.detachedHead=false", "checkout", "--quiet", "--force", "--detach", commit)
    process.ask(place, words)
    return commit


def tip(cwd: GitPlace, url: str, revision: str) -> str:
    """The commit that a branch or tag of another repository names now, HEAD if `revision` is empty; empty for other revisions.

    Raises:
        GitError: the repository cannot be reached.
    """
    names = [f"refs/tags/{revision}^{{}}", f"refs/tags/{revision}", f"refs/heads/{revision}"] if revision else ["HEAD"]
    answer = process.run(cwd, (*_SAFE, "ls-remote", "--quiet", "--", url, *names))
    if answer.code:
        raise _failure(url, answer)
    found = {}
    for line in values.lines(answer.out):
        commit, _, ref = line.partition("\t")
        found[ref] = commit
    return next((found[name] for name in names if name in found), "")


def tags(cwd: str, url: str) -> list[str]:
    """The names of all tags of another repository; `cwd` is a folder in which `git` can be run.

    Raises:
        GitError: the repository cannot be reached.
    """
    answer = process.run(GitPlace(cwd, cwd, cwd), (*_SAFE, "ls-remote", "--quiet", "--tags", "--refs", "--", url))
    if answer.code:
        raise _failure(url, answer)
    return [line.partition("\trefs/tags/")[2] for line in values.lines(answer.out)]


def _no_filters(place: GitPlace) -> list[str]:
    """Words that turn off the filters that the user's and the system's configuration has."""
    answer = process.run(place, ("config", "--name-only", "-z", "--get-regexp", r"^filter\."))
    names = dict.fromkeys(name.rpartition(".")[0] for name in values.fields(answer.out))
    return [word for name in names for off in ("smudge=", "process=", "required=false") for word in ("-c", f"{name}.{off}")]


def _shallow(place: GitPlace, url: str, revision: str) -> str:
    """The commit of a branch, tag or whole commit id, without its history; empty if the server has it not, or gives it not."""
    if not _REFSPEC.isdisjoint(revision):
        return ""
    answer = process.run(place, (*_SAFE, "fetch", "--quiet", "--no-tags", "--depth", "1", "--", url, revision))
    return "" if answer.code else _commit(place, "FETCH_HEAD")


def _from_all(place: GitPlace, url: str, revision: str) -> str:
    """The commit of any revision, with all of the history."""
    answer = process.run(place, (*_SAFE, "fetch", "--quiet", "--tags", "--", url, *_HEADS))
    if answer.code:
        raise _failure(url, answer)
    commit = next((found for name in (revision, f"origin/{revision}") if (found := _commit(place, name))), "")
    commit = commit or _experiment(place, url, revision)
    if not commit:
        hint = "name a branch, tag or commit that was pushed there"
        raise UnknownTarget(f"`{redact(url)}` has no revision `{printable(revision) or 'HEAD'}`", hint)
    return commit


def _experiment(place: GitPlace, url: str, name: str) -> str:
    """The commit of the experiment of this name; empty if there is none.

    Raises:
        UnknownTarget: several have it.
    """
    answer = process.run(place, (*_SAFE, "ls-remote", "--quiet", "--refs", "--", url, f"{EXPERIMENTS}*"))
    rows = (line.partition("\t") for line in values.lines(answer.out)) if answer.code == 0 else ()
    found = {ref: commit for commit, _, ref in rows if (known := ExpRef.parse(ref)) is not None and known.name == name}
    if len(set(found.values())) > 1:
        text = f"`{printable(name)}` names {len(found)} experiments of `{redact(url)}`"
        raise UnknownTarget(text, f"give the whole name of one of them, as `{next(iter(found))}`")
    return _shallow(place, url, next(iter(found))) if found else ""


def _commit(place: GitPlace, name: str) -> str:
    answer = process.run(place, ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"))
    return answer.out.decode("ascii", "replace").strip() if answer.code == 0 else ""


def _failure(url: str, answer: process.Answer) -> GitError:
    if "dubious ownership" in answer.error:
        return process.failure(("fetch",), answer)
    if os.path.isabs(url) and is_hidden(url):
        return GitError(f"the repository `{printable(url)}` cannot be read", "ask its owner to let your group read it")
    lines = [line.strip() for line in answer.error.splitlines() if line.startswith(("fatal:", "error:", "ERROR:"))]
    said = lines[0].partition(":")[2].strip() if lines else f"exit code {answer.code}"
    shown = redact(url)
    hint = "check the URL, and whether `git clone` can read it"
    return GitError(f"the repository `{printable(shown)}` cannot be read: {said.replace(url, shown)}", hint)
