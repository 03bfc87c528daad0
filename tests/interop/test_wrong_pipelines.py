"""Pipeline files that are wrong: what one tool refuses, the other does, and what both can still tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.helpers import commit_all, run_dvx, write
from tests.interop.steps import Tool

Tools = Mapping[str, Tool]
TABS = [
    "stages:\n  a:\n    cmd:\tx\n",
    "stages:\n  a:\n    cmd: x\t\n",
    "stages:\n  a:\n    cmd: x\n    deps:\t[y]\n",
    "stages:\n  a:\n    cmd: x y\tz\n",
    "stages:\n  a:\n    cmd: x\n\t\n",
    "stages:\n  a:\n    cmd: x\t# why\n",
    "stages:\n\ta:\n\t  cmd: x\n",
]
TABS_TAKEN = [
    "stages:\n  a:\n    cmd: |\n      \tx\n      y\tz\n",
    "stages:\n  a:\n    cmd: 'x\ty'\n    deps: [\ty,\n\t z\t]\n",
    "stages:\n  a:\n    cmd: x #\twhy\n#\t\n",
]
SHAPES = [
    "plots: {a.csv: {x: b}}\n",
    "plots: [{}]\n",
    "plots: [{a.csv: {x: [b, c]}}]\n",
    "plots: [{a.csv: {x: {b.csv: [c]}}}]\n",
    "plots: [{a.csv: {y: 1}}]\n",
    "plots: [{a.csv: {y: {b.csv: null}}}]\n",
]
SHAPES_TAKEN = [
    "plots: [a.csv, {b: null}]\n",
    "plots: [{a.csv: {x: c, y: [d, e]}}, {f: {x: {b.csv: c}, y: {a.csv: [d, e], b.csv: f}}}]\n",
]


@pytest.fixture
def project(repo: Path, tools: Tools) -> Path:
    tools["dvc"](repo, "init")
    return repo


@pytest.mark.parametrize("text", TABS + SHAPES)
def test_both_refuse(project: Path, dvc_any: Tool, text: str) -> None:
    write(project / "dvc.yaml", text)
    assert [run(project, "stage", "list").code != 0 for run in (dvc_any, run_dvx)] == [True, True]


@pytest.mark.parametrize("text", TABS_TAKEN + SHAPES_TAKEN)
def test_both_take(project: Path, dvc_any: Tool, text: str) -> None:
    write(project / "dvc.yaml", text)
    listed = [run(project, "stage", "list") for run in (dvc_any, run_dvx)]
    assert [one.code for one in listed] == [0, 0]
    assert listed[1].out == listed[0].out


@pytest.mark.parametrize(
    "text",
    [
        "stages:\n  a: {cmd: echo > o, outs: [o]}\n  b: {cmd: echo > o, outs: [o]}\n",
        "stages:\n  a: {cmd: echo > o, deps: [o], outs: [o]}\n  b: {cmd: echo > p, outs: [p]}\n",
        "stages:\n  a: {cmd: echo > o, deps: [p], outs: [o]}\n  b: {cmd: echo > p, deps: [o], outs: [p]}\n",
        "stages:\n  a: {cmd: echo > o, outs: [o]}\n  b: {cmd: echo > o/p, outs: [o/p]}\n",
        "stages:\n  a: {cmd: echo > f, outs: [f]}\n  b: {cmd: echo > p, outs: [p]}\n",
    ],
)
def test_status_answers_where_stages_do_not_go_together(project: Path, tools: Tools, dvc_any: Tool, text: str) -> None:
    write(project / "f", "x")
    tools["dvc"](project, "add", "f")
    write(project / "dvc.yaml", text)
    commit_all(project)
    for words in (("status", "--json"), ("status", "b", "--json")):
        asked = [json.loads(tools[name](project, *words).out) for name in ("dvc", "dvx")]
        assert asked[1] == asked[0] != {}
    assert [run(project, "repro").code != 0 for run in (dvc_any, run_dvx)] == [True, True]
    said = run_dvx(project, "status").err
    assert said.startswith("note: the ")
    assert "; " in said


def test_status_of_nothing_says_that_nothing_is_tracked_yet(project: Path, tools: Tools) -> None:
    line = "There are no data or pipelines tracked in this project yet."
    for text in ("", "stages: {}\n", "vars: [{a: 1}]\n"):
        write(project / "dvc.yaml", text)
        for name in ("dvc", "dvx"):
            result = tools[name](project, "status")
            assert line in result.out + result.err, name
            assert tools[name](project, "status", "--json").json == {}
    assert "`dvx add`" in run_dvx(project, "status").err
    assert run_dvx(project, "status", "-q").err == ""
