"""What a command costs, and what one side costs in terms of another."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_TAIL = 2000


class CommandFailed(Exception):
    """A measured command did not succeed, so that its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command cost: seconds of CPU (user and system, with all descendants), seconds, bytes at the peak."""

    cpu: float
    wall: float
    memory: int


@dataclass(frozen=True, slots=True)
class Side:
    """One of the commands that a case compares; `prepare` returns the folder to run it in and is not measured."""

    words: Sequence[str]
    prepare: Callable[[], Path]


@dataclass(frozen=True, slots=True)
class Ratio:
    """Our cost in units of a peer's: medians over the rounds."""

    cpu: float
    wall: float
    memory: float


def cost(words: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Cost:
    """Run a command and measure it.

    Raises:
        CommandFailed: it returned something else than 0.
    """
    log = folder.parent / "output.log"
    with log.open("wb") as out:
        start = time.perf_counter()
        process = subprocess.Popen(words, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = log.read_text(errors="replace")[-_TAIL:]
        raise CommandFailed(f"`{' '.join(words)}` ended with {process.returncode}\n{said}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * unit)


def alternate(sides: Mapping[str, Side], environ: Mapping[str, str], rounds: int, *, warm: bool) -> dict[str, list[Cost]]:
    """Measure all sides in turn, `rounds` times; `warm` runs each once before, unmeasured."""
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for number in range(-int(warm), rounds):
        for name, side in sides.items():
            folder = side.prepare()
            # or what the other sides wrote would be charged to the first that asks for durability
            os.sync()
            seen = cost(side.words, folder, environ)
            if number >= 0:
                costs[name].append(seen)
    return costs


def ratio(ours: Sequence[Cost], theirs: Sequence[Cost]) -> Ratio:
    """The medians of the ratios of each round, so that a machine that slows down slows both."""
    rounds = list(zip(ours, theirs, strict=True))
    return Ratio(
        median(one.cpu / other.cpu for one, other in rounds),
        median(one.wall / other.wall for one, other in rounds),
        median(one.memory / other.memory for one, other in rounds),
    )
