"""exp list, remove, rename, branch: experiments as refs, found and changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from dvx.errors import DvxError, GitError, UnknownTarget, UsageError, nearest, quoted
from dvx.git import Git, RefChange
from dvx.git.commits.dated import dated_experiments
from dvx.git.commits.roots import is_ref_name
from dvx.git.sharing import experiments_at
from dvx.model.experiments.refs import Experiment, ExpRef, check_name, named
from dvx.model.paths import printable
from dvx.model.pipelines.run import State
from dvx.ops.tracked.refs import change_refs, git_of
from dvx.project import Project


class BaselineScope(Struct, frozen=True):
    """Which baselines are meant: `number` commits back from each of `revisions` (HEAD by default), or all there are."""

    revisions: tuple[str, ...] = ()
    number: int = 1
    everything: bool = False


class Group(Struct, frozen=True):
    """The experiments of one baseline, the newest first; `name` is its branch or tag, or empty."""

    baseline: str
    name: str
    experiments: tuple[Experiment, ...]


def head_of(git: Git) -> str:
    """The commit that experiments start from; raises GitError before the first one."""
    head = git.head()
    if head is None:
        raise GitError("there is no commit yet for an experiment to start from", "run `git add` and `git commit` first")
    return head


def all_experiments(git: Git) -> list[Experiment]:
    """Every experiment, the newest first."""
    return dated_experiments(git)


def listing(project: Project, scope: BaselineScope) -> tuple[Group, ...]:
    """Experiments by baseline; baselines without any are left out."""
    git = git_of(project)
    return _groups(git, all_experiments(git), scope)


def baselines_of(git: Git, scope: BaselineScope) -> list[str]:
    """The commits that a scope means, but for `everything`."""
    if not scope.revisions:
        head_of(git)
    return git.commits(scope.revisions or ("HEAD",), scope.number)


def remote_listing(project: Project, remote: str, scope: BaselineScope) -> tuple[Group, ...]:
    """What a Git remote holds; when an experiment was made is not known there."""
    git = git_of(project)
    found = [Experiment(ref, commit, 0) for ref, commit in sorted(experiments_at(git, remote).items())]
    return _groups(git, found, scope)


def find(git: Git, name: str) -> Experiment:
    """The experiment of that name or commit; of several with one name, that of HEAD.

    Raises:
        UnknownTarget: there is none, or the name does not say which.
    """
    return _pick(git, all_experiments(git), name)


def find_recorded(project: Project, name: str) -> Experiment:
    """Like `find`; of an experiment that is not recorded, the error says how far it is."""
    try:
        return find(git_of(project), name)
    except UnknownTarget:
        from dvx.ops.pipelines.run_record import known_experiments

        run = next((one for one in known_experiments(project) if name and (one.name == name or one.ident.startswith(name))), None)
        if run is None:
            raise
        word = quoted(run.name)
        hints = {State.QUEUED: "`dvx queue work` runs it", State.RUNNING: f"`dvx queue logs -f {word}` shows how far it is"}
        hint = hints.get(run.state, f"`dvx queue logs {word}` shows what it wrote, `dvx queue retry {word}` runs it again")
        raise UnknownTarget(f"the experiment `{run.name}` has no result: it is {run.state.value}", hint) from None


def remove(project: Project, names: Sequence[str], scope: BaselineScope | None, *, keep: bool) -> tuple[Experiment, ...]:
    """Remove the named experiments and those in the scope, or with `keep` all others; returns what was removed.

    Raises:
        UnknownTarget: one of the names is unknown; nothing is removed then.
        UsageError: nothing was chosen.
    """
    git = git_of(project)
    if not names and scope is None:
        raise UsageError("no experiment is named", "name some, or use `-A`, `--rev` or `-n`")
    known = all_experiments(git)
    chosen = {_pick(git, known, name) for name in names}
    if scope is not None:
        baselines = None if scope.everything else set(baselines_of(git, scope))
        chosen |= {one for one in known if baselines is None or one.ref.baseline in baselines}
    gone = tuple(one for one in known if (one in chosen) != keep)
    change_refs(git, [RefChange(str(one.ref), None, one.commit) for one in gone], project.undo)
    return gone


def rename(project: Project, old: str, new: str, *, force: bool) -> tuple[Experiment, str]:
    """Give an experiment another name; with `force` one that another experiment has.

    Returns the renamed one, and the commit of the other one that lost its name (empty if none did).
    """
    git = git_of(project)
    check_name(new)
    experiment = find_recorded(project, old)
    target = ExpRef(experiment.ref.baseline, new)
    if target == experiment.ref:
        return experiment, ""
    other = git.experiments().get(target)
    if other is not None and not force:
        raise DvxError(f"there is an experiment `{new}` already", "choose another name, or use `--force` to replace it")
    changes = [RefChange(str(target), experiment.commit, other), RefChange(str(experiment.ref), None, experiment.commit)]
    change_refs(git, changes, project.undo)
    return Experiment(target, experiment.commit, experiment.created), other or ""


def branch(project: Project, name: str, branch_name: str) -> tuple[str, Experiment]:
    """Make a Git branch at an experiment (`<name>-branch` when `branch_name` is empty); returns the branch and the experiment."""
    git = git_of(project)
    experiment = find_recorded(project, name)
    chosen = branch_name or f"{experiment.ref.name}-branch"
    ref = f"refs/heads/{chosen}"
    if chosen.startswith("-") or not is_ref_name(git, ref):
        raise UsageError(f"`{printable(chosen)}` is not a name for a branch", "use letters, digits, `-`, `_`, `.` and `/`")
    if ref in git.refs(ref):
        raise DvxError(f"there is a branch `{chosen}` already", "choose another name")
    change_refs(git, [RefChange(ref, experiment.commit, None)], project.undo)
    return chosen, experiment


def _groups(git: Git, known: Sequence[Experiment], scope: BaselineScope) -> tuple[Group, ...]:
    baselines = list(dict.fromkeys(one.ref.baseline for one in known)) if scope.everything else baselines_of(git, scope)
    below: dict[str, list[Experiment]] = {}
    for one in known:
        below.setdefault(one.ref.baseline, []).append(one)
    names = git.names(baselines)
    return tuple(Group(one, names.get(one, ""), tuple(below[one])) for one in baselines if one in below)


def _pick(git: Git, known: Iterable[Experiment], name: str) -> Experiment:
    known = list(known)
    meant = set(named(name, ((one.ref, one.commit) for one in known)))
    found = [one for one in known if one.ref in meant]
    if len(found) > 1:
        head = git.head()
        found = [one for one in found if one.ref.baseline == head] or found
    if len(found) == 1:
        return found[0]
    if found:
        choices = ", ".join(f"{one.commit[:7]} (from {one.ref.baseline[:7]})" for one in found[:5])
        raise UnknownTarget(f"`{name}` names {len(found)} experiments", f"name one by its commit: {choices}")
    hint = nearest(name, [one.ref.name for one in known]) or "`dvx exp list -A` shows all experiments"
    raise UnknownTarget(f"there is no experiment `{printable(name)}`", hint)
