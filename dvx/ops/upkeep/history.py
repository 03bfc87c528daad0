"""Whether all history is here: what an unknown commit needs must not be removed."""

from __future__ import annotations

from collections.abc import Iterator

from dvx.errors import DvxError, quoted
from dvx.git import Git
from dvx.git.commits import absent, roots
from dvx.git.sharing import remote_names
from dvx.model.paths import printable
from dvx.ops.upkeep.reachable import Finder, HistoryScope
from dvx.project import Project

_SHOWN = 3


def check_history(project: Project, scope: HistoryScope, finder: Finder, *, at_remotes: bool) -> None:
    """Refuse to judge what nothing needs where commits may be missing; with `at_remotes` the Git remotes are asked, too.

    A scope that goes no further back than commits that the user named needs no history.

    Raises:
        DvxError: history is not complete, or a Git remote cannot be asked.
    """
    if project.git is None or not _reaches_back(scope):
        return
    for error in _doubts(project.git, at_remotes=at_remotes):
        finder.fail(f"the history of `{printable(project.root)}`", error)


def _reaches_back(scope: HistoryScope) -> bool:
    chosen = scope.all_branches or scope.all_tags or scope.all_commits or scope.experiments or scope.since is not None
    return scope.everything or chosen or (bool(scope.revisions) and scope.number != 1)


def _doubts(git: Git, *, at_remotes: bool) -> Iterator[DvxError]:
    if absent.is_shallow(git):
        yield DvxError("this clone is shallow: it lacks older commits", "run `git fetch --unshallow`")
    if absent.is_rewritten(git):
        hint = "remove them (`git replace -d`, `.git/info/grafts`)"
        yield DvxError("grafts or replacements hide commits", hint)
    for name in absent.narrow_remotes(git):
        hint = f"run `git remote set-branches {quoted(name)} '*'`, then `git fetch {quoted(name)}`"
        yield DvxError(f"only some branches of the Git remote `{printable(name)}` are fetched", hint)
    if at_remotes:
        known = frozenset((*roots.every_commit(git), *git.refs().values()))
        for name in remote_names(git):
            yield from _unseen(git, name, known)


def _unseen(git: Git, name: str, known: frozenset[str]) -> Iterator[DvxError]:
    try:
        refs = absent.unseen_refs(git, name, known)
    except DvxError as error:
        hint = f"if that repository is gone, run `git remote remove {quoted(name)}`"
        yield DvxError(f"the Git remote `{printable(name)}` may have more commits, and cannot be asked: {error.message}", hint)
        return
    if refs:
        shown = ", ".join(f"`{printable(ref)}`" for ref in refs[:_SHOWN]) + (", ..." if len(refs) > _SHOWN else "")
        fetch = f"git fetch --tags {quoted(name)}"
        experiments = any(ref.startswith("refs/exps/") for ref in refs)
        hint = f"run `{fetch}`" + (f" and `dvx exp pull --all-commits {quoted(name)}`" if experiments else "")
        yield DvxError(f"the Git remote `{printable(name)}` has commits that are not here: {shown}", hint)
