"""Which parameters count: those of stages, of the default file, and what templates take of other files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.helpers import commit_all, write
from tests.interop.steps import Tool

Tools = Mapping[str, Tool]
VALUES = "x: 1\ny: 2\nz: 3\nw: {q: 1, r: 2}\n"


@pytest.mark.parametrize(
    ("pipeline", "shown"),
    [
        ("vars: [c.yaml]\nstages:\n  a:\n    cmd: echo ${x}\n    params: [{c.yaml: [y]}]\n", {"y"}),
        ("stages:\n  a:\n    vars: [c.yaml]\n    cmd: echo ${x}\n    params: [{c.yaml: [y]}]\n", {"y"}),
        ("vars: [c.yaml]\nstages:\n  a:\n    cmd: echo ${x}\n  b:\n    cmd: x\n    params: [{c.yaml: [z]}]\n", {"z"}),
        ("vars: [c.yaml]\nstages:\n  a:\n    cmd: echo ${x}\n  b:\n    cmd: echo ${z}\n", {"x", "z"}),
        ("vars: [c.yaml]\nstages:\n  a:\n    cmd: echo ${x}\n    params: [p]\n", {"x"}),
        ("vars: [c.yaml]\nparams: [c.yaml]\nstages:\n  a:\n    cmd: echo ${x}\n", {"x", "y", "z", "w.q", "w.r"}),
    ],
)
def test_both_show_the_same(repo: Path, tools: Tools, pipeline: str, shown: set[str]) -> None:
    tools["dvc"](repo, "init")
    for name, text in (("c.yaml", VALUES), ("params.yaml", "p: 1\nq: 2\n"), ("dvc.yaml", pipeline)):
        write(repo / name, text)
    commit_all(repo)
    write(repo / "c.yaml", VALUES.translate({ord(digit): f"1{digit}" for digit in "123"}))
    for words in (("params", "diff", "--json"), ("params", "diff", "--deps", "--json")):
        assert tools["dvx"](repo, *words).json == tools["dvc"](repo, *words).json, words
    assert set(tools["dvx"](repo, "params", "diff", "--json").json["c.yaml"]) == shown
    params = [tools[name](repo, "exp", "show", "--json").json[0]["data"]["params"] for name in ("dvc", "dvx")]
    assert params[1] == params[0]
