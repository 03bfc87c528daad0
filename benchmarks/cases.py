"""The cases: what is compared with what, and how good it should be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.lab import Lab, Tool
from benchmarks.measure import Side

DVX, DVX_IN_DVC, DVC, COPY, TYPER = "dvx", "dvx in a DVC repository", "DVC", "cp -r", "python -c 'import typer'"


@dataclass(frozen=True, slots=True)
class Goal:
    """CPU time of `ours` is to be at most `limit` times that of `peer`; without a limit the ratio is only shown.

    With `wall` it is wall time that counts; with `memory`, the peak of `ours` is to stay below that many bytes, too.
    """

    peer: str
    limit: float | None = None
    ours: str = DVX
    memory: int | None = None
    wall: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One piece of work, done by several sides; `slow` ones get fewer rounds, `warm` ones an unmeasured first run.

    `large` ones, which take minutes to set up, are measured when they are named.
    """

    name: str
    work: str
    setup: Callable[[Lab], Mapping[str, Side]]
    goals: tuple[Goal, ...]
    slow: bool = False
    warm: bool = True
    large: bool = False


def _tiny(lab: Lab, tool: Tool, *command: str) -> Side:
    folder = lab.project("tiny", tool)
    (folder / "data.csv").write_text("a,b\n1,2\n")
    lab.run((*tool.words, "add", "data.csv"), folder)
    return Side((*tool.words, *command), lambda: folder)


def _typer(lab: Lab) -> Side:
    return Side((sys.executable, "-c", "import typer"), lambda: lab.folder / "home")


def _status_tiny(lab: Lab) -> Mapping[str, Side]:
    return {
        DVX: _tiny(lab, lab.dvx, "status"),
        DVX_IN_DVC: _tiny(lab, lab.dvx_in_dvc, "status"),
        DVC: _tiny(lab, lab.dvc, "status"),
        TYPER: _typer(lab),
    }


def _help(lab: Lab) -> Mapping[str, Side]:
    return {DVX: _tiny(lab, lab.dvx, "--help"), DVC: _tiny(lab, lab.dvc, "status"), TYPER: _typer(lab)}


def _add(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        return Side((*tool.words, "add", "data"), lambda: lab.with_sample(tool))

    return {DVX: side(lab.dvx), DVX_IN_DVC: side(lab.dvx_in_dvc), DVC: side(lab.dvc), COPY: _copy(lab)}


def _status(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        return Side((*tool.words, "status"), lambda: lab.with_tracked_sample(tool))

    return {DVX: side(lab.dvx), DVX_IN_DVC: side(lab.dvx_in_dvc), DVC: side(lab.dvc)}


def _checkout(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        def without_data() -> Path:
            folder = lab.with_tracked_sample(tool)
            (folder / "data").rename(lab.fresh("away"))
            return folder

        return Side((*tool.words, "checkout"), without_data)

    return {DVX: side(lab.dvx), DVX_IN_DVC: side(lab.dvx_in_dvc), DVC: side(lab.dvc), COPY: _copy(lab)}


def _copy(lab: Lab) -> Side:
    def new_folder() -> Path:
        folder = lab.fresh("copied")
        folder.mkdir()
        return folder

    return Side(("cp", "-r", str(lab.sample()), "data"), new_folder)


def _repro(lab: Lab) -> Mapping[str, Side]:
    def side(tool: Tool) -> Side:
        folder = lab.project("stages", tool)
        (folder / "params.yaml").write_text("".join(f"p{number}: {number}\n" for number in range(lab.sizes.stages)))
        (folder / "source").write_text("1\n")
        (folder / tool.pipeline).write_text("stages:\n" + "".join(map(_stage, range(lab.sizes.stages))))
        lab.run((*tool.words, "repro"), folder)
        return Side((*tool.words, "repro"), lambda: folder)

    return {DVX: side(lab.dvx), DVX_IN_DVC: side(lab.dvx_in_dvc), DVC: side(lab.dvc)}


def _stage(number: int) -> str:
    # every fifth stage begins a chain of its own: neither one line nor all apart
    dependency = f"out{number - 1}" if number % 5 else "source"
    return (
        f"  s{number}:\n    cmd: cp {dependency} out{number}\n    deps:\n    - {dependency}\n"
        f"    params:\n    - p{number}\n    outs:\n    - out{number}\n"
    )


CASES = (
    Case(
        "status-tiny",
        "`status` of a repository with one tracked file",
        _status_tiny,
        (Goal(DVC, 0.15), Goal(TYPER, 2), Goal(DVC, ours=DVX_IN_DVC)),
    ),
    Case("help", "`--help`, against DVC's `status`", _help, (Goal(DVC, 0.15), Goal(TYPER, 2))),
    Case(
        "add",
        "`add` of {files:,} files of {bytes:,} bytes",
        _add,
        (Goal(DVC, 0.2), Goal(COPY, 3), Goal(DVC, ours=DVX_IN_DVC)),
        slow=True,
        warm=False,
    ),
    Case(
        "status",
        "`status` of these {files:,} files, unchanged",
        _status,
        (Goal(DVC, 0.15), Goal(DVC, ours=DVX_IN_DVC)),
        slow=True,
    ),
    Case(
        "checkout",
        "`checkout` of these {files:,} files into nothing",
        _checkout,
        (Goal(DVC, 0.2), Goal(COPY, 2.5), Goal(DVC, ours=DVX_IN_DVC)),
        slow=True,
        warm=False,
    ),
    Case(
        "repro",
        "`repro` of {stages:,} stages, none changed",
        _repro,
        (Goal(DVC, 0.15), Goal(DVC, ours=DVX_IN_DVC)),
        slow=True,
    ),
)
