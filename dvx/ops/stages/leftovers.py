"""The record of an attempt at a stage, a file that its command writes on in: what it is, its process, how it ended.

It ends with whatever is done about the stage. What a dvx that was killed leaves is a command that still runs, or one that
ended with nobody to record it; its log may be lost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import msgspec
from msgspec import Struct

from dvx.model.kept import Count, Log, MaybeWorker, Moment, RunId, RunKey, convert_kept, file_name, read_kept
from dvx.model.pipelines.stage import Stage
from dvx.ops.stages.worker_locks import is_working
from dvx.project import Project
from dvx.shell import Trace, is_alive, read_trace
from dvx.store import files

_ABOUT = "about "


class About(Struct, frozen=True):
    """Which attempt a trace is of: its run, its number, its run-cache key, its log (relative to the project), its beginning
    (seconds since the epoch), the fingerprint of what it read, who worked on it.
    """

    run: RunId
    number: Count
    key: RunKey
    log: Log
    began: Moment
    inputs: str = ""
    worker: MaybeWorker = ""


class Leftover(Struct, frozen=True):
    """An attempt whose dvx is gone, and what its commands wrote down until `ended` (nanoseconds since the epoch)."""

    about: About
    trace: Trace
    ended: int

    @property
    def runs(self) -> bool:
        """Whether its commands still run."""
        return is_alive(self.trace)

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return max(0.0, self.ended / 1e9 - self.about.began)


def begin_record(project: Project, stage: Stage, about: About) -> str:
    """Say which attempt begins; returns the file in which its commands go on."""
    place = _place(project, stage)
    files.remove(place)
    with files.open_log(place) as trace:
        trace.write(f"{_ABOUT}{json.dumps(msgspec.to_builtins(about))}\n".encode())
    return place


def end_record(project: Project, stage: Stage) -> None:
    """All that became of the attempt is recorded."""
    files.remove(_place(project, stage))


def find_leftover(project: Project, stage: Stage) -> Leftover | None:
    """The latest attempt of a stage, if its dvx is gone and nothing is recorded of how it ended."""
    place = _place(project, stage)
    try:
        ended = os.stat(place).st_mtime_ns
        text = files.read_note(place).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    first, _, rest = text.partition("\n")
    try:
        about = convert_kept(read_kept(first.removeprefix(_ABOUT)), About)
    except ValueError:
        # a power cut leaves anything
        return None
    return None if is_working(project, about.worker) else Leftover(about, read_trace(rest), ended)


def adopt(project: Project, stage: Stage, key: str, inputs: Callable[[], str], place: Callable[[str], str]) -> Leftover | None:
    """The attempt that was left, if it is one of this run-cache key and these `inputs` (their fingerprint), all its commands
    succeeded, and its outputs are as they left them; `place` says where it made one. What is outside nobody vouches for.
    """
    left = None if stage.outside else find_leftover(project, stage)
    if left is None or left.trace.code != 0 or left.about.key != key or left.about.inputs != inputs():
        return None
    try:
        whole = all(_changed(place(output.path)) <= left.ended for output in stage.outs)
    except FileNotFoundError:
        return None
    return left if whole else None


def _changed(path: str) -> int:
    """When something at a path was last changed, or put there: a link to an older file, or a renamed one, is as old as that."""
    latest = os.lstat(path).st_ctime_ns
    for folder, folders, names in files.walk_folders(path):
        latest = max(latest, *(os.lstat(os.path.join(folder, name)).st_ctime_ns for name in (".", *folders, *names)))
    return latest


def _place(project: Project, stage: Stage) -> str:
    return os.path.join(project.state, "attempts", file_name(stage.address))
