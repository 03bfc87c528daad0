"""A file that does not load stops the commands that need it, and no others: in both tools."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, git, run_dvx, write
from tests.interop.steps import Tool

GOOD = """\
stages:
  a:
    cmd: cp in.txt out.txt
    deps: [in.txt]
    outs: [out.txt]
  m:
    cmd: echo '{"acc":1}' > m.json
    params: [p.yaml: [lr]]
    metrics: [m.json: {cache: false}]
"""
BROKEN = {
    "a template": ("bad/dvc.yaml", "stages:\n  x:\n    cmd: echo ${nope} > x\n    outs: [x]\n"),
    "the syntax": ("bad/dvc.yaml", "stages: [\n"),
    "a schema": ("bad/dvc.yaml", "stages:\n  x: {cmd: [], nope: 1}\n"),
    "a pointer": ("bad/x.dvc", "outs:\n- path: x\n  nope: [\n"),
    "a lock": ("bad/dvc.lock", "schema: '9.0'\nstages: []\n"),
}
# commands that go on in both tools
GO_ON = (
    "stage list good/dvc.yaml",
    "stage list --all",
    "stage list -R good",
    "status good/dvc.yaml",
    "status good/dvc.yaml:a",
    "freeze good/dvc.yaml:a",
    "unfreeze good/dvc.yaml:a",
    "repro -s good/dvc.yaml:a",
    "commit -f good/dvc.yaml:a",
    "commit data.csv.dvc",
    "checkout data.csv.dvc",
    "checkout good/dvc.yaml:a",
    "remove data.csv.dvc",
    "remove good/dvc.yaml:a",
    "unprotect data.csv",
)
# commands that need all files in both
STOP = ("status", "status bad/dvc.yaml:x", "checkout", "dag", "repro good/dvc.yaml", "data status", "stage list --all --fail")


@pytest.fixture
def project(shared: Callable[[str, Callable[[Path], None]], Path], tools: Mapping[str, Tool], tmp_path: Path) -> Path:
    """Committed, with changes afterwards."""

    def make(folder: Path) -> None:
        git(folder, "init", "--quiet")
        tools["dvc"](folder, "init")
        write(folder / "good/dvc.yaml", GOOD)
        write(folder / "good/in.txt", "1\n")
        write(folder / "good/p.yaml", "lr: 1\n")
        write(folder / "params.yaml", "lr: 1\n")
        write(folder / "data.csv", "data\n")
        write(folder / "bad/.keep", "")
        tools["dvc"](folder, "add", "data.csv")
        tools["dvc"](folder, "repro", "good/dvc.yaml")
        commit_all(folder)
        write(folder / "good/in.txt", "22\n")
        write(folder / "good/p.yaml", "lr: 2\n")
        write(folder / "params.yaml", "lr: 2\n")

    made = shared("broken-files", make)
    return Path(shutil.copytree(made, tmp_path / "project", symlinks=True))


def files_of(folder: Path) -> dict[Path, bytes]:
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {path: place.read_bytes() for path, place in found.items() if path.parts[0] not in (".git", ".dvc")}


def breaks(folder: Path, kind: str) -> None:
    write(folder / BROKEN[kind][0], BROKEN[kind][1])


@pytest.mark.parametrize("words", GO_ON)
def test_what_does_not_need_it_goes_on(project: Path, dvc: Tool, tmp_path: Path, words: str) -> None:
    breaks(project, "a template")
    theirs = Path(shutil.copytree(project, tmp_path / "theirs", symlinks=True))
    expected = dvc(theirs, *words.split())
    result = dvx(project, *words.split())
    assert result.err.count("`nope` is not defined") == 1
    if words.startswith(("stage list", "status")):
        assert result.out == expected.out
    assert files_of(project) == files_of(theirs)


@pytest.mark.parametrize("words", STOP)
def test_what_needs_it_stops(project: Path, dvc_any: Tool, words: str) -> None:
    breaks(project, "a template")
    assert dvc_any(project, *words.split()).code == run_dvx(project, *words.split()).code != 0


@pytest.mark.parametrize("kind", BROKEN)
def test_whatever_is_wrong(project: Path, kind: str) -> None:
    breaks(project, kind)
    for words in ("stage list good/dvc.yaml", "stage list -R good", "status data.csv", "metrics show"):
        result = dvx(project, *words.split())
        assert BROKEN[kind][0] in result.err, words
    assert run_dvx(project, "status").code == 1


def test_a_pipeline_file_that_is_not_there_is_no_matter_of_others(project: Path, dvc_any: Tool) -> None:
    breaks(project, "a template")
    assert dvc_any(project, "stage", "list").code == 255
    result = run_dvx(project, "stage", "list")
    assert result.code == 255
    assert "there is no `dvc.yaml` here" in result.err


def test_a_target_that_the_broken_file_may_declare_is_not_called_unknown(project: Path) -> None:
    breaks(project, "a template")
    for target in ("bad/x", "bad/dvc.yaml:x", "bad/dvc.yaml"):
        assert "`nope` is not defined" in run_dvx(project, "status", target).err
    write(project / "bad2.dvc", "outs: [\n")
    assert "bad2.dvc" in run_dvx(project, "checkout", "bad2").err.splitlines()[0]


def test_a_stage_whose_lock_does_not_load_is_left_alone(project: Path) -> None:
    lock = "schema: '9.0'\nstages: []\n"
    write(project / "good/dvc.lock", lock)
    for words in (("status", "good/dvc.yaml:a"), ("commit", "-f", "good/dvc.yaml:a"), ("repro", "-s", "good/dvc.yaml:a")):
        result = run_dvx(project, *words)
        assert result.code != 0
        assert "good/dvc.lock" in result.err
    assert (project / "good/dvc.lock").read_text() == lock


def test_values_that_can_be_read_are_shown(project: Path, dvc: Tool) -> None:
    breaks(project, "a template")
    assert dvx(project, "metrics", "show").out.splitlines()[-1] == "good/m.json  1"
    # DVC goes on, but knows no value of the workspace then
    assert "good/p.yaml  lr       1       -" in dvc(project, "params", "diff").out
    told = dvx(project, "params", "diff")
    assert "could not read all of the workspace" in told.err
    assert "good/p.yaml  lr       1       2" in told.out
    assert "params.yaml  lr       1       2" in told.out
