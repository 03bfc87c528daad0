"""exp run in the workspace, known to others while it runs, and remembered if it fails."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from dvx.journal import Registry
from dvx.model.events import Tell
from dvx.model.pipelines.run import FAILURES, Run, State
from dvx.ops.experiments.auto_push import auto_push
from dvx.ops.experiments.queue import give_up, taken, waiting_names
from dvx.ops.experiments.run import RecordedExperiment, RunOptions, prepare, run
from dvx.ops.pipelines.overrides import read_overrides
from dvx.ops.pipelines.run_record import open_registry
from dvx.ops.stages.worker_locks import worker_lock
from dvx.project import Project

_KEPT_FAILURES = 50


def run_here(project: Project, options: RunOptions, tell: Tell) -> RecordedExperiment:
    """`run.run`, with an entry in the list of runs; one that fails stays among the experiments, but nothing of what was
    refused before it began.

    Raises:
        DvxError: as `run.prepare` and `run.run`; also for a name of another that waits or runs.
    """
    registry = open_registry(project)
    prepared = prepare(project, options, (one.name for one in registry.experiments()))
    ref = prepared.ref
    if options.repro.dry:
        return run(project, prepared, options, tell)
    overrides = read_overrides(project, options.overrides)
    with worker_lock(project) as worker:
        now = time.time()
        mine = Run(
            secrets.token_hex(20), ref.name, ref.baseline, overrides=overrides,
            state=State.RUNNING, created=now, started=now, worker=worker,
        )  # fmt: skip

        def make(found: Sequence[Run]) -> tuple[Sequence[Run], Sequence[str]]:
            if ref.name in waiting_names(project, found, ref.baseline) and not options.force:
                raise taken(ref.name)
            return [mine], ()

        registry.change(make)
        try:
            recorded = run(project, prepared, options, tell, mine)
        except BaseException as error:
            give_up(project, mine, error, project)
            registry.change(lambda found: ((), _failures(found)[:-_KEPT_FAILURES]))
            raise
        _succeeded(registry, mine, recorded)
    auto_push(project, recorded.ref, tell)
    return recorded


def _succeeded(registry: Registry, mine: Run, recorded: RecordedExperiment) -> None:
    """It goes, or where something was done, is history; what failed under its name is made good."""
    done = {"state": State.SUCCESS, "commit": recorded.commit, "ended": time.time()}

    def make(found: Sequence[Run]) -> tuple[Sequence[Run], Sequence[str]]:
        older = _failures(one for one in found if (one.name, one.baseline) == (mine.name, mine.baseline))
        if not recorded.ran or not recorded.ran.run:
            return (), [mine.ident, *older]
        return [replace(one, **done) for one in found if one.ident == mine.ident], older

    registry.change(make)


def _failures(found: Iterable[Run]) -> list[str]:
    return [one.ident for one in found if one.state in FAILURES and not one.snapshot]
