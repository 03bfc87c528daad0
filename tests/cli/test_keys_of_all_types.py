"""Facts about users' mappings whose keys are numbers, null, booleans and text side by side: all that sorts them has an order."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from dvx.model.canonical import ordered
from tests.helpers import commit_all, dialect_of, run_dvx, write

KEYS = (
    "0: cat\nlr: 1\nnull: x\ntrue: y\n1.5: z\n2020-01-01: d\n.inf: i\n.nan: n\nnested: {1: a, b: c, ~: {2: 3, x: 4}, .NaN: 5}\n"
)
PIPELINE = """\
stages:
  s:
    cmd: cp src.yaml m.yaml; cp src.yaml p.yaml
    deps: [src.yaml]
    params:
    - params.yaml:
    metrics: [m.yaml]
    plots: [p.yaml]
vars: [{v: {1: a, b: c, ~: d}}]
"""
COMMANDS = [
    "status --json",
    "params diff --json",
    "explain s --json",
    "metrics show --json",
    "repro",
    "metrics diff --json",
    "exp run -S 0=7",
    "exp run --temp -S nested.b=9",
    "exp run --queue -S lr=4",
    "exp show --csv",
    "exp show --json",
    "exp diff --json",
    "plots show --json",
    "exp save -n z",
    "params diff HEAD --all",
    "repro --dry",
    "commit -f",
    "queue status",
]


def test_what_has_no_order_is_ordered_by_its_text() -> None:
    assert ordered([3, 1.5, 2]) == [1.5, 2, 3]
    assert ordered(["b", "a"]) == ["a", "b"]
    found = {tuple(map(repr, ordered(keys))) for keys in permutations([None, True, 2, "b", 1.5])}
    assert found == {("1.5", "2", "'b'", "None", "True")}


def test_every_command_takes_them(dialect_repo: Path) -> None:
    for name in ("params.yaml", "src.yaml"):
        write(dialect_repo / name, KEYS)
    write(dialect_repo / dialect_of(dialect_repo).pipeline, PIPELINE)
    assert run_dvx(dialect_repo, "repro").code == 0
    assert run_dvx(dialect_repo, "status", "--json").json == {}
    commit_all(dialect_repo)
    for name in ("params.yaml", "src.yaml"):
        write(dialect_repo / name, KEYS.replace("cat", "dog").replace("2: 3", "2: 5"))
    for command in COMMANDS:
        result = run_dvx(dialect_repo, *command.split())
        assert (command, result.code, "bug" in result.err) == (command, 0, False), result.err


@pytest.mark.parametrize("key", ["? [1, 2]\n: x", "? {a: b}\n: x"])
def test_a_key_of_several_values_is_named(dialect_repo: Path, key: str) -> None:
    write(dialect_repo / "params.yaml", f"{KEYS}{key}\n")
    write(dialect_repo / "src.yaml", "a: 1\n")
    write(dialect_repo / dialect_of(dialect_repo).pipeline, PIPELINE)
    result = run_dvx(dialect_repo, "repro")
    assert result.code
    assert "params.yaml:10:3: error: a key must be a single value" in result.err
