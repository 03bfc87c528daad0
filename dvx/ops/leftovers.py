"""What a dvx that was killed leaves of a stage: a command that still runs, or one that ended with nobody to record it."""

from __future__ import annotations

import json
import os

import msgspec
from msgspec import Struct

from dvx.model.kept import Count, Log, Moment, RunKey, RunName, convert_kept, read_kept
from dvx.model.stage import Stage
from dvx.ops.run_record import is_working, slug
from dvx.project import Project
from dvx.shell import Trace, is_alive, read_trace
from dvx.store import files

_ABOUT = "about "


class About(Struct, frozen=True):
    """Which attempt a trace is of: its run, its number, its run-cache key, its log (relative to the project), its beginning
    (seconds since the epoch), the fingerprint of what it read.
    """

    run: RunName
    number: Count
    key: RunKey
    log: Log
    began: Moment
    inputs: str = ""


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


def begin_trace(project: Project, stage: Stage, about: About) -> str:
    """Say which attempt begins; returns the file in which its commands go on."""
    place = _place(project, stage)
    files.remove(place)
    with files.open_log(place) as trace:
        trace.write(f"{_ABOUT}{json.dumps(msgspec.to_builtins(about))}\n".encode())
    return place


def end_trace(project: Project, stage: Stage) -> None:
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
    return None if is_working(project, about.run) else Leftover(about, read_trace(rest), ended)


def is_whole(project: Project, stage: Stage, left: Leftover) -> bool:
    """Whether all its commands succeeded, and its outputs are as they left them."""
    if left.trace.code != 0:
        return False
    try:
        return all(_changed(project.abs(output.path)) <= left.ended for output in stage.outs)
    except FileNotFoundError:
        return False


def _changed(path: str) -> int:
    """When something at a path was last written."""
    latest = os.stat(path).st_mtime_ns
    for folder, _, names in os.walk(path):
        latest = max(latest, os.lstat(folder).st_mtime_ns, *(os.lstat(os.path.join(folder, name)).st_mtime_ns for name in names))
    return latest


def _place(project: Project, stage: Stage) -> str:
    return os.path.join(project.state, "attempts", slug(stage.address))
