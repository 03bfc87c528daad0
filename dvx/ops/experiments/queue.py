"""Experiments that wait, run or failed: looked up, taken out, queued again; and one run to its end."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, BinaryIO

from msgspec.structs import replace

from dvx.errors import DvxError, UnknownTarget, nearest
from dvx.git import RefChange
from dvx.journal import Registry
from dvx.model.events import Tell
from dvx.model.experiments.refs import OWN_REFS, ExpRef, named
from dvx.model.paths import printable
from dvx.model.pipelines.run import FAILURES, Place, Run, State, Wish, encode_run, refuse_running
from dvx.model.upkeep.undo_facts import Forgot, Ref, Stays
from dvx.ops.experiments.auto_push import auto_push
from dvx.ops.experiments.body import body_so_far
from dvx.ops.experiments.refs import all_experiments, find
from dvx.ops.experiments.run import RecordedExperiment, RunOptions, perform
from dvx.ops.pipelines.run_record import STOPS, as_it_is, cancelled, known_experiments, open_registry
from dvx.ops.pipelines.worktrees import create_worktree, existing_worktree, remove_worktree
from dvx.ops.stages.repro_plan import from_plain
from dvx.ops.tracked.refs import change_refs, git_of
from dvx.project import Project
from dvx.store import files

SNAPSHOTS = OWN_REFS + "queue/"


def log_of(project: Project, task: Run) -> str:
    """The file with what a task wrote."""
    return os.path.join(project.state, "exps", "logs", f"{task.ident}.log")


def open_log(project: Project, task: Run) -> BinaryIO:
    """The log of a task, to go on writing."""
    return files.open_log(log_of(project, task))


def run_task(project: Project, run: Run, tell: Tell) -> RecordedExperiment:
    """Run an experiment that is ours in its room, and write down what became of it.

    Raises:
        DvxError: it failed, or was cancelled; what its stages had made so far is kept.
        KeyboardInterrupt: this process was stopped; what the queue gave waits again, and goes on where it was.
    """
    registry = open_registry(project)
    try:
        recorded = _perform(project, registry, run, tell)
    except (DvxError, OSError, KeyboardInterrupt) as error:
        stopped, asked = isinstance(error, KeyboardInterrupt), registry.asked(run.ident) in STOPS
        if stopped and not asked and run.place is Place.QUEUE:
            _amend(project, run, lambda _: {"state": State.QUEUED, "worker": ""})
            raise
        give_up(project, run, error, existing_worktree(project, run.ident))
        remove_worktree(project, run.ident)
        if stopped and asked:
            raise cancelled(run) from None
        raise
    _amend(project, run, lambda _: {"state": State.SUCCESS, "commit": recorded.commit, "ended": time.time()})
    remove_worktree(project, run.ident)
    # the experiment is recorded; what is not let go of here, `exp clean` finds
    with contextlib.suppress(DvxError):
        release(project, [run.snapshot])
    auto_push(project, recorded.ref, tell)
    return recorded


def give_up(project: Project, run: Run, error: BaseException, place: Project | None) -> None:
    """Write of a run that is ours that it failed, or was cancelled, and what params and metrics are where it worked."""
    failed = isinstance(error, DvxError | OSError)
    told = error.message if isinstance(error, DvxError) else str(error) if failed else "it was stopped"
    seen = body_so_far(place, run) if place else None
    known = {"error": told.partition("\n")[0], "ended": time.time(), "seen": seen}

    def made(found: Run) -> dict[str, Any]:
        return {**known, "state": State.FAILED if failed and found.asked not in STOPS else State.CANCELLED}

    _amend(project, run, made)


def find_tasks(tasks: Iterable[Run], names: Sequence[str], others: Iterable[Run] = ()) -> tuple[Run, ...]:
    """The tasks of these names or (beginnings of) ids; of `others` that are named, it is told how they are.

    Raises:
        UnknownTarget: there is none.
    """
    known = list(tasks)
    found: dict[str, Run] = {}
    for name in names:
        mine = [one for one in known if _means(name, one)]
        if not mine:
            passed = next((one for one in others if name in (one.name, one.ident)), None)
            if passed is not None:
                raise UnknownTarget(f"{passed.called} is {passed.state.value}", "`dvx queue status` shows all")
            hint = nearest(name, [one.name for one in (*known, *others)]) or "`dvx queue status` shows all"
            raise UnknownTarget(f"there is no such experiment in the queue: `{printable(name)}`", hint)
        found |= {one.ident: one for one in mine}
    return tuple(found.values())


def remove_tasks(project: Project, names: Sequence[str], states: Collection[State]) -> tuple[Run, ...]:
    """Take tasks out of the queue: those of these names, and all in these states. What succeeded stays as an experiment.

    Raises:
        UnknownTarget: a name is unknown; nothing is removed then.
        DvxError: one of them runs.
    """
    chosen: dict[str, Run] = {}

    def choose(found: Sequence[Run]) -> tuple[Sequence[Run], Sequence[str]]:
        tasks = [as_it_is(project, one) for one in found]
        chosen.update({one.ident: one for one in (*find_tasks(tasks, names), *(one for one in tasks if one.state in states))})
        refuse_running(chosen.values())
        for one in chosen.values():
            project.undo.note(Forgot(encode_run(one)))
        return (), tuple(chosen)

    open_registry(project).change(choose)
    for one in chosen.values():
        if one.snapshot:
            remove_worktree(project, one.ident)
        files.remove(log_of(project, one))
    release(project, [one.snapshot for one in chosen.values()])
    return tuple(chosen.values())


def remove_unfinished(project: Project, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Forget what waits or failed under these names; returns the names of that, and those that experiments in Git have.

    Raises:
        UnknownTarget: a name means no experiment; nothing is removed then.
        DvxError: one of them runs.
    """
    git = git_of(project)
    refs = [(one.ref, one.commit) for one in all_experiments(git)]
    known = [one for one in known_experiments(project) if one.state is not State.SUCCESS]
    left = [one for one in known if any(_means(name, one) for name in names)]
    recorded = [name for name in names if named(name, refs) or not any(_means(name, one) for one in left)]
    for name in recorded:
        find(git, name)
    remove_tasks(project, [one.ident for one in left], ())
    return [one.name for one in left], recorded


def retry(project: Project, names: Sequence[str]) -> tuple[Run, ...]:
    """Put failed tasks (all without names) into the queue again: stages that were done are restored, not run.

    Raises:
        UnknownTarget: a name is unknown.
        DvxError: one did not fail, or worked in the workspace, which is not as it was.
    """

    def choose(found: Sequence[Run]) -> tuple[Sequence[Run], Sequence[str]]:
        failed = [one for one in found if one.state in FAILURES and (one.snapshot or names)]
        chosen = find_tasks(failed, names, [as_it_is(project, one) for one in found]) if names else failed
        for one in chosen:
            if not one.snapshot:
                raise DvxError(f"{one.called} ran in the workspace", one.way_on)
        # of several with one name, only the latest can have it
        again = {(one.baseline, one.name): one for one in chosen}
        for (baseline, name), one in again.items():
            if name in waiting_names(project, found, baseline) and not one.replaces:
                raise taken(name)
        if again:
            project.undo.note(Stays("what it queued again may have begun"))
        fresh = {"state": State.QUEUED, "place": Place.QUEUE, "worker": "", "ended": None, "error": "", "seen": None}
        return [replace(one, **fresh, asked=Wish.NOTHING) for one in again.values()], ()

    return open_registry(project).change(choose)


def waiting_names(project: Project, found: Iterable[Run], baseline: str) -> set[str]:
    """The names of experiments on top of a commit that wait or run, so that no other may have them."""
    known = (as_it_is(project, one) for one in found if one.baseline == baseline)
    # nobody waits for what a killed `exp run --temp` left
    return {
        one.name
        for one in known
        if one.state in (State.RUNNING, State.PAUSED) or (one.state is State.QUEUED and one.place is Place.QUEUE)
    }


def taken(name: str) -> DvxError:
    """What is said of a name that another experiment has, or will have."""
    return DvxError(f"experiment `{name}` exists already", "choose another name, or use `--force` to replace it")


def snapshots(project: Project) -> list[str]:
    """The commits that are kept for tasks."""
    return [ref.removeprefix(SNAPSHOTS) for ref in git_of(project).refs(SNAPSHOTS)]


def release(project: Project, commits: Iterable[str]) -> None:
    """Let go of those of the snapshots that no task needs any more."""
    git = git_of(project)
    with open_registry(project).unneeded(commits) as gone:
        kept = {ref: commit for ref, commit in git.refs(SNAPSHOTS).items() if commit in gone}
        if kept:
            change_refs(git, [RefChange(ref, None, commit) for ref, commit in kept.items()])


def _means(name: str, run: Run) -> bool:
    return run.name == name or (len(name) >= 4 and run.ident.startswith(name))


def _perform(project: Project, registry: Registry, run: Run, tell: Tell) -> RecordedExperiment:
    room = create_worktree(project, run, tell)
    try:
        if registry.asked(run.ident) in STOPS:
            raise cancelled(run)
        options = RunOptions(from_plain(run.options), run.name, (), run.message, run.replaces)
        done = perform(room, ExpRef(run.baseline, run.name), options, tell, run)
        if run.place is Place.ALONE:
            project.undo.note(Ref(str(done.ref), done.replaced, done.commit))
        return done
    finally:
        room.close()


def _amend(project: Project, run: Run, make: Callable[[Run], dict[str, Any]]) -> None:
    """Change a run as long as it is ours."""

    def swap(found: Run) -> Run | None:
        return replace(found, **make(found)) if found.worker == run.worker else None

    open_registry(project).amend(run.ident, swap)
