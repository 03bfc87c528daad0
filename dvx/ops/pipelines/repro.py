"""repro: bring stages up to date, running only what changed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from dvx.errors import DvxError, Partial
from dvx.journal import Registry
from dvx.model.events import Notice, Tell, silent
from dvx.model.pipelines.graph import Graph
from dvx.model.pipelines.run import Run
from dvx.model.pipelines.schedule import Schedule
from dvx.model.pipelines.staleness import Action
from dvx.ops.pipelines.attempts import RunSetting
from dvx.ops.pipelines.crew import Crew
from dvx.ops.pipelines.leases import Leases
from dvx.ops.pipelines.repro_pull import pull_runs
from dvx.ops.pipelines.resources import all_cores, cards, default_jobs, find_limits
from dvx.ops.pipelines.run_control import Control
from dvx.ops.pipelines.run_record import Recorder, expected_seconds, new_run, open_registry
from dvx.ops.pipelines.stage_worker import Worker
from dvx.ops.stages.definitions import Definitions
from dvx.ops.stages.listing import document
from dvx.ops.stages.repro_plan import (
    ReproOptions,
    ReproResult,
    StageOutcome,
    active_graph,
    choose,
    find_stages,
    resolve,
    to_plain,
)
from dvx.ops.tracked.index import Index
from dvx.ops.tracked.unreadable import load_for
from dvx.project import Project
from dvx.shell import Shell

__all__ = ["ReproOptions", "ReproResult", "StageOutcome", "repro"]


def repro(project: Project, options: ReproOptions, tell: Tell = silent, run: Run | None = None) -> ReproResult:
    """Skip, restore or run each stage that the targets need, in an order in which each comes after what it needs.

    A stage's results are recorded before what needs it starts, and stay whatever happens later. A `run` was claimed by this
    process; without one, this begins one.

    Raises:
        StageFailed: a command failed.
        Partial: the same, with `keep_going`, after the others are done.
        GraphError, UnknownTarget, MissingData, DvxError: the pipeline, a target or a stage is not sound, or the run was
            cancelled.
    """
    began = time.time_ns()

    def search(index: Index) -> tuple[str, ...]:
        return find_stages(project, index, options)

    # all but a single stage depend on what others need and make
    index = load_for(project, options.targets if options.single else (), search, tell)
    definitions = Definitions(project, index, began)
    graph = active_graph(project, index)
    order = choose(project, index, graph, options)
    asked = to_plain(resolve(project, index, options))
    stages = {address: index.stages[address] for address in order if address in index.stages}
    limits = find_limits(project, stages)
    jobs = default_jobs(project) if options.jobs is None else options.jobs or all_cores()
    if options.confirm is not None:
        # one question at a time
        jobs = 1
    alone = jobs == 1 or _is_chain(graph, tuple(stages))
    registry = open_registry(project)
    run = replace(run, options=asked) if run else new_run(asked)
    recorder = Recorder(project, registry, run, lambda: [document(stage, None) for stage in stages.values()])
    shell = Shell()
    control = Control(recorder, shell, tell)
    # a stage that maps takes nothing itself: its items do
    demand = {address: stage.run.resources for address, stage in stages.items() if stage.map is None}
    schedule = Schedule(order, graph.needs, jobs, demand, limits)
    crew = Crew(schedule, shell, control.gate, alone=alone)
    setting = RunSetting(shell, recorder, options.environment, attended=alone)
    worker = Worker(project, definitions, options, setting, Leases(project, cards(project, limits), limits), crew, tell)
    worker.preload(order)
    if options.pull and not options.dry:
        pull_runs(project, tell)
    progress = _Progress(worker, graph, order, options, tell)
    error: BaseException | None = None
    with registry:
        try:
            with shell.watching(), control:
                # one after the other, they keep the order in which they stand
                schedule.begin((lambda _: 0.0) if alone else _Expected(registry))
                crew.run(progress.look, progress.work)
            progress.finish()
        except BaseException as caught:
            error = caught
            cancelled = control.cancelled if isinstance(caught, KeyboardInterrupt) else None
            if cancelled is not None:
                raise cancelled from None
            raise
        finally:
            if error is None:
                definitions.tell(tell)
            recorder.end(error)
        saved = _saved(registry, progress.outcomes) if recorder.begun else 0.0
    for_git = tuple(sorted(worker.for_git))
    if project.git is not None and for_git and project.config.flag("core.autostage", False):
        project.git.stage(for_git)
    return ReproResult(tuple(progress.outcomes), for_git, recorder.run.ident if recorder.begun else "", saved)


class _Progress:
    """What was done so far, and what follows from it for the rest."""

    def __init__(self, worker: Worker, graph: Graph, order: tuple[str, ...], options: ReproOptions, tell: Tell) -> None:
        self.outcomes: list[StageOutcome] = []
        self._worker = worker
        self._graph = graph
        self._order = order
        self._options = options
        self._tell = tell
        self._changed: set[str] = set()
        self._failed: dict[str, DvxError] = {}
        self._blocked: set[str] = set()

    def look(self, address: str) -> bool:
        """Whether a stage is dealt with already, or needs no more than a look."""
        if address in self._blocked:
            return True
        with self._surviving(address):
            outcome = self._worker.look(address, self._rerun(address))
            if outcome is None:
                return False
            self._note(outcome)
        return True

    def work(self, address: str) -> None:
        """Restore or run a stage."""
        with self._surviving(address):
            self._note(self._worker.work(address, self._rerun(address)))

    def finish(self) -> None:
        """Report failures that were survived."""
        if self._failed and not self._options.ignore_errors:
            done = {*self._failed, *(outcome.address for outcome in self.outcomes)}
            left = [address for address in self._order if address in self._blocked and address not in done]
            hint = f"left out, as they need what failed: {_named(left)}" if left else "all others are done"
            raise Partial(f"failed: {_named(self._failed)}", hint)

    def _note(self, outcome: StageOutcome) -> None:
        self.outcomes.append(outcome)
        if outcome.action is Action.RUN or (outcome.action is not Action.SKIP and self._options.force_downstream):
            self._changed.add(outcome.address)

    def _rerun(self, address: str) -> tuple[str, ...]:
        """What changed and makes this stage run: with `force_downstream`; when nothing really runs, who knows what comes out."""
        if not (self._options.force_downstream or self._options.dry):
            return ()
        return tuple(need for need in self._graph.needs[address] if need in self._changed)

    @contextmanager
    def _surviving(self, address: str) -> Iterator[None]:
        try:
            yield
        except DvxError as error:
            if not (self._options.keep_going or self._options.ignore_errors):
                raise
            self._failed[address] = error
            ignored = " (ignored)" if self._options.ignore_errors else ""
            self._tell(Notice(error.message + ignored, error.hint, error.place))
            if not self._options.ignore_errors:
                self._blocked |= self._graph.downstream([address])


class _Expected:
    """How long stages are expected to run; what nobody knows is as long as the shortest."""

    def __init__(self, registry: Registry) -> None:
        self._known = expected_seconds(registry)

    def __call__(self, address: str) -> float:
        # whole seconds, so that short stages keep their order
        return max(1.0, round(self._known.get(address, 1.0)))


def _named(addresses: Iterable[str]) -> str:
    return ", ".join(f"`{address}`" for address in addresses)


def _is_chain(graph: Graph, stages: tuple[str, ...]) -> bool:
    """Whether no two of the stages could ever run at once."""
    return all(before in graph.needs[after] for before, after in itertools.pairwise(stages))


def _saved(registry: Registry, outcomes: Iterable[StageOutcome]) -> float:
    known = expected_seconds(registry)
    return sum(known.get(one.address, 0.0) for one in outcomes if one.action in (Action.SKIP, Action.RESTORE))
