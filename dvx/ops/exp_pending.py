"""Experiments that are no refs yet, or never will be: what is known of those that wait, run, or failed."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvx.errors import DvxError
from dvx.model.override import Override, put
from dvx.model.paths import within
from dvx.model.task import State, Task, TaskPlace
from dvx.ops.exp_tasks import log_of
from dvx.ops.rooms import existing_room
from dvx.project import Project

Body = Mapping[str, Any]
_NOTHING: Body = {"params": {}, "metrics": {}, "deps": {}, "outs": {}}


class Pending(Struct, frozen=True):
    """A task and what is known of its params and metrics."""

    task: Task
    data: Body
    log: str
    root: str


def pending(
    project: Project,
    tasks: Sequence[Task],
    bodies: Callable[[Sequence[str]], Mapping[str, Any]],
    now: Callable[[Project, float], Any],
) -> tuple[Pending, ...]:
    """What is known of tasks that did not succeed, those that run first.

    `bodies` says what commits hold, `now` what a work tree says of the experiment that
    began there at a moment.
    """
    known = bodies(list(dict.fromkeys(one.snapshot for one in tasks if one.snapshot and one.seen is None)))
    found = list(_known(project, tasks, known, now))
    order = (State.RUNNING, State.QUEUED, State.FAILED, State.KILLED)
    return tuple(sorted(found, key=lambda one: order.index(one.task.state)))


def _known(
    project: Project, tasks: Sequence[Task], known: Mapping[str, Any], now: Callable[[Project, float], Any]
) -> Iterator[Pending]:
    for task in tasks:
        log, root = log_of(project, task), ""
        data: Any = task.seen
        if task.state is State.RUNNING:
            here = task.place is TaskPlace.WORKSPACE
            place = project if here else existing_room(project, task.ident)
            data = now(place, task.started or 0 if here else 0) if place is not None else None
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
