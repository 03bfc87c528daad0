"""Facts about overrides that stand for several values."""

from __future__ import annotations

from typing import Any

import pytest

from dvx.errors import UsageError
from dvx.model.experiments.sweep import combine, parse_sweep


def values(text: str) -> list[Any]:
    return [one.value for one in parse_sweep(f"k={text}", "params.yaml")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", [1]),
        ("1,2", [1, 2]),
        ("a, b c ,'d,e'", ["a", "b c", "d,e"]),
        ("[1,2],[3]", [[1, 2], [3]]),
        ("[1,2]", [[1, 2]]),
        ("choice(1, two, 3.0)", [1, "two", 3.0]),
        ("choice([a,b],{c:1})", [["a", "b"], {"c": 1}]),
        ("choice(one)", ["one"]),
        ("range(3)", [0, 1, 2]),
        ("range(1,4)", [1, 2, 3]),
        ("range(1,10,3)", [1, 4, 7]),
        ("range(3,0,-1)", [3, 2, 1]),
        ("range(0,0.3,0.1)", [0.0, 0.1, 0.2]),
        ("range(start=1,stop=3)", [1, 2]),
        ("range(1,stop=7,step=2)", [1, 3, 5]),
    ],
)
def test_a_text_stands_for_values(text: str, expected: list[Any]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "interval(0,1)",
        "choice()",
        "range()",
        "range(a)",
        "range(1,2,0)",
        "range(1e9)",
        "range(1,0)",
        "choice(1",
        "choice(1)x",
        "glob(*)",
    ],
)
def test_what_is_no_sweep_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        values(text)


def test_prefixes_and_files_hold_for_each_value() -> None:
    found = parse_sweep("p.json:++a.b=1,2", "params.yaml")
    assert [(one.path, one.name, one.op.value, one.value) for one in found] == [
        ("p.json", "a.b", "++", 1),
        ("p.json", "a.b", "++", 2),
    ]
    assert [one.op.value for one in parse_sweep("~a", "params.yaml")] == ["~"]


def test_combinations_change_the_last_first() -> None:
    rows = combine([parse_sweep("a=1,2", "p"), parse_sweep("b=x,y", "p")])
    assert [[one.value for one in row] for row in rows] == [[1, "x"], [1, "y"], [2, "x"], [2, "y"]]
    with pytest.raises(UsageError, match="more than"):
        combine([parse_sweep("a=range(1000)", "p")] * 2)
