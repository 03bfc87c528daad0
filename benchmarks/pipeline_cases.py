"""The cases about pipelines: how long it takes to find that nothing changed, and to run many short stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.cases import DVC, DVX, DVX_IN_DVC, Case, Goal
from benchmarks.lab import Lab, Tool
from benchmarks.measure import Side

_MANY, _TENFOLD = 300, 10
_FEW, _BASH, _SLEEP = "dvx, a tenth of the stages", "bash -c true, as often", "sleep 3"


def _groups(count: int) -> str:
    """Stages that copy a file, in chains of five, each with a parameter of its own."""
    lines = ["stages:\n"]
    for number in range(count):
        dep = f"out{number - 1}" if number % 5 else "source"
        lines.append(
            f"  s{number}:\n    cmd: cp {dep} out{number}\n    deps:\n    - {dep}\n    params:\n    - p{number}\n"
            f"    outs:\n    - out{number}\n"
        )
    return "".join(lines)


def _chain(count: int) -> str:
    """Stages that do nothing, one after the other."""
    lines = ["stages:\n"]
    for number in range(count):
        dep = f"out{number - 1}" if number else "source"
        lines.append(f"  s{number}:\n    cmd: 'true > out{number}'\n    deps:\n    - {dep}\n    outs:\n    - out{number}\n")
    return "".join(lines)


def _project(lab: Lab, tool: Tool, text: str, params: int = 1) -> Path:
    folder = lab.project("stages", tool)
    (folder / "params.yaml").write_text("".join(f"p{number}: {number}\n" for number in range(params)))
    (folder / "source").write_text("1\n")
    (folder / tool.pipeline).write_text(text)
    return folder


def _up_to_date(lab: Lab, tool: Tool, count: int) -> Side:
    folder = _project(lab, tool, _groups(count), count)
    lab.run((*tool.words, "repro"), folder)
    return Side((*tool.words, "repro"), lambda: folder)


def _nothing(lab: Lab) -> Mapping[str, Side]:
    return {side: _up_to_date(lab, tool, _MANY) for side, tool in ((DVX, lab.dvx), (DVX_IN_DVC, lab.dvx_in_dvc), (DVC, lab.dvc))}


def _nothing_of_many(lab: Lab) -> Mapping[str, Side]:
    return {
        DVX: _up_to_date(lab, lab.dvx, _MANY * _TENFOLD),
        _FEW: _up_to_date(lab, lab.dvx, _MANY),
    }


def _execute(lab: Lab) -> Mapping[str, Side]:
    def fresh(tool: Tool) -> Callable[[], Path]:
        return lambda: _project(lab, tool, _chain(_MANY))

    def side(tool: Tool) -> Side:
        return Side((*tool.words, "repro"), fresh(tool))

    loop = f"for i in $(seq {_MANY}); do bash -c true; done"
    return {
        DVX: side(lab.dvx),
        DVX_IN_DVC: side(lab.dvx_in_dvc),
        DVC: side(lab.dvc),
        _BASH: Side(("bash", "-c", loop), lambda: lab.folder),
    }


def _at_once(lab: Lab) -> Mapping[str, Side]:
    text = "stages:\n" + "".join(f"  s{number}: {{cmd: sleep 3, deps: [source]}}\n" for number in range(8))
    return {
        DVX: Side((*lab.dvx.words, "repro", "-j8"), lambda: _project(lab, lab.dvx, text)),
        _SLEEP: Side(("sleep", "3"), lambda: lab.folder),
    }


def _template(lab: Lab) -> Mapping[str, Side]:
    names = ", ".join(f"i{number}" for number in range(10_000))
    body = "foreach: ${names}\n    do:\n      cmd: echo ${item} > out-${item}\n      outs:\n      - out-${item}\n"
    folder = _project(lab, lab.dvx, f"vars:\n- names: [{names}]\nstages:\n  s:\n    {body}")
    return {
        DVX: Side((*lab.dvx.words, "stage", "list", "--names-only"), lambda: folder),
        "dvx, drawing them": Side((*lab.dvx.words, "dag", "--dot"), lambda: folder),
    }


PIPELINE_CASES = (
    Case(
        "repro-many",
        f"`repro` of {_MANY} stages, none changed",
        _nothing,
        (Goal(DVC, 0.07), Goal(DVC, ours=DVX_IN_DVC)),
        slow=True,
    ),
    Case(
        "repro-most",
        f"`repro` of {_MANY * _TENFOLD:,} stages, none changed",
        _nothing_of_many,
        (Goal(_FEW, 12),),
        slow=True,
        large=True,
    ),
    Case(
        "run-chain",
        f"`repro` that runs a chain of {_MANY} stages which do nothing",
        _execute,
        (Goal(DVC, 0.05), Goal(_BASH), Goal(DVC, ours=DVX_IN_DVC)),
        slow=True,
        warm=False,
        large=True,
    ),
    Case(
        "run-at-once",
        "`repro -j8` of 8 stages that sleep 3 s",
        _at_once,
        (Goal(_SLEEP, 4 / 3, wall=True),),
        slow=True,
        warm=False,
    ),
    Case("foreach", "`stage list` of 10,000 generated stages", _template, (Goal("dvx, drawing them"),), slow=True),
)
