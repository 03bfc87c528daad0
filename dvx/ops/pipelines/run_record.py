"""Recorder: writes into the registry what a run does. Reading runs back, and asking them to stop, pause or go on."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from dvx.errors import DvxError, UnknownTarget, nearest
from dvx.journal import Registry
from dvx.model.kept import RUN
from dvx.model.pipelines.run import Run, State, Wish
from dvx.model.pipelines.run_history import Fact, FactRow, RunRecord, fold
from dvx.ops.stages.worker_locks import home_of, is_working, remove_dead, worker_lock
from dvx.project import Project
from dvx.store import files

_RECENT = 2_000
_KEPT_RUNS, _KEPT_LOGS = 1_000, 50
STOPS = (Wish.CANCEL, Wish.KILL)


def open_registry(project: Project) -> Registry:
    """The list of what runs, is to run, and ran; one that is broken is set aside when something is to be written."""

    def set_aside(path: str) -> None:
        mark = secrets.token_hex(4)
        for suffix in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                files.move(path + suffix, f"{path}.old-{mark}{suffix}")

    return Registry(os.path.join(home_of(project).state, "runs.db"), files.make_folder, set_aside)


def as_it_is(project: Project, run: Run) -> Run:
    """A run whose worker died waits again, or where nobody takes it up, was killed."""
    if run.state is not State.RUNNING:
        return run
    if not is_working(project, run.worker):
        return replace(run, state=State.QUEUED if run.snapshot else State.KILLED)
    return replace(run, state=State.PAUSED) if run.asked is Wish.PAUSE else run


def known_experiments(project: Project) -> list[Run]:
    """All experiments that are no refs only, as they are now."""
    return [as_it_is(project, run) for run in open_registry(project).experiments()]


def logs_of(project: Project, run: str) -> str:
    """The folder of a run's logs."""
    return os.path.join(home_of(project).state, "logs", run)


class Recorder:
    """Writes down one run: one that somebody claimed, or one that begins with its first act, as a run in which nothing is to do
    leaves no trace. No work waits for what cannot be written."""

    def __init__(self, project: Project, registry: Registry, run: Run, stages: Callable[[], list[dict[str, Any]]]) -> None:
        self._project = project
        self._registry = registry
        self._stages = stages
        self._skipped: deque[tuple[str, float]] = deque()
        self._claimed = bool(run.worker)
        self._guard = threading.Lock()
        self._held = contextlib.ExitStack()
        self.begun = False
        self.run = run

    def begin(self) -> None:
        """Write that the run starts, if that is not written."""
        with self._guard:
            if not self.begun:
                self._begin()
                self.begun = True

    def note(self, fact: Fact, stage: str, data: Mapping[str, Any] | None = None) -> None:
        """Write a fact about a stage."""
        self.begin()
        self._note(FactRow(self.run.ident, fact, stage, data or {}))

    def skip(self, stage: str) -> None:
        """Write that nothing is to do for a stage, with the next fact or at the end."""
        self._skipped.append((stage, time.time()))

    def asked(self) -> Wish:
        """What others ask of this run."""
        return self._registry.asked(self.run.ident) if self.begun or self._claimed else Wish.NOTHING

    def end(self, error: BaseException | None) -> None:
        """Write how the run ended; who claimed it says that of the run itself."""
        if not self.begun:
            # what a run that was killed at its very end left of itself
            remove_dead(self._project)
            return
        self._note()
        if not self._claimed:
            told = error.message.splitlines()[0] if isinstance(error, DvxError) else type(error).__name__ if error else ""
            stopped = isinstance(error, KeyboardInterrupt) or (error is not None and self.asked() in STOPS)
            state = State.CANCELLED if stopped else State.FAILED if error else State.SUCCESS
            with contextlib.suppress(DvxError):
                known = {"state": state, "ended": time.time(), "error": told}
                self._registry.amend(self.run.ident, lambda found: replace(found, **known), durable=False)
        self._held.close()

    def _begin(self) -> None:
        if self._claimed:
            with contextlib.suppress(DvxError):
                self._registry.amend(self.run.ident, lambda found: replace(found, options=self.run.options), durable=False)
        else:
            now, worker = time.time(), self._held.enter_context(worker_lock(self._project))
            self.run = replace(self.run, worker=worker, created=now, started=now)
            # another run of this process, or of one in another container, may have begun within the same second
            while os.path.exists(logs_of(self._project, self.run.ident)) or not self._added():
                self.run = replace(self.run, ident=f"{self.run.ident}x")
        self._note(FactRow(self.run.ident, Fact.RUN_STARTED, data={"stages": self._stages()}))
        with contextlib.suppress(DvxError):
            _prune(self._project, self._registry)

    def _added(self) -> bool:
        try:
            return self._registry.add(self.run)
        except DvxError:
            return True

    def _note(self, *rows: FactRow) -> None:
        skipped = [self._skipped.popleft() for _ in range(len(self._skipped))]
        after = [FactRow(self.run.ident, Fact.STAGE_SKIPPED, stage, time=moment) for stage, moment in skipped]
        with contextlib.suppress(DvxError):
            self._registry.note([*rows, *after])


def new_run(options: Mapping[str, Any]) -> Run:
    """A run of stages in the workspace, whose name sorts by time."""
    return Run(f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}", options=options, state=State.RUNNING)


def list_runs(project: Project, limit: int) -> tuple[RunRecord, ...]:
    """The latest runs that began, the newest first."""
    with open_registry(project) as registry:
        return tuple(fold(as_it_is(project, run), registry.facts(run.ident)) for run in _begun(registry.runs())[:limit])


def done_stages(project: Project, run: Run) -> set[str]:
    """The stages that a run is done with since it last began: they ran to the end, were restored, or had not changed."""
    rows = open_registry(project).facts(run.ident)
    begun = max((number for number, row in enumerate(rows) if row.fact is Fact.RUN_STARTED), default=0)
    record = fold(run, rows[begun:])
    ran = {one.stage for one in record.attempts if one.status is State.SUCCESS}
    return ran.union(record.skipped, record.restored, record.adopted)


def run_names(project: Project) -> list[str]:
    """The names of all runs, the newest first."""
    return [run.name or run.ident for run in open_registry(project).runs()]


def find_run(project: Project, name: str = "") -> RunRecord:
    """A run by its name, or the beginning of it or of its hash: the latest of that name, or of all without one.

    Raises:
        UnknownTarget: there is none, or several begin like that.
    """
    with open_registry(project) as registry:
        run = _find(registry, name)
        return fold(as_it_is(project, run), registry.facts(run.ident))


def ask(project: Project, name: str, wish: Wish) -> Run:
    """Ask a run to start no more stages, to go on, or to stop. One that waits is stopped at once.

    Raises:
        UnknownTarget: there is no such run.
        DvxError: it does not work any more.
    """
    registry = open_registry(project)
    found = registry.amend(_find(registry, name).ident, lambda run: asking(project, run, wish))
    if found is None:
        raise UnknownTarget(f"there is no run `{name}`", "run `dvx runs list --all`")
    return found


def asking(project: Project, found: Run, wish: Wish) -> Run:
    """A run that is asked for something; raises like `ask`."""
    state = as_it_is(project, found).state
    if state is State.QUEUED and wish in STOPS:
        return replace(found, state=State.CANCELLED, worker="", ended=time.time())
    if state is State.QUEUED:
        raise DvxError(f"{found.called} does not run yet", "run `dvx queue start` to run what waits")
    if state not in (State.RUNNING, State.PAUSED):
        hint = "" if state is State.SUCCESS else found.way_on
        raise DvxError(f"{found.called} does not work any more: it is {state.value}", hint)
    return replace(found, asked=wish)


def cancelled(run: Run) -> DvxError:
    """What is said of a run that somebody stopped."""
    return DvxError(f"{run.called} was cancelled", run.way_on)


def expected_seconds(registry: Registry) -> dict[str, float]:
    """How long stages took when they last ran, by their addresses."""
    found: dict[str, float] = {}
    for row in registry.latest(Fact.STAGE_COMPLETED, _RECENT):
        seconds = row.data.get("seconds")
        if isinstance(seconds, (int, float)):
            found.setdefault(row.stage, float(seconds))
    return found


def _find(registry: Registry, name: str) -> Run:
    runs = registry.runs()
    exact = [run for run in runs if name in (run.name, run.ident)] if name else _begun(runs)
    found = exact[:1] or [run for run in runs if run.name.startswith(name) or run.ident.startswith(name)]
    if not found:
        text = f"there is no run `{name}`" if name else "nothing ran yet"
        names = [run.name or run.ident for run in runs]
        raise UnknownTarget(text, nearest(name, names) or "run `dvx runs list --all`" if names else "run `dvx repro`")
    if len(found) > 1:
        shown = ", ".join(run.name or run.ident for run in found[:5])
        raise UnknownTarget(f"several runs begin with `{name}`", f"one of {shown}")
    return found[0]


def _begun(runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if run.started is not None]


def _prune(project: Project, registry: Registry) -> None:
    """Let what is kept of the oldest runs go; nothing of one that still works, or waits."""
    kept = {run.ident for run in registry.unended() if as_it_is(project, run).state is not State.KILLED}
    logs = os.path.join(home_of(project).state, "logs")
    names = sorted(files.names_in(logs, RUN), key=lambda name: _changed(os.path.join(logs, name)))
    for name in names[:-_KEPT_LOGS]:
        if name not in kept:
            files.remove_tree(os.path.join(logs, name))
    registry.prune(_KEPT_RUNS, kept)


def _changed(place: str) -> int:
    """When something was changed last, in nanoseconds; what somebody else has removed is the oldest."""
    try:
        return os.lstat(place).st_mtime_ns
    except FileNotFoundError:
        return 0
