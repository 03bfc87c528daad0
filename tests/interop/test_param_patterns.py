"""Keys of params that are patterns: both tools record, compare and show the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.helpers import commit_all, run_dvx, write
from tests.interop.steps import Tool

Tools = Mapping[str, Tool]
PARAMS = """\
grp: {ab: 1, z: 3}
x: 5
d: {e: {k: 9}, f: {k: 3, j: 4}}
l: [1, {q: 2}]
"""


@pytest.fixture
def project(repo: Path, tools: Tools) -> Path:
    tools["dvc"](repo, "init")
    write(repo / "p.yaml", PARAMS)
    return repo


def declare(repo: Path, *keys: str) -> None:
    write(repo / "dvc.yaml", f"stages:\n  a:\n    cmd: cp p.yaml o\n    outs: [o]\n    params: [{{p.yaml: {list(keys)}}}]\n")


def test_both_record_the_same(project: Path, tools: Tools) -> None:
    declare(project, "grp.ab*", "grp.[!z]b", "d.*.j", "**.ab", "d.e.*", "l.1.*", "[x]")
    locks = []
    for name in ("dvc", "dvx"):
        tools[name](project, "repro", "--force")
        locks.append((project / "dvc.lock").read_text())
    assert locks[0] == locks[1]
    assert "'**.ab': 1\n" in locks[0]
    for name in ("dvc", "dvx"):
        assert "up to date" in tools[name](project, "status").out + tools[name](project, "status").err
    commit_all(project)
    write(project / "p.yaml", PARAMS.replace("ab: 1", "ab: 7").replace("z: 3", "z: 8").replace("x: 5", "x: 6"))
    for words in (("params", "diff", "--json"), ("params", "diff", "--deps", "--json"), ("status", "--json")):
        assert tools["dvx"](project, *words).json == tools["dvc"](project, *words).json, words


@pytest.mark.parametrize(("keys", "shown"), [(["grp.*"], {"grp.ab", "grp.z"}), (["d.*.k", "x"], {"d.e.k", "d.f.k", "x"})])
def test_what_fits_several_is_shown_and_does_not_run(
    project: Path, tools: Tools, dvc_any: Tool, keys: list[str], shown: set[str]
) -> None:
    declare(project, *keys)
    commit_all(project)
    write(project / "p.yaml", PARAMS.translate({ord(digit): f"1{digit}" for digit in "123459"}))
    changed = [tools[name](project, "params", "diff", "--deps", "--json").json for name in ("dvc", "dvx")]
    assert changed[1] == changed[0]
    assert changed[0]["p.yaml"].keys() == shown
    assert dvc_any(project, "repro").code != 0
    refused = run_dvx(project, "repro")
    assert (refused.code != 0, (project / "dvc.lock").exists()) == (True, False)
    assert f"`p.yaml` has no `{keys[0]}`" in refused.err
    assert "hint: a pattern has to fit exactly one parameter" in refused.err
