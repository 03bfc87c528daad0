"""Recorder: writes into the journal what a run does. Reading runs back, and asking them to stop, pause or go on."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from dvx.errors import DvxError, UnknownTarget, nearest
from dvx.journal import Journal
from dvx.model.canonical import json_sorted
from dvx.model.digest import digest_bytes
from dvx.model.history import Fact, FactRow, RunRecord, Status, fold
from dvx.model.kept import RUN
from dvx.project import Project
from dvx.store import files
from dvx.store.files.locking import claimed, is_claimed

_RECENT = 2_000
_KEPT_LOGS = 50


def open_journal(project: Project) -> Journal:
    """The project's journal."""
    return Journal(os.path.join(project.state, "runs.db"), files.remove)


def new_run() -> str:
    """A name for a run, which sorts by time."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}"


def logs_of(project: Project, run: str) -> str:
    """The folder of a run's logs."""
    return os.path.join(project.state, "logs", run)


def slug(address: str) -> str:
    """A file name that stands for a stage."""
    plain = re.sub(r"[^\w.@-]", "_", address, flags=re.ASCII)[:80]
    return plain if plain == address else f"{plain}-{digest_bytes(json_sorted(address).encode(), 'md5').hex[:8]}"


def is_working(project: Project, run: str) -> bool:
    """Whether the process of a run still works."""
    return is_claimed(_mark(project, run))


class Recorder:
    """Writes down one run. It begins with the first act: a run in which nothing is to do leaves no trace."""

    def __init__(self, project: Project, journal: Journal, describe: Callable[[], Mapping[str, Any]]) -> None:
        self._project = project
        self._journal = journal
        self._describe = describe
        self._skipped: deque[tuple[str, float]] = deque()
        self._begun = False
        self._guard = threading.Lock()
        self.run = new_run()
        self._holding = contextlib.ExitStack()

    @property
    def begun(self) -> bool:
        """Whether anything was done."""
        return self._begun

    def begin(self) -> None:
        """Write that the run starts, if that is not written."""
        with self._guard:
            if not self._begun:
                self._begin()
                self._begun = True

    def note(self, fact: Fact, stage: str, data: Mapping[str, Any] | None = None) -> None:
        """Write a fact about a stage."""
        self.begin()
        self._flush()
        self._journal.write([FactRow(self.run, fact, stage, data or {})])

    def skip(self, stage: str) -> None:
        """Write that nothing is to do for a stage, with the next fact or at the end."""
        self._skipped.append((stage, time.time()))

    def end(self, error: BaseException | None) -> None:
        """Write how the run ended."""
        if not self._begun:
            return
        self._flush()
        rows = []
        if isinstance(error, KeyboardInterrupt):
            rows.append(FactRow(self.run, Fact.RUN_CANCELLED, data={"by": "a signal"}))
        told = error.message.splitlines()[0] if isinstance(error, DvxError) else type(error).__name__ if error else ""
        self._journal.write([*rows, FactRow(self.run, Fact.RUN_COMPLETED, data={"error": told} if told else {})])
        files.remove(_mark(self._project, self.run))
        self._holding.close()

    def asked(self, after: int) -> list[FactRow]:
        """What others asked of this run since the row of that id."""
        if not self._begun:
            return []
        return self._journal.rows(self.run, after, (Fact.RUN_CANCELLED, Fact.RUN_PAUSED, Fact.RUN_RESUMED))

    def _begin(self) -> None:
        while os.path.exists(logs_of(self._project, self.run)) or os.path.exists(_mark(self._project, self.run)):
            # another run of this process, or of one in another container, within the same second
            self.run = f"{self.run}x"
        self._holding.enter_context(claimed(_mark(self._project, self.run), lambda: None))
        self._journal.write([FactRow(self.run, Fact.RUN_STARTED, data=dict(self._describe()))])
        _prune(self._project, self._journal)

    def _flush(self) -> None:
        skipped = [self._skipped.popleft() for _ in range(len(self._skipped))]
        if skipped:
            self._journal.write([FactRow(self.run, Fact.STAGE_SKIPPED, stage, time=moment) for stage, moment in skipped])


def list_runs(project: Project, limit: int) -> tuple[RunRecord, ...]:
    """The latest runs, the newest first."""
    with _reading(project) as journal:
        return tuple(_run(project, journal, name) for name in journal.runs(limit))


def done_since(project: Project, moment: float) -> frozenset[str]:
    """The stages that runs which began since a moment are done with: they ran to the end, were restored, or had not changed."""
    runs = []
    with _reading(project) as journal:
        for name in journal.runs():
            run = _run(project, journal, name)
            if run.started < moment:
                break
            runs.append(run)
    done: set[str] = set()
    for run in reversed(runs):
        done.difference_update(one.stage for one in run.attempts)
        done.update(one.stage for one in run.attempts if one.status is Status.DONE)
        done.update(run.skipped, run.restored, run.adopted)
    return frozenset(done)


def run_names(project: Project) -> list[str]:
    """The names of all runs, the newest first."""
    with _reading(project) as journal:
        return list(journal.runs())


def find_run(project: Project, name: str = "") -> RunRecord:
    """A run by its name or the beginning of it; the latest without a name.

    Raises:
        UnknownTarget: there is none, or several begin like that.
    """
    with _reading(project) as journal:
        names = journal.runs()
        found = [one for one in names if one.startswith(name)]
        if name in names:
            found = [name]
        if not found:
            text = f"there is no run `{name}`" if name else "nothing ran yet"
            raise UnknownTarget(text, nearest(name, names) or "run `dvx runs list --all`" if names else "run `dvx repro`")
        if name and len(found) > 1:
            raise UnknownTarget(f"several runs begin with `{name}`", f"one of {', '.join(found[:5])}")
        return _run(project, journal, found[0])


def ask(project: Project, name: str, fact: Fact, *, now: bool = False) -> RunRecord:
    """Ask a run to stop (`now`: without time to tidy up), to start no more stages, or to go on.

    Raises:
        UnknownTarget: there is no such run.
        DvxError: it does not work any more.
    """
    run = find_run(project, name)
    if run.status not in (Status.RUNNING, Status.PAUSED) and not (run.status is Status.CANCELLED and run.ended is None):
        hint = f"run `dvx runs retry {run.name}` to do what is left of it" if run.status is not Status.DONE else ""
        raise DvxError(f"the run `{run.name}` does not work any more: it is {run.status.value}", hint)
    with _reading(project) as journal:
        journal.write([FactRow(run.name, fact, data={"by": "dvx runs", "now": now})])
    return run


def expected_seconds(journal: Journal) -> dict[str, float]:
    """How long stages took when they last ran, by their addresses."""
    found: dict[str, float] = {}
    for row in journal.latest(Fact.STAGE_COMPLETED, _RECENT):
        seconds = row.data.get("seconds")
        if isinstance(seconds, (int, float)):
            found.setdefault(row.stage, float(seconds))
    return found


@contextlib.contextmanager
def _reading(project: Project) -> Iterator[Journal]:
    journal = open_journal(project)
    try:
        yield journal
    finally:
        journal.close()


def _run(project: Project, journal: Journal, name: str) -> RunRecord:
    run = fold(journal.rows(name), alive=is_working(project, name))
    # what was written when it began may be unreadable
    return run if run.name else replace(run, name=name)


def _mark(project: Project, run: str) -> str:
    return os.path.join(project.state, "runs", run)


def _prune(project: Project, journal: Journal) -> None:
    """Let what is kept of the oldest runs go; nothing of one that still works."""
    logs, marks = os.path.join(project.state, "logs"), os.path.join(project.state, "runs")
    working = {run for run in files.names_in(marks, RUN) if is_working(project, run)}
    for run in files.names_in(logs, RUN)[:-_KEPT_LOGS]:
        if run not in working:
            files.remove_tree(os.path.join(logs, run))
    # the latest may belong to one that is about to take it
    for run in files.names_in(marks, RUN)[:-_KEPT_LOGS]:
        if run not in working:
            files.remove(os.path.join(marks, run))
    journal.prune(working)
