"""repro: bring stages up to date, running only what changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from dvx.errors import DvxError, Partial
from dvx.model.events import Notice, Tell, silent
from dvx.model.graph import Graph
from dvx.model.schedule import Plan, plan_runs
from dvx.model.staleness import Action
from dvx.ops.attempt import Setting, new_run
from dvx.ops.index import load_index
from dvx.ops.pipelines import check_graph
from dvx.ops.repro_plan import ReproOptions, ReproResult, StageOutcome, choose
from dvx.ops.repro_pull import pull_runs
from dvx.ops.stage_worker import Worker
from dvx.project import Project
from dvx.shell import Shell

__all__ = ["ReproOptions", "ReproResult", "StageOutcome", "repro"]


def repro(project: Project, options: ReproOptions, tell: Tell = silent) -> ReproResult:
    """Skip, restore or run each stage that the targets need, in an order in which each comes after what it needs.

    A stage's results are recorded before the next one starts, and stay whatever happens later.

    Raises:
        StageFailed: a command failed.
        Partial: the same, with `keep_going`, after the others are done.
        GraphError, UnknownTarget, MissingData, DvxError: the pipeline, a target or a stage is not sound.
    """
    index = load_index(project)
    graph = check_graph(index)
    order = choose(project, index, graph, options)
    jobs = options.jobs or os.cpu_count() or 1
    shell = Shell()
    setting = Setting(shell, new_run(), options.environment, attended=jobs == 1)
    worker = Worker(project, index, options, setting, tell)
    worker.preload(order)
    if options.pull and not options.dry:
        pull_runs(project, tell)
    progress = _Progress(worker, graph, options, tell)
    with shell.watching():
        if jobs == 1:
            for address in order:
                progress.take(address)
        else:
            _in_parallel(progress, shell, plan_runs(order, graph.needs, jobs))
    progress.finish()
    for_git = tuple(sorted(worker.for_git))
    if project.git is not None and for_git and project.config.flag("core.autostage", False):
        project.git.stage(for_git)
    return ReproResult(tuple(progress.outcomes), for_git)


class _Progress:
    """What was done so far, and what follows from it for the rest."""

    def __init__(self, worker: Worker, graph: Graph, options: ReproOptions, tell: Tell) -> None:
        self.outcomes: list[StageOutcome] = []
        self._worker = worker
        self._graph = graph
        self._options = options
        self._tell = tell
        self._ran: set[str] = set()
        self._failed: dict[str, DvxError] = {}
        self._blocked: set[str] = set()

    def take(self, address: str) -> None:
        """Work on the next stage."""
        if address in self._blocked:
            return
        with self._surviving(address):
            outcome = self._worker.work(address, self.rerun(address))
            self.outcomes.append(outcome)
            if outcome.action is Action.RUN:
                self._ran.add(address)

    def rerun(self, address: str) -> tuple[str, ...]:
        """The stages whose run makes this one run: with `force_downstream`; when nothing really runs, who knows."""
        if not (self._options.force_downstream or self._options.dry):
            return ()
        return tuple(need for need in self._graph.needs[address] if need in self._ran)

    def finish(self) -> None:
        """Report failures that were survived."""
        if self._failed and not self._options.ignore_errors:
            left = sorted(self._blocked - self._failed.keys())
            hint = f"left out, as they need what failed: {_named(left)}" if left else "all others are done"
            raise Partial(f"failed: {_named(self._failed)}", hint)

    @contextmanager
    def _surviving(self, address: str) -> Iterator[None]:
        try:
            yield
        except DvxError as error:
            if not (self._options.keep_going or self._options.ignore_errors):
                raise
            self._failed[address] = error
            self._tell(Notice(error.message + (" (ignored)" if self._options.ignore_errors else ""), error.hint))
            if not self._options.ignore_errors:
                self._blocked |= self._graph.downstream([address])


def _named(addresses: Iterable[str]) -> str:
    return ", ".join(f"`{address}`" for address in addresses)


def _in_parallel(progress: _Progress, shell: Shell, plan: Plan) -> None:
    """Start each stage as soon as what it needs is done. After a failure nothing starts any more, but what runs may end."""
    done: set[str] = set()
    running: dict[Future[None], str] = {}
    failure: BaseException | None = None
    with ThreadPoolExecutor(plan.jobs) as pool, _stopping(shell):
        while running or (failure is None and len(done) < len(plan.order)):
            for address in plan.ready(done, running.values()) if failure is None else ():
                running[pool.submit(progress.take, address)] = address
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                done.add(running.pop(future))
                failure = failure or future.exception()
    if failure is not None:
        raise failure


@contextmanager
def _stopping(shell: Shell) -> Iterator[None]:
    """Stop what runs when the block is interrupted: the pool would wait for it otherwise."""
    try:
        yield
    except BaseException:
        shell.stop()
        raise
