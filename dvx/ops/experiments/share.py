"""exp push, exp pull: experiments exchanged with other repositories. Data comes first, the refs that name it last."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError, UnknownTarget, nearest
from dvx.git import Git, RefChange
from dvx.git.sharing import experiments_at, push_refs
from dvx.model.events import Tell, silent
from dvx.model.experiments.refs import OWN_REFS, ExpRef, named
from dvx.model.paths import printable
from dvx.model.transfer.plan import TransferResult
from dvx.model.upkeep.undo_facts import Stays
from dvx.ops.experiments.refs import BaselineScope, all_experiments, baselines_of
from dvx.ops.tracked.refs import bring_refs, change_refs, git_of, shared_folder
from dvx.ops.transfer.fetch import fetch
from dvx.ops.transfer.scope import ChosenRevisions, SyncOptions
from dvx.ops.transfer.sync import Direction, demand, plan_fetch, plan_push, transfer
from dvx.project import Project
from dvx.store import files
from dvx.store.files.locking import claimed, is_claimed

_INCOMING = OWN_REFS + "incoming/"
_OWNER = re.compile("[0-9a-f]{16}")


class ShareOptions(Struct, frozen=True):
    """Which experiments: those of the names, or those of the scope; `force` replaces others of the same name.

    Without `data` only refs are exchanged; `sync` says how data is.
    """

    names: tuple[str, ...] = ()
    scope: BaselineScope = BaselineScope()
    force: bool = False
    data: bool = True
    sync: SyncOptions = SyncOptions()


class Shared(Struct, frozen=True):
    """The experiments that came or went, those that were there already, and what was copied of their data."""

    moved: tuple[ExpRef, ...]
    same: tuple[ExpRef, ...]
    data: TransferResult | None = None


def push(project: Project, remote: str, options: ShareOptions, tell: Tell = silent) -> Shared:
    """Push the data of experiments, and when all of it is there, their refs to a Git remote (a name or URL).

    Raises:
        UnknownTarget: there is no such experiment.
        DvxError: the Git remote has another experiment of that name (without `force`), or data is not where it should be.
        GitError: the Git remote cannot be reached, or refuses.
    """
    git = git_of(project)
    ours = {one.ref: one.commit for one in all_experiments(git)}
    chosen = _chosen(git, ours, options)
    theirs = experiments_at(git, remote)
    _check_free(chosen, theirs, f"at `{remote}`", force=options.force)
    copied = None
    if options.data and chosen:
        plan = plan_push(project, _for_commits(options.sync, chosen.values()), tell)
        copied = transfer(project, plan, tell)
        demand(copied, Direction.PUSH)
    new = {ref: commit for ref, commit in chosen.items() if theirs.get(ref) != commit}
    if new or copied:
        project.undo.note(Stays(f"what it pushed stays at `{printable(remote)}`"))
    push_refs(git, remote, [RefChange(str(ref), commit, theirs.get(ref)) for ref, commit in new.items()])
    return Shared(tuple(new), tuple(ref for ref in chosen if ref not in new), copied)


def pull(project: Project, remote: str, options: ShareOptions, tell: Tell = silent) -> Shared:
    """Fetch experiments from a Git remote (a name or URL) with their data; their refs appear when all of it is here.

    Raises: as `push`.
    """
    git = git_of(project)
    theirs = experiments_at(git, remote)
    chosen = _chosen(git, theirs, options)
    ours = {one.ref: one.commit for one in all_experiments(git)}
    _check_free(chosen, ours, "here", force=options.force)
    new = {ref: commit for ref, commit in chosen.items() if ours.get(ref) != commit}
    sweep_incoming(project)
    with _incoming(project) as own:
        waiting = {str(ref): f"{own}/{ref.baseline}/{ref.name}" for ref in new}
        if waiting:
            bring_refs(git, remote, waiting)
        copied = None
        if options.data and chosen:
            plan = plan_fetch(project, _for_commits(options.sync, chosen.values()))
            copied = fetch(project, plan, tell)
            demand(copied, Direction.FETCH)
        change_refs(git, [RefChange(str(ref), commit, ours.get(ref)) for ref, commit in new.items()], project.undo)
    return Shared(tuple(new), tuple(ref for ref in chosen if ref not in new), copied)


def sweep_incoming(project: Project) -> tuple[str, ...]:
    """Remove refs that a `pull` left which was killed; returns their names."""
    git = git_of(project)
    found = git.refs(_INCOMING)
    owners = {ref: ref.removeprefix(_INCOMING).split("/")[0] for ref in found}
    dead = {owner for owner in owners.values() if not is_claimed(_place(git, owner))}
    gone = {ref: commit for ref, commit in found.items() if owners[ref] in dead}
    change_refs(git, [RefChange(ref, None, commit) for ref, commit in gone.items()])
    for name in files.names_in(shared_folder(git, "incoming"), _OWNER):
        if not is_claimed(_place(git, name)):
            files.remove(_place(git, name))
    return tuple(gone)


@contextlib.contextmanager
def _incoming(project: Project) -> Iterator[str]:
    """A place for refs that nobody else uses or sweeps; what is in it at the end is let go of."""
    git, owner = git_of(project), secrets.token_hex(8)
    with claimed(_place(git, owner), lambda: None):
        try:
            yield f"{_INCOMING}{owner}"
        finally:
            left = git.refs(f"{_INCOMING}{owner}/")
            change_refs(git, [RefChange(ref, None, commit) for ref, commit in left.items()])
            files.remove(_place(git, owner))


def _place(git: Git, owner: str) -> str:
    return os.path.join(shared_folder(git, "incoming"), owner)


def remove_at(
    project: Project, remote: str, names: Sequence[str], scope: BaselineScope | None, *, keep: bool
) -> tuple[ExpRef, ...]:
    """Remove experiments of a Git remote: the named ones and those of the scope, or with `keep` all others.

    Raises:
        UnknownTarget: one of the names is unknown; nothing is removed then.
    """
    git = git_of(project)
    theirs = experiments_at(git, remote)
    chosen = _named(theirs, names) if names else {}
    if scope is not None:
        chosen = {**chosen, **_chosen(git, theirs, ShareOptions(scope=scope))}
    gone = {ref: commit for ref, commit in theirs.items() if (ref in chosen) != keep}
    project.undo.note(Stays(f"it changed `{printable(remote)}`"))
    push_refs(git, remote, [RefChange(str(ref), None, commit) for ref, commit in gone.items()])
    return tuple(gone)


def rename_at(project: Project, remote: str, old: str, new: str, *, force: bool) -> ExpRef:
    """Give an experiment of a Git remote another name.

    Raises:
        UnknownTarget: there is none of the old name, or several.
        DvxError: there is one of the new name, and no `force`.
    """
    git = git_of(project)
    theirs = experiments_at(git, remote)
    found = _named(theirs, [old])
    if len(found) > 1:
        raise UnknownTarget(
            f"`{printable(old)}` names {len(found)} experiments at `{remote}`", "rename them here, then push them"
        )
    ((ref, commit),) = found.items()
    target = ExpRef(ref.baseline, new)
    _check_free({target: ""}, theirs, f"at `{remote}`", force=force)
    push_refs(git, remote, [RefChange(str(target), commit, theirs.get(target)), RefChange(str(ref), None, commit)])
    return target


def _chosen(git: Git, known: Mapping[ExpRef, str], options: ShareOptions) -> dict[ExpRef, str]:
    if options.names:
        return _named(known, options.names)
    if options.scope.everything:
        return dict(known)
    baselines = set(baselines_of(git, options.scope))
    return {ref: commit for ref, commit in known.items() if ref.baseline in baselines}


def _named(known: Mapping[ExpRef, str], names: Sequence[str]) -> dict[ExpRef, str]:
    found: dict[ExpRef, str] = {}
    for name in names:
        mine = named(name, known.items())
        if not mine:
            raise UnknownTarget(
                f"there is no experiment `{printable(name)}`",
                nearest(name, [ref.name for ref in known])
                or "`dvx exp list -A` shows those here, `dvx exp list REMOTE` those there",
            )
        found |= {ref: known[ref] for ref in mine}
    return found


def _check_free(chosen: Mapping[ExpRef, str], there: Mapping[ExpRef, str], where: str, *, force: bool) -> None:
    taken = [ref.name for ref, commit in chosen.items() if there.get(ref, commit) != commit]
    if taken and not force:
        shown = ", ".join(f"`{name}`" for name in taken[:5]) + (", ..." if len(taken) > 5 else "")
        raise DvxError(f"there is another experiment {where} of the name {shown}", "rename one, or use `--force` to replace it")


def _for_commits(sync: SyncOptions, commits: Iterable[str]) -> SyncOptions:
    return replace(sync, revisions=ChosenRevisions(commits=tuple(dict.fromkeys(commits)), workspace=False))
