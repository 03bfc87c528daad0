"""What was measured, as a table, as JSON and as docs/performance.md."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import dvx
from benchmarks.cases import Case, Goal
from benchmarks.lab import Lab
from benchmarks.measure import Cost, Ratio, ratio

HEADERS = ("work", "compared", "CPU", "goal", "met", "wall", "memory", "CPU seconds", "date")


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: a goal of a case and what came out."""

    case: str
    work: str
    goal: Goal
    ratio: Ratio
    ours: tuple[Cost, ...]
    theirs: tuple[Cost, ...]
    date: str = ""

    @property
    def figure(self) -> float:
        """The ratio that the goal is about."""
        return self.ratio.wall if self.goal.wall else self.ratio.cpu

    @property
    def met(self) -> bool | None:
        """None for a comparison without a goal."""
        if self.goal.limit is None:
            return None
        is_small = self.goal.memory is None or max(cost.memory for cost in self.ours) <= self.goal.memory
        return self.figure <= self.goal.limit and is_small


def rows(case: Case, lab: Lab, costs: dict[str, list[Cost]]) -> list[Row]:
    """The comparisons of one case."""
    work = case.work.format(**asdict(lab.sizes))
    return [
        Row(case.name, work, goal, ratio(costs[goal.ours], costs[goal.peer]), tuple(costs[goal.ours]), tuple(costs[goal.peer]))
        for goal in case.goals
    ]


def table(found: Sequence[Row], style: str) -> str:
    """All rows for people; `style` is one of tabulate's."""
    from tabulate import tabulate

    return tabulate([_cells(row) for row in found], HEADERS, tablefmt=style, disable_numparse=True)


def kept(place: Path, found: Sequence[Row]) -> list[Row]:
    """The latest rows of all cases: those of this run, and what earlier runs left in the file at `place`, which is updated."""
    before = json.loads(place.read_text()) if place.exists() else []
    measured = {row.case for row in found}
    today = dt.datetime.now(dt.UTC).date().isoformat()
    rows = [one for one in before if one["case"] not in measured] + [{**asdict(row), "date": today} for row in found]
    place.write_text(json.dumps(rows, indent=1) + "\n")
    return [_row(one) for one in rows]


def _row(one: dict[str, Any]) -> Row:
    costs = {side: tuple(Cost(**cost) for cost in one[side]) for side in ("ours", "theirs")}
    return Row(one["case"], one["work"], Goal(**one["goal"]), Ratio(**one["ratio"]), costs["ours"], costs["theirs"], one["date"])


def data(found: Sequence[Row], lab: Lab) -> dict[str, Any]:
    """All rows and the machine for programs."""
    return {"machine": machine(lab), "rows": [{**asdict(row), "met": row.met} for row in found]}


def page(found: Sequence[Row], lab: Lab) -> str:
    """The text of docs/performance.md."""
    facts = "\n".join(f"| {name} | {value} |" for name, value in machine(lab).items())
    failed = [row for row in found if row.met is False]
    count = sum(row.met is not None for row in found)
    verdict = "".join([f"{count - len(failed)} of {count} goals are met" + (":\n" if failed else ""), *map(_shortfall, failed)])
    return _PAGE.format(table=table(found, "github"), machine=facts, many=lab.sizes.many, verdict=verdict)


_PAGE = """\
# Performance

This page is written by `make bench ARGS=--write`, from real runs; do not edit it. Each case was measured on the day that
stands beside it, all its sides in the same run.

{table}

A figure is a ratio: what dvx takes, in units of what the other takes; "CPU seconds" are the medians of both.

{verdict}

## How it is measured
All sides do the same work on the same files in the same run, in turn (up to {many} rounds, fewer of the slow ones, one of the
slowest: `benchmarks/figures.json` has each), with their default settings; each figure is the median of the ratios of the
rounds. The measure is CPU time, user and system, of the command and all its descendants, since that is what a busy machine
changes least; wall time and peak memory stand beside it. Where the goal says so, it is about wall time. S3 is a SeaweedFS
server on the same machine; for large files it keeps its data in memory, and need not save memory, or its disk and its
collector would be what is measured.
`--help`, `status` and `repro` run once before they are measured; `add` and `checkout` start from nothing each time. "dvx" is a
repository made by `dvx init`; "dvx in a DVC repository" works on DVC's own format and MD5.

## Where
| | |
|---|---|
{machine}
"""


def machine(lab: Lab) -> dict[str, str]:
    """Where and with what it was measured."""
    file_system = lab.run(("df", "--output=fstype", "."), lab.folder).split()[-1]
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": f"{_processor()}, {os.cpu_count()} logical cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "file system": file_system,
        "Python": platform.python_version(),
        "Git": lab.run(("git", "version"), lab.folder).split()[-1],
        "dvx": dvx.__version__,
        "DVC": lab.run((*lab.dvc.words, "--version"), lab.folder).strip(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return subprocess.run(("uname", "-p"), capture_output=True, text=True, check=False).stdout.strip()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _cells(row: Row) -> tuple[str, ...]:
    goal = row.goal
    limit = "" if goal.limit is None else f"<= {goal.limit:g}x{' wall' if goal.wall else ''}"
    limit += "" if goal.memory is None else f", {goal.memory // 10**6} MB"
    met = {None: "", True: "yes", False: "no"}[row.met]
    seconds = f"{median(cost.cpu for cost in row.ours):.2f} / {median(cost.cpu for cost in row.theirs):.2f}"
    compared = f"{goal.ours} / {goal.peer}"
    return (
        row.work,
        compared,
        f"{row.ratio.cpu:.3g}x",
        limit,
        met,
        f"{row.ratio.wall:.3g}x",
        f"{row.ratio.memory:.3g}x",
        seconds,
        row.date,
    )


# what profiles show of the cases that miss a goal
_WHY = {
    "add": "The kernel takes as long as for `cp -r`, which makes as many files; the rest is Python's part of each file: a walk,"
    " a hash, a row of statistics, a name.",
    "checkout": "Seven system calls a file, as `cp -r` makes, which alone takes half of this; the rest is Python's part of each"
    " file, and a twentieth the start.",
    "add-again": "Each object is looked at again, so that no `gc` that runs at the same time takes it, and each file's"
    " statistics are looked up: three quarters of the time.",
    "add-large": "`cp` copies inside the kernel, and nobody sees the bytes; to read and hash them costs nearly as much again"
    " where all is in memory. On a busy disk the writing of both decides, and the ratio goes from 1.07 to 5.",
    "add-large-hardlink": "The start, and reading in pieces of a megabyte, so that a changing file is caught.",
    "status-tiny": "Python and typer alone take two thirds of it.",
    "help": "Python and typer alone take nine tenths of it.",
    "status": "A quarter is the start; the rest goes to comparing the statistics of all files.",
    "push-s3": "Each object is hashed before it is sent, and packs are hashed once more.",
    "push-again": "Python and typer alone take a third of it, the other libraries a sixth.",
    "push-one": "The start, and the libraries that speak S3, take most of it.",
    "push-large": "The server takes two thirds of both cores, whoever pushes; the rest goes to the hash of each file, which DVC"
    " does not look at again, and of each part.",
    "pull-large": "Each byte is hashed before it gets a name, which DVC leaves out, on two cores that serve as well.",
    "switch": "A fifth is the start; the rest goes to comparing the statistics of all files with those that were kept.",
}


def _shortfall(row: Row) -> str:
    assert row.goal.limit is not None
    over = row.figure / row.goal.limit
    peak = max(cost.memory for cost in row.ours) // 10**6
    return (
        f"\n- not met: {row.work}, {row.figure:.3g}x {row.goal.peer}, {over:.1f} times the goal of {row.goal.limit:g}x"
        f" ({peak} MB at the peak). {_WHY.get(row.case, '')}"
    ).rstrip()
