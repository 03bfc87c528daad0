"""Metrics, params and plots that only a remote has: both tools fetch them to show them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import Result, commit_all, git, run_as_anybody, run_dvx, write
from tests.interop.steps import Tool

Tools = Mapping[str, Tool]
PIPELINE = """\
stages:
  s:
    cmd: sh make.sh
    deps: [make.sh]
    outs: [par.yaml]
    metrics: [m.json, d]
    plots: [p.csv, pl]
  t:
    cmd: 'true'
    params:
    - par.yaml: [z]
"""
SCRIPT = """\
mkdir -p d/deep pl
echo '{{"a": {0}}}' > m.json
echo '{{"b": {0}}}' > d/deep/n.json
printf 'x,y\\n1,{0}\\n' > p.csv
printf 'x,y\\n2,{0}\\n' > pl/q.csv
echo 'z: {0}' > par.yaml
"""


def make(folder: Path, dvc: Tool) -> None:
    """Two commits whose outputs only the remote `store` has."""
    work = folder / "work"
    work.mkdir()
    git(work, "init", "--quiet")
    dvc(work, "init")
    # DVC seeks relative ones of earlier commits elsewhere
    dvc(work, "remote", "add", "-d", "store", folder / "store")
    write(work / "dvc.yaml", PIPELINE)
    for number in (1, 2):
        write(work / "make.sh", SCRIPT.format(number))
        dvc(work, "repro")
        commit_all(work, str(number))
        dvc(work, "push")
    strip(work)


def strip(work: Path) -> None:
    """Leave of the outputs only what is recorded."""
    shutil.rmtree(work / ".dvc/cache")
    git(work, "clean", "-ffdxq", "-e", "/.dvc")


@pytest.fixture
def lean(shared: Callable[[str, Callable[[Path], None]], Path], tools: Tools, tmp_path: Path) -> Path:
    original = shared("values-at-remotes", lambda folder: make(folder, tools["dvc"]))
    return Path(shutil.copytree(original, tmp_path / "made", symlinks=True)) / "work"


@pytest.mark.parametrize(
    "words",
    [
        "metrics show",
        "metrics show d m.json",
        "metrics diff HEAD~1",
        "metrics diff HEAD~1 HEAD",
        "params diff HEAD~1",
        "exp show -n 2",
        "exp diff HEAD~1 HEAD",
        "plots show -o out",
        "plots diff HEAD~1 HEAD -o out",
        "plots show p.csv -o out",
    ],
)
def test_both_fetch_what_they_show(lean: Path, tools: Tools, words: str) -> None:
    seen = {}
    for name in ("dvc", "dvx"):
        seen[name] = json.loads(tools[name](lean, *words.split(), "--json").out)
        shutil.rmtree(lean / ".dvc/cache", ignore_errors=True)
    assert "error" not in seen["dvc"]
    assert seen["dvx"] == seen["dvc"]
    assert git(lean, "status", "--short") == ""
    assert not (lean / "m.json").exists()


@pytest.mark.parametrize("words", ["metrics show", "plots show -o out"])
def test_without_a_remote_both_name_what_is_lacking(lean: Path, tools: Tools, words: str) -> None:
    tools["dvc"](lean, "remote", "remove", "store")
    said = {name: errors_of(json.loads(tools[name](lean, *words.split(), "--json").out)) for name in ("dvc", "dvx")}
    assert {"m.json", "p.csv"} & said["dvx"].keys() == {"m.json", "p.csv"} & said["dvc"].keys() != set()
    assert said["dvx"].items() >= {name: kind for name, kind in said["dvc"].items() if name in ("m.json", "p.csv")}.items()


def errors_of(document: Any) -> dict[str, str]:
    if "" in document:
        return {path: one["error"]["type"] for path, one in document[""]["data"].items() if "error" in one}
    return {one["source"]: one["type"] for one in document["errors"]}


@pytest.fixture
def alone(shared: Callable[[str, Callable[[Path], None]], Path], tools: Tools, tmp_path: Path) -> Path:
    """The same, and the remote is gone."""

    def make_alone(folder: Path) -> None:
        make(folder, tools["dvc"])
        (folder / "store").rename(folder / "elsewhere")

    original = shared("values-at-lost-remotes", make_alone)
    return Path(shutil.copytree(original / "work", tmp_path / "alone", symlinks=True))


@pytest.mark.parametrize("words", ["metrics diff HEAD~1 HEAD", "params diff HEAD~1", "exp diff HEAD~1"])
def test_what_could_not_be_read_is_not_equal(alone: Path, words: str) -> None:
    for result in (run_dvx(alone, *words.split(), "--json"), run_dvx(alone, *words.split())):
        assert result.code != 0
        assert "could not be compared" in result.err
        assert result.err.count("does not exist; is its disk mounted?") == 1
    found = run_dvx(alone, *words.split(), "--json").out
    assert found == "" or set(json.loads(found)) == {"metrics", "params"}


def test_a_missing_file_is_said_once_with_the_way_out(alone: Path) -> None:
    drawn = run_dvx(alone, "plots", "diff", "HEAD~1", "-t", "linear")
    assert lines(drawn, "p.csv") == ["workspace, HEAD~1: `p.csv` is not in the cache"]
    assert drawn.err.count("hint:") == 1
    shown = run_dvx(alone, "metrics", "show")
    assert lines(shown, "m.json") == ["workspace: `m.json` is not in the cache"]
    assert "hint: run `dvx pull` to get what a remote has of it" in shown.err
    table = run_dvx(alone, "exp", "show", "-n", "2")
    first = git(alone, "rev-parse", "HEAD~1")[:7]
    assert lines(table, "par.yaml") == [f"workspace, main, {first}: `par.yaml` is not in the cache"]
    assert table.err.count("hint: run `dvx fetch --all-commits`") == 1


def lines(result: Result, word: str) -> list[str]:
    return [line for line in result.err.splitlines() if f"`{word}`" in line]


def test_large_outputs_are_not_fetched_to_be_shown(lean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dvx.ops.transfer.on_demand.LARGEST", 5)
    shown = run_dvx(lean, "plots", "show", "--json", "-o", "out")
    assert set(errors_of(shown.json)) == {"p.csv", "pl"}
    assert not list((lean / ".dvc").glob("cache/files/md5/*/*"))


def test_what_is_in_the_workspace_is_shown_although_the_cache_lacks_it(alone: Path) -> None:
    write(alone / "m.json", '{"a": 7}')
    write(alone / "d/n.json", '{"b": 8}')
    shown = run_dvx(alone, "metrics", "show", "--json")
    assert (shown.err, list(shown.json[""]["data"])) == ("", ["m.json", "d/n.json"])


def test_a_repository_that_cannot_be_written_to_is_told_of(lean: Path) -> None:
    (lean / ".dvc").chmod(0o555)
    shown = run_as_anybody(lean, "dvx", "metrics", "show", "--json")
    assert shown.code == 0
    assert "note: what is not in the cache could not be fetched: the cache cannot be written: Permission denied: " in shown.err
    assert shown.json[""]["data"]["m.json"]["error"]["type"] == "FileNotFoundError"


def test_what_is_not_asked_of_running_experiments_is_no_matter_of_values(lean: Path, tools: Tools) -> None:
    words = ["exp", "show", "--no-fetch", "-n", "2", "--json"]
    shown = {name: json.loads(tool(lean, *words).out) for name, tool in tools.items()}
    values = {name: [row["data"]["metrics"]["m.json"]["data"]["a"] for row in rows] for name, rows in shown.items()}
    assert values["dvx"] == values["dvc"] == [2, 2, 1]
