"""Tasks: experiments put into the queue, looked up, taken out; and one task run to its end."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import BinaryIO

from msgspec.structs import replace

from dvx.errors import DvxError, UnknownTarget, nearest
from dvx.git import RefChange
from dvx.journal import TaskBook
from dvx.model.events import Tell
from dvx.model.experiment import OWN_REFS, ExpRef
from dvx.model.paths import printable
from dvx.model.task import State, Task, TaskPlace
from dvx.ops.employment import is_employed
from dvx.ops.exp_body import body_so_far
from dvx.ops.exp_run import RecordedExperiment, RunOptions, perform
from dvx.ops.experiments import git_of
from dvx.ops.refs import change_refs
from dvx.ops.repro_plan import from_plain
from dvx.ops.rooms import clear_room, existing_room, furnish
from dvx.project import Project
from dvx.store import files

KILL = "kill"
SNAPSHOTS = OWN_REFS + "queue/"


def open_book(project: Project) -> TaskBook:
    """The project's list of experiments to run; one that is broken is set aside when something is to be written."""

    def set_aside(path: str) -> None:
        files.move(path, f"{path}.broken-{secrets.token_hex(4)}")

    return TaskBook(os.path.join(project.state, "exps", "tasks.db"), files.make_folder, set_aside)


def known_tasks(project: Project) -> list[Task]:
    """All tasks as they are now: whose worker died waits again, or where nobody takes it up, was killed."""

    return [as_it_is(project, task) for task in open_book(project).tasks()]


def log_of(project: Project, task: Task) -> str:
    """The file with what a task wrote."""
    return os.path.join(project.state, "exps", "logs", f"{task.ident}.log")


@contextlib.contextmanager
def open_log(project: Project, task: Task) -> Iterator[BinaryIO]:
    """The log of a task, to go on writing."""
    with files.open_log(log_of(project, task)) as log:
        yield log


def run_task(project: Project, book: TaskBook, task: Task, tell: Tell) -> RecordedExperiment:
    """Run a task that is ours in its room, and write down what became of it.

    Raises:
        DvxError: it failed, or was stopped by `queue kill`; what its stages had made so far is kept.
        KeyboardInterrupt: this process was stopped; the task waits again, and goes on where it was.
    """
    worker = task.worker
    try:
        recorded = _perform(project, book, task, tell)
    except KeyboardInterrupt:
        if book.asked(task.ident) != KILL:
            waiting = task.place is TaskPlace.QUEUE
            state = State.QUEUED if waiting else State.KILLED
            book.update(replace(task, state=state, worker="", ended=None if waiting else time.time()), held_by=worker)
            raise
        error = DvxError(f"the experiment `{task.name}` was stopped", f"run `dvx queue retry {task.name}` to go on with it")
        _give_up(project, book, task, State.KILLED, error.message)
        raise error from None
    except (DvxError, OSError) as error:
        told = error.message if isinstance(error, DvxError) else str(error)
        asked = book.asked(task.ident) == KILL
        _give_up(project, book, task, State.KILLED if asked else State.FAILED, told.splitlines()[0])
        raise
    book.update(replace(task, state=State.SUCCESS, commit=recorded.commit, ended=time.time()), held_by=worker)
    clear_room(project, task.ident)
    # the experiment is recorded; what is not let go of here, `exp clean` finds
    with contextlib.suppress(DvxError):
        release(project, book, [task.snapshot])
    return recorded


def find_tasks(tasks: Iterable[Task], names: Sequence[str], others: Iterable[Task] = ()) -> tuple[Task, ...]:
    """The tasks of these names or (beginnings of) ids; of `others` that are named, it is told how they are.

    Raises:
        UnknownTarget: there is none.
    """
    known = list(tasks)
    found: dict[str, Task] = {}
    for name in names:
        mine = [one for one in known if one.name == name or (len(name) >= 4 and one.ident.startswith(name))]
        if not mine:
            passed = next((one for one in others if one.name == name), None)
            if passed is not None:
                raise UnknownTarget(f"the experiment `{name}` is {passed.state.value}", "`dvx queue status` shows all")
            hint = nearest(name, [one.name for one in (*known, *others)]) or "`dvx queue status` shows all"
            raise UnknownTarget(f"there is no such experiment in the queue: `{printable(name)}`", hint)
        found |= {one.ident: one for one in mine}
    return tuple(found.values())


def remove_tasks(project: Project, names: Sequence[str], states: Collection[State]) -> tuple[Task, ...]:
    """Take tasks out of the queue: those of these names, and all in these states. What succeeded stays as an experiment.

    Raises:
        UnknownTarget: a name is unknown; nothing is removed then.
        DvxError: one of them runs.
    """
    book = open_book(project)
    chosen: dict[str, Task] = {}

    def choose(found: Sequence[Task]) -> tuple[Sequence[Task], Sequence[str]]:
        tasks = [as_it_is(project, one) for one in found]
        chosen.update({one.ident: one for one in (*find_tasks(tasks, names), *(one for one in tasks if one.state in states))})
        for one in chosen.values():
            if one.state is State.RUNNING:
                raise DvxError(f"the experiment `{one.name}` runs", f"run `dvx queue kill {one.name}` first")
        return (), tuple(chosen)

    book.change(choose)
    for one in chosen.values():
        if one.snapshot:
            clear_room(project, one.ident)
        files.remove(log_of(project, one))
    release(project, book, [one.snapshot for one in chosen.values()])
    return tuple(chosen.values())


def retry(project: Project, names: Sequence[str]) -> tuple[Task, ...]:
    """Put failed tasks (all without names) into the queue again: stages that were done are restored, not run.

    Raises:
        UnknownTarget: a name is unknown.
        DvxError: one did not fail, or worked in the workspace, which is not as it was.
    """

    def choose(found: Sequence[Task]) -> tuple[Sequence[Task], Sequence[str]]:
        failed = [one for one in found if one.state in (State.FAILED, State.KILLED) and (one.snapshot or names)]
        chosen = find_tasks(failed, names, [as_it_is(project, one) for one in found]) if names else failed
        for one in chosen:
            if not one.snapshot:
                hint = "run `dvx exp run` again: what was done is not done again"
                raise DvxError(f"the experiment `{one.name}` ran in the workspace", hint)
        fresh = {"state": State.QUEUED, "place": TaskPlace.QUEUE, "worker": "", "ended": None, "error": "", "seen": None}
        return [replace(one, **fresh) for one in chosen], ()

    return tuple(open_book(project).change(choose))


def waiting_names(project: Project, found: Iterable[Task], baseline: str) -> set[str]:
    """The names of experiments on top of a commit that wait or run, so that no other may have them."""
    known = (as_it_is(project, one) for one in found if one.baseline == baseline)
    # nobody waits for what a killed `exp run --temp` left
    return {
        one.name for one in known if one.state is State.RUNNING or (one.state is State.QUEUED and one.place is TaskPlace.QUEUE)
    }


def taken(name: str) -> DvxError:
    """What is said of a name that another experiment has, or will have."""
    return DvxError(f"experiment `{name}` exists already", "choose another name, or use `--force` to replace it")


def snapshots(project: Project) -> list[str]:
    """The commits that are kept for tasks."""
    return [ref.removeprefix(SNAPSHOTS) for ref in git_of(project).refs(SNAPSHOTS)]


def release(project: Project, book: TaskBook, commits: Iterable[str]) -> None:
    """Let go of those of the snapshots that no task needs any more."""
    git = git_of(project)
    with book.unneeded(commits) as gone:
        kept = {ref: commit for ref, commit in git.refs(SNAPSHOTS).items() if commit in gone}
        if kept:
            change_refs(git, [RefChange(ref, None, commit) for ref, commit in kept.items()])


def _perform(project: Project, book: TaskBook, task: Task, tell: Tell) -> RecordedExperiment:
    room = furnish(project, task, tell)
    try:
        if book.asked(task.ident) == KILL:
            raise DvxError(f"the experiment `{task.name}` was stopped", f"run `dvx queue retry {task.name}` to go on with it")
        options = RunOptions(from_plain(task.options), task.name, (), task.message, task.replaces)
        return perform(room, ExpRef(task.baseline, task.name), options, tell)
    finally:
        room.close()


def _give_up(project: Project, book: TaskBook, task: Task, state: State, error: str) -> None:
    room = existing_room(project, task.ident)
    seen = body_so_far(room, 0) if room is not None else None
    book.update(replace(task, state=state, error=error, ended=time.time(), seen=seen), held_by=task.worker)
    clear_room(project, task.ident)


def as_it_is(project: Project, task: Task) -> Task:
    """A task whose worker died waits again, or where nobody takes it up, was killed."""
    if task.state is not State.RUNNING or is_employed(project, task.worker):
        return task
    return replace(task, state=State.QUEUED if task.snapshot else State.KILLED)
