"""Facts about experiments that run or failed: what they made is shown, and nothing that was there before."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import commit_all, dialect_of, dvx, run_dvx, write
from tests.ops.test_repro import until

PIPELINE = """\
stages:
  prepare:
    cmd: >-
      cp raw data; echo '{{"size": 1}}' > size.json
    deps: [raw]
    outs: [data]
    metrics: [{{size.json: {{cache: false}}}}]
  train:
    cmd: >-
      echo '{{"loss": 1}}' > loss.json; touch {notes}.began; while [ -e {notes}.hold ]; do sleep 0.02; done;
      ! grep -q 'lr. 13' params.yaml && cp params.yaml model
    deps: [data]
    params: [lr]
    outs: [model]
    metrics: [loss.json]
  evaluate:
    cmd: >-
      echo '{{"acc":'$(wc -c < model)'}}' > acc.json
    deps: [model]
    metrics: [{{acc.json: {{cache: false}}}}]
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
def repo(dialect_repo: Path, notes: Path) -> Path:
    """A pipeline that has run, so that values of the baseline lie about; a run with `lr: 13` fails in its second stage."""
    write(dialect_repo / "raw", "data\n")
    write(dialect_repo / "params.yaml", "lr: 1\n")
    write(dialect_repo / dialect_of(dialect_repo).pipeline, PIPELINE.format(notes=notes))
    dvx(dialect_repo, "repro")
    commit_all(dialect_repo)
    return dialect_repo


@contextmanager
def held(folder: Path, notes: Path, *words: str) -> Iterator[None]:
    """A command whose stage `train` is at work."""
    hold = Path(f"{notes}.hold")
    hold.touch()
    Path(f"{notes}.began").unlink()
    with subprocess.Popen(["dvx", *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(Path(f"{notes}.began").exists)
            yield
        finally:
            hold.unlink()
            process.wait()


def unfinished(folder: Path) -> dict[str, Any]:
    [one] = [one for one in json.loads(dvx(folder, "exp", "show", "--json").out)[1]["experiments"] if one["executor"]]
    data: dict[str, Any] = one["revs"][0]["data"]
    return data


def check(folder: Path) -> None:
    """The experiment has the metrics of `prepare` and no other."""
    data = unfinished(folder)
    assert data["metrics"] == {"size.json": {"data": {"size": 1}}}
    assert data["params"]["params.yaml"]["data"] == {"lr": 13}
    assert [data["deps"][path]["hash"] is not None for path in ("raw", "data", "model")] == [True, False, False]
    assert [data["outs"][path]["hash"] is not None for path in ("data", "model")] == [True, False]
    rows = list(csv.DictReader(io.StringIO(dvx(folder, "exp", "show", "--csv", "--sort-by", "acc").out)))
    [row] = [row for row in rows if row["State"]]
    assert (row["size"], row["loss"], row["acc"], row["lr"]) == ("1", "", "", "13")
    assert rows[-1] == row
    dvx(folder, "exp", "show", "--html", "-o", "page")
    page = (folder / "page/experiments.html").read_text()
    document = json.JSONDecoder().raw_decode(page, page.index("const DATA = ") + len("const DATA = "))[0]
    names = [column["name"] for column in document["columns"]]
    [shown] = [dict(zip(names, one["values"], strict=True)) for one in document["rows"] if one["state"]]
    assert (shown["size"], shown["loss"], shown["acc"]) == (1, None, None)


@pytest.mark.parametrize("way", [(), ("--temp",)])
def test_a_failed_experiment_has_what_its_stages_made(repo: Path, way: tuple[str, ...]) -> None:
    assert run_dvx(repo, "exp", "run", *way, "-n", "w", "-S", "lr=13").code != 0
    check(repo)


@pytest.mark.parametrize("way", [(), ("--temp",)])
def test_a_running_experiment_has_what_its_stages_made(repo: Path, notes: Path, way: tuple[str, ...]) -> None:
    with held(repo, notes, "exp", "run", *way, "-n", "w", "-S", "lr=13"):
        check(repo)


def test_a_queued_experiment_has_made_nothing(repo: Path) -> None:
    dvx(repo, "exp", "run", "--queue", "-n", "w", "-S", "lr=13")
    data = unfinished(repo)
    assert (data["metrics"], list(data["deps"]), list(data["outs"])) == ({}, ["raw"], [])


def test_what_an_earlier_try_made_is_the_next_ones_too(repo: Path) -> None:
    write(repo / "raw", "other\n")
    for _ in range(2):
        assert run_dvx(repo, "exp", "run", "-n", "w", "-S", "lr=13").code != 0
    for one in json.loads(dvx(repo, "exp", "show", "--json").out)[1]["experiments"]:
        assert list(one["revs"][0]["data"]["metrics"]) == ["size.json"]
