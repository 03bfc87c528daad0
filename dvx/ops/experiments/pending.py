"""Experiments that are no refs yet, or never will be: what is known of those that wait, run, or failed."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvx.errors import DvxError
from dvx.model.experiments.override import Override, put
from dvx.model.paths import within
from dvx.model.pipelines.run import FAILURES, Place, Run, State
from dvx.ops.experiments.queue import log_of
from dvx.ops.pipelines.worktrees import existing_worktree
from dvx.project import Project

Body = Mapping[str, Any]
_NOTHING: Body = {"params": {}, "metrics": {}, "deps": {}, "outs": {}}


class Pending(Struct, frozen=True):
    """A task and what is known of its params and metrics."""

    task: Run
    data: Body
    log: str
    root: str


def pending(
    project: Project,
    tasks: Sequence[Run],
    bodies: Callable[[Sequence[str]], Mapping[str, Any]],
    now: Callable[[Project, Run], Any],
) -> tuple[Pending, ...]:
    """What is known of tasks that did not succeed, those that run first.

    `bodies` says what commits hold, `now` what a work tree says of the experiment in it.
    """
    known = bodies(list(dict.fromkeys(one.snapshot for one in tasks if one.snapshot and one.seen is None)))
    found = list(_known(project, tasks, known, now))
    order = (State.RUNNING, State.PAUSED, State.QUEUED, *FAILURES)
    return tuple(sorted(found, key=lambda one: order.index(one.task.state)))


def _known(
    project: Project, tasks: Sequence[Run], known: Mapping[str, Any], now: Callable[[Project, Run], Any]
) -> Iterator[Pending]:
    for task in tasks:
        log, root = log_of(project, task), ""
        data: Any = task.seen
        if task.state in (State.RUNNING, State.PAUSED):
            place = project if task.place is Place.WORKSPACE else existing_worktree(project, task.ident)
            data = now(place, task) if place is not None else None
            root = place.root if place is not None else ""
        if data is None and task.snapshot in known:
            data = _overridden(known[task.snapshot], task.overrides)
        yield Pending(task, data or _NOTHING, log if os.path.exists(log) else "", root)


def _overridden(body: Body, overrides: Sequence[Override]) -> Body:
    """What a snapshot says, with other values of parameters; nothing was made of them yet."""
    params = copy.deepcopy(body["params"]) if overrides else body["params"]
    for one in overrides:
        document = params.get(one.path, {}).get("data")
        if document is not None:
            try:
                put(document, one)
            except DvxError:
                # the table need not have all of a file
                continue
    made = [path for path, out in body["outs"].items() if not out["is_data_source"]]
    deps = {path: known for path, known in body["deps"].items() if not any(within(path, out) for out in made)}
    outs = {path: out for path, out in body["outs"].items() if path not in made}
    return {**body, "params": params, "metrics": {}, "deps": deps, "outs": outs}
