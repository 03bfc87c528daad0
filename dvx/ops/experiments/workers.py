"""Workers: processes that run queued experiments, each one at a time. A keeper starts them and replaces those that die."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from dvx.errors import DvxError, StageFailed
from dvx.model.events import Notice, Tell
from dvx.model.pipelines.run import FAILURES, Place, Run, State, Wish
from dvx.ops.experiments.clean import sweep_rooms
from dvx.ops.experiments.queue import find_tasks, run_task
from dvx.ops.pipelines.run_record import STOPS, asking, known_experiments, open_registry
from dvx.ops.stages.worker_locks import is_working, worker_lock, workers
from dvx.project import Project
from dvx.shell import Apart, start_apart
from dvx.store import files

_POLL_SECONDS = 0.2
_PATIENCE = 30.0
_VAIN = 5
_WORKING = (State.RUNNING, State.PAUSED)
_LEFT = (*_WORKING, State.QUEUED)

Around = Callable[[Run], AbstractContextManager[Tell]]


def work(project: Project, around: Around) -> int:
    """Run what waits, one after the other, until nothing does or `queue stop` asks for an end; returns how many were run.

    `around` is entered for each task; it gives who is told of its progress. A failure is told, and does not stop the others.
    """
    since = time.time()
    registry = open_registry(project)
    count = 0
    with worker_lock(project) as worker:
        while not registry.stop_asked(since) and (task := registry.claim(worker, lambda name: not is_working(project, name))):
            count += 1
            with around(task) as tell:
                try:
                    run_task(project, task, tell)
                except (DvxError, OSError) as error:
                    # where a stage's own log was is of no use: its end stands here, and all of it above
                    hint = error.hint if isinstance(error, DvxError) and not isinstance(error, StageFailed) else ""
                    cut = registry.asked(task.ident) in STOPS
                    tell(Notice(str(error) if cut else f"{task.called} failed: {error}", hint))
    return count


def keep(project: Project, jobs: int, tell: Tell) -> tuple[Run, ...]:
    """Have up to `jobs` workers run what waits until nothing does; one that dies is replaced, and its experiment taken up.

    Experiments of workers that others started, such as a keeper that was killed, are waited for, and taken up if those workers
    die. Failures are told; returns what ended.

    Raises:
        DvxError: workers end without doing anything.
    """
    running: list[Apart] = []
    try:
        ended = _replace(project, jobs, running, tell)
        # one that died right after it was done
        sweep_rooms(project)
        return ended
    except BaseException:
        for one in running:
            one.send_signal(signal.SIGINT)
        for one in running:
            one.wait()
        raise


def _replace(project: Project, jobs: int, running: list[Apart], tell: Tell) -> tuple[Run, ...]:
    """Start workers, and others for those that end, until none is needed; `running` always holds those that work."""
    since = time.time()
    registry = open_registry(project)
    vain = 0
    left: set[str] = set()
    over: list[Run] = []
    while True:
        ended = [one for one in running if one.poll() is not None]
        # a signal is somebody's doing, an exit code the worker's own
        vain += sum((one.poll() or 0) > 0 for one in ended)
        running[:] = [one for one in running if one not in ended]
        if vain > _VAIN * jobs:
            raise DvxError("workers end without running anything", f"see `{_worker_log(project)}`")
        known = [one for one in known_experiments(project) if one.snapshot]
        for one in known:
            if one.ident in left and one.state not in _LEFT:
                over.append(one)
                if one.state in FAILURES:
                    what = f"failed: {one.error}" if one.state is State.FAILED else f"was {one.state.value}"
                    tell(Notice(f"{one.called} {what}", f"`dvx queue logs {one.name}` shows what it wrote"))
        left = {one.ident for one in known if one.state in _LEFT}
        stopped = registry.stop_asked(since)
        waiting = 0 if stopped else sum(one.state is State.QUEUED for one in known)
        running.extend(_start(project, ("queue", "work", "--alone")) for _ in range(min(jobs - len(running), waiting)))
        others = any(one.state in _WORKING and one.place is Place.QUEUE for one in known)
        if not running and not waiting and (stopped or not others):
            return tuple(over)
        time.sleep(_POLL_SECONDS)


def start(project: Project, jobs: int) -> int:
    """Have a keeper of `jobs` workers work in the background, whatever becomes of this process; returns how many work now, or
    did."""
    before = set(workers(project))
    wanted = min(jobs, _waiting(project))
    keeper = _start(project, ("queue", "work", "--jobs", str(jobs)))
    end = time.monotonic() + _PATIENCE
    while _waiting(project) and len(set(workers(project)) - before) < wanted:
        if keeper.poll() is not None or time.monotonic() > end:
            break
        time.sleep(_POLL_SECONDS)
    return wanted


def kill(project: Project, names: list[str], *, now: bool) -> tuple[Run, ...]:
    """Stop tasks that run (all without names), and wait until they have; `now` gives their commands no time to tidy up.

    Raises:
        UnknownTarget: a name is unknown.
        DvxError: one does not end.
    """
    registry = open_registry(project)
    tasks = known_experiments(project)
    running = [one for one in tasks if one.state in _WORKING and one.snapshot]
    chosen = find_tasks(running, names, tasks) if names else tuple(running)
    wish = Wish.KILL if now else Wish.CANCEL
    for one in chosen:
        # it may have ended since
        with suppress(DvxError):
            registry.amend(one.ident, lambda found: asking(project, found, wish))
    end = time.monotonic() + _PATIENCE
    while left := [one for one in chosen if one.ident in _running(project)]:
        if time.monotonic() > end:
            raise DvxError(f"the experiment `{left[0].name}` does not end", "run `dvx queue kill --force`")
        time.sleep(_POLL_SECONDS)
    return chosen


def _running(project: Project) -> set[str]:
    return {one.ident for one in known_experiments(project) if one.state in _WORKING}


def _waiting(project: Project) -> int:
    return sum(one.state is State.QUEUED and bool(one.snapshot) for one in known_experiments(project))


def _start(project: Project, words: tuple[str, ...]) -> Apart:
    log = _worker_log(project)
    with files.open_log(log) as writing:
        # the user's folder may hold modules of the names that Python's own have
        return start_apart((sys.executable, "-P", "-m", "dvx", *words), project.cwd, project.config.environ, writing)


def _worker_log(project: Project) -> str:
    return os.path.join(project.state, "exps", "logs", "workers.log")
