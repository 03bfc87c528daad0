"""Plots as both tools define and fill them, by value."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import commit_all, git, write
from tests.interop.steps import Tool

Tools = Mapping[str, Tool]
PIPELINE = """\
stages:
  s:
    cmd: 'true'
    plots:
    - a.csv: {cache: false, x: epoch, y: loss, title: Loss}
    - plain.tsv: {cache: false}
    - bare.csv: {cache: false, header: false, y: '1'}
    - imgs: {cache: false}
    - table.json: {cache: false, template: scatter, x: u.v, y: w, x_label: right, y_label: up}
plots:
- log.json: {x: step, y: [loss, acc]}
- c.csv: {x: actual, y: predicted, template: confusion}
- norm:
    x: actual
    y: {c.csv: predicted}
    template: confusion_normalized
- both:
    x: epoch
    y: {a.csv: [loss, acc]}
- files:
    y: {a.csv: loss, logs/b.csv: loss}
    template: simple
- joined:
    x: {logs/b.csv: epoch}
    y: {a.csv: acc}
- bars:
    x: acc
    y: {a.csv: epoch}
    template: bar_horizontal_sorted
- jitter:
    x: epoch
    y: {a.csv: acc, logs/b.csv: loss}
    template: scatter_jitter
- logs
- missing.csv
- wrong:
    y: {a.csv: nofield}
- empty.csv
- nested.yaml
"""


def make(folder: Path, dvc: Tool) -> None:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    dvc(folder, "init")
    chance = random.Random(1)
    rows = [(number, round(1 / (number + 1), 3), number / 20) for number in range(12)]
    table = "epoch,loss,acc\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows)
    write(folder / "a.csv", table)
    write(folder / "logs/b.csv", table)
    write(folder / "logs/inner/c.csv", "x,y\n1,2\n2,3\n")
    write(folder / "plain.tsv", "one\ttwo\n1\t2\n3\t4\n")
    write(folder / "bare.csv", "1,2\n3,4\n")
    write(folder / "empty.csv", "")
    write(folder / "nested.yaml", "outer:\n  rows:\n  - {p: 1, q: 2}\n  - {p: 2, q: 4}\n")
    write(folder / "table.json", json.dumps({"rows": [{"u.v": n, "w": n * n} for n in range(5)]}))
    write(folder / "log.json", json.dumps([{"step": a, "loss": b, "acc": c} for a, b, c in rows]))
    write(folder / "c.csv", "actual,predicted\n" + "".join(f"{chance.choice('ab')},{chance.choice('ab')}\n" for _ in range(30)))
    for number in (1, 2):
        write(folder / f"imgs/{number}.svg", f"<svg xmlns='http://www.w3.org/2000/svg' width='{number}'/>")
    write(folder / "dvc.yaml", PIPELINE)
    commit_all(folder)
    write(folder / "a.csv", table.replace("0.5", "0.7"))
    write(folder / "imgs/1.svg", "<svg xmlns='http://www.w3.org/2000/svg' width='9'/>")


@pytest.fixture
def repo(shared: Callable[[str, Callable[[Path], None]], Path], tools: Tools, tmp_path: Path) -> Path:
    original = shared("plots", lambda folder: make(folder / "work", tools["dvc"]))
    return Path(shutil.copytree(original / "work", tmp_path / "work", symlinks=True))


def asked(repo: Path, tool: Tool, *words: str) -> Any:
    document = json.loads(tool(repo, "plots", *words).out)
    for one in document.get("errors", ()):
        # what a field lacks is told the same way, but DVC's class is its own
        one.pop("type")
    return document


@pytest.mark.parametrize(
    "words",
    [
        "show --json",
        "show --json --split",
        "diff HEAD --json",
        "diff HEAD --json --split",
        "show a.csv --json -x acc -y epoch --title T --x-label X --y-label Y -t linear",
        "show logs --json",
        "show lo --json",
        "diff HEAD --targets both files --json",
        "show bare.csv --no-header -y 0 --json",
    ],
)
def test_both_fill_the_same(repo: Path, tools: Tools, words: str) -> None:
    seen = [asked(repo, tools[name], *words.split(), "-o", "out") for name in ("dvc", "dvx")]
    assert list(seen[1]["data"]) == list(seen[0]["data"])
    for name, expected in seen[0]["data"].items():
        assert seen[1]["data"][name] == expected, name
    assert seen[1].get("errors") == seen[0].get("errors")


def test_both_have_the_same_templates(repo: Path, tools: Tools) -> None:
    names = [tools[name](repo, "plots", "templates").out for name in ("dvc", "dvx")]
    assert names[0] == names[1]
    for name in names[0].split():
        assert (
            tools["dvx"](repo, "plots", "templates", name).out.split()
            == tools["dvc"](repo, "plots", "templates", name).out.split()
        )


def test_both_print_the_same_specification(repo: Path, tools: Tools) -> None:
    seen = [json.loads(tools[name](repo, "plots", "show", "both", "--show-vega").out) for name in ("dvc", "dvx")]
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "words", ["a.csv -t scatter -y acc", "a.csv --unset title x", "imgs --title Pictures", "plain.tsv -x one --x-label right"]
)
def test_both_write_the_same_properties(repo: Path, tools: Tools, tmp_path: Path, words: str) -> None:
    texts = []
    for name in ("dvc", "dvx"):
        folder = Path(shutil.copytree(repo, tmp_path / name, symlinks=True))
        tools[name](folder, "plots", "modify", *words.split())
        document = tools["dvx"](folder, "stage", "list", "--json").out
        texts.append(json.loads(document))
    for stages in texts:
        for stage in stages:
            stage["outs"].sort(key=lambda one: one["path"])
    assert texts[0] == texts[1]
