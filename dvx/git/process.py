"""Runs `git` in a repository, deaf to the environment that a hook leaves behind.

GitPython starts the process. Its objects are not used: each is asked for by itself, where one `cat-file --batch` answers for
thousands (`git.commits.trees`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from dvx.errors import GitError
from dvx.git import values
from dvx.git.places import GitPlace
from dvx.model.paths import printable
from dvx.model.setup.git_options import read_options, runs_module
from dvx.model.setup.settings import redact

# an author, where the user has told Git no name
NOBODY = ("-c", "user.name=dvx", "-c", "user.email=dvx@localhost")
_PIPE = -1
_DURABLE = ("-c", "core.fsync=committed,reference", "-c", "core.fsyncMethod=batch", "-c", "i18n.commitEncoding=utf-8")


# who wrote the repository may be somebody else: nothing that its configuration or its folders name is run
_ALONE = tuple(
    word
    for option in (
        "core.fsmonitor=false",
        f"core.hooksPath={os.devnull}",
        "submodule.recurse=false",
        "fetch.recurseSubmodules=false",
        "push.recurseSubmodules=no",
    )
    for word in ("-c", option)
)
_LOST = re.compile(r"missing (?:blob|tree|commit)|Could not read [0-9a-f]{40}|unable to read (?:tree|[0-9a-f]{40})")
_REFETCH = "make sure that Git reaches its remote, then run `git fetch --refetch`"
_ABOUT_HOOKS = frozenset({"config", "rev-parse"})


class Answer(Struct, frozen=True):
    """What a `git` process returned; `place` is the repository that it was about, where that helps to explain an error."""

    code: int
    out: bytes
    error: str
    place: GitPlace | None = None


def run(
    place: GitPlace,
    words: Sequence[str],
    given: bytes = b"",
    *,
    index: str = "",
    durable: bool = False,
    literal: bool = True,
    inherited: tuple[int, ...] = (),
) -> Answer:
    """Run `git` with these words; `given` is its standard input, `index` another index file than the repository's.

    It gets the descriptors `inherited`.

    Raises:
        GitError: there is no `git` to run.
    """
    started = start(place, words, environment(place, index, literal=literal), durable=durable, inherited=inherited)
    out, error = started.communicate(given)
    return Answer(started.returncode, out, error.decode("utf-8", "replace").strip(), place)


def start(
    place: GitPlace, words: Sequence[str], environment: dict[str, str], *, durable: bool = False, inherited: tuple[int, ...] = ()
) -> Any:
    """Start `git` with these words; returns the process, whose standard streams are pipes. Raises like `run`."""
    try:
        # costs more than most commands; fails where there is no `git`
        from git.cmd import Git
        from git.exc import GitCommandNotFound
    except ImportError:
        raise _no_git() from None
    command = ["git", *(() if words[0] in _ABOUT_HOOKS else _ALONE), *(_DURABLE if durable else ()), *words]
    try:
        return Git(place.top).execute(command, as_process=True, istream=_PIPE, env=environment, pass_fds=inherited)
    except GitCommandNotFound:
        raise _no_git() from None


def environment(place: GitPlace, index: str = "", *, literal: bool = True) -> dict[str, str]:
    """Variables that undo what `git` exports to hooks, which would make it answer about another repository or index."""
    variables = {
        "GIT_INDEX_FILE": index or os.path.join(place.folder, "index"),
        # not where `core.worktree` says
        "GIT_WORK_TREE": place.top,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1" if literal else "0",
        "GIT_GLOB_PATHSPECS": "0",
        "GIT_NOGLOB_PATHSPECS": "0",
        "GIT_ICASE_PATHSPECS": "0",
    }
    if place.objects:
        variables["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = values.quoted(place.objects)
    if _names_a_module(place):
        # a filter that is `python -m` would load what lies at the top of the work tree
        variables["PYTHONSAFEPATH"] = "1"
    if _is_own(place):
        # an explicit folder skips Git's ownership check, so another user's repository is left to Git's discovery
        variables["GIT_DIR"] = place.folder
    return variables


def ask(place: GitPlace, words: Sequence[str], given: bytes = b"", *, index: str = "", durable: bool = False) -> bytes:
    """Run `git` and return its answer.

    Raises:
        GitError: it failed.
    """
    answer = run(place, words, given, index=index, durable=durable)
    if answer.code != 0:
        raise failure(words, answer)
    return answer.out


def failure(words: Sequence[str], answer: Answer) -> GitError:
    """The error that says why `git` failed."""
    lines = [line for line in answer.error.splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
    said = said.removeprefix("fatal:").removeprefix("error:").strip().rstrip(".")
    server = " ".join(line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")).strip()
    if "promisor" in answer.error or _LOST.search(said):
        return _lacking("an object that it needs", answer.place, said)
    if "dubious ownership" in said:
        return GitError(said, "another user owns this repository; if you trust it, add it to Git's `safe.directory`")
    if "empty ident" in answer.error or "identity" in answer.error or "auto-detect" in answer.error:
        hint = 'run `git config --global user.name "Your Name"` and `git config --global user.email you@example.com`'
        return GitError("Git does not know who you are", hint)
    if ".lock': File exists" in answer.error:
        return GitError(f"another Git process holds a lock: {said}", "wait for it to end, or remove the lock file if none runs")
    if "does not appear to be a git repository" in said:
        name = said.split(" does not", 1)[0].strip("'")
        return GitError(f"there is no Git remote `{name}`", "`git remote -v` shows those that there are")
    said = said or f"exit code {answer.code}"
    return GitError(f"`git {words[0]}` failed: {said}{f'; the server said: {server}' if server else ''}")


def lost(ident: str, place: GitPlace) -> GitError:
    """The error of an object that a commit names and the repository does not have."""
    return _lacking(f"the object `{ident}`", place)


def _lacking(what: str, place: GitPlace | None, said: str = "") -> GitError:
    """A partial clone leaves objects at a remote, which it fetches when they are needed."""
    named = " and ".join(f"`{printable(name)}` ({printable(redact(url))})" for name, url in _promisors(place))
    if not named:
        return GitError(f"Git does not have {what}{f': {said}' if said else ''}", _REFETCH)
    text = f"Git does not have {what}, since this is a partial clone, and cannot get it from {named}"
    return GitError(f"{text}{f': {said}' if said else ''}", _REFETCH)


def _promisors(place: GitPlace | None) -> list[tuple[str, str]]:
    """The remotes that have what a partial clone lacks, with their URLs."""
    file = os.path.join(place.common, "config") if place is not None else ""
    if not os.path.isfile(file):
        return []
    with open(file, encoding="utf-8", errors="surrogateescape") as opened:
        try:
            options = {option.name: option.value for option in read_options(opened.read())}
        except ValueError:
            return []
    names = [name.removeprefix("remote.").removesuffix(".promisor") for name in options if name.endswith(".promisor")]
    return [(name, options.get(f"remote.{name}.url", "no URL")) for name in names]


def _names_a_module(place: GitPlace) -> bool:
    path = os.path.join(place.common, "config")
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return runs_module(file.read())


def _is_own(place: GitPlace) -> bool:
    user = getattr(os, "geteuid", lambda: 0)()
    return all(os.stat(path).st_uid == user for path in (place.top, place.folder))


def _no_git() -> GitError:
    return GitError("the program `git` was not found", "install Git, or set `core.no_scm` to work without it")
