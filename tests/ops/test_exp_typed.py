"""Facts about experiments that are typed in one folder and worked on in another, and about values typed together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write

PIPELINE = "stages:\n  s: {cmd: cat params.yaml > model.txt, params: [n], outs: [model.txt]}\n"


@pytest.fixture
def two(dialect_repo: Path) -> Path:
    """A repository whose root and folder `sub` have the same pipeline and the same parameters."""
    for folder in (dialect_repo, dialect_repo / "sub"):
        write(folder / "params.yaml", "n: 1\n")
        write(folder / dialect_of(dialect_repo).pipeline, PIPELINE)
    write(dialect_repo / "sub/other.yaml", "m: 1\n")
    commit_all(dialect_repo)
    return dialect_repo


@pytest.mark.parametrize("way", [(), ("--temp",), ("--queue",)])
@pytest.mark.parametrize(("below", "words", "changed", "ran"), [
    ("sub", ("-S", "n=5"), "sub/params.yaml", "sub/"),
    ("sub", ("-S", "./params.yaml:n=5", "s"), "sub/params.yaml", "sub/"),
    ("sub", ("-S", "../params.yaml:n=5", "../model.txt"), "params.yaml", ""),
    ("sub", ("-S", "other.yaml:m=5", "model.txt"), "sub/other.yaml", "sub/"),
    ("sub", ("-S", "n=5", "-R", "."), "sub/params.yaml", "sub/"),
    ("", ("-S", "sub/params.yaml:n=5", "sub/model.txt"), "sub/params.yaml", "sub/"),
    ("", ("-S", "./params.yaml:n=5"), "params.yaml", ""),
])  # fmt: skip
def test_what_was_typed_means_the_same_wherever_it_is_worked_on(
    two: Path, way: tuple[str, ...], below: str, words: tuple[str, ...], changed: str, ran: str
) -> None:
    assert dvx(two / below, "exp", "run", *way, "-n", "x", *words).code == 0
    if "--queue" in way:
        other = {"sub": "", "": "sub"}[below]
        assert dvx(two / other, "queue", "work", "--alone").code == 0
    commit = git(two, "for-each-ref", "--format=%(objectname)", "refs/exps/**/x").strip()
    lock = dialect_of(two).lock
    found = git(two, "diff", "--name-only", "HEAD", commit).split()
    assert [path for path in found if path.endswith((".yaml", ".lock"))] == sorted([changed, f"{ran}{lock}"])


def test_a_queued_value_is_shown_in_its_file(two: Path) -> None:
    dvx(two, "exp", "run", "--queue", "-n", "a", "-S", "./params.yaml:n=7")
    dvx(two / "sub", "exp", "run", "--queue", "-n", "b", "-S", "n=8")
    rows = {
        row["name"]: row["revs"][0]["data"]["params"]
        for row in json.loads(dvx(two, "exp", "show", "--json").out)[1]["experiments"]
    }
    seen = {name: {path: one["data"]["n"] for path, one in params.items()} for name, params in rows.items()}
    assert seen == {"a": {"params.yaml": 7, "sub/params.yaml": 1}, "b": {"params.yaml": 1, "sub/params.yaml": 8}}


@pytest.mark.parametrize("file", ["../../params.yaml", ".", "sub", "nope.yaml"])
def test_what_is_no_parameter_file_is_refused_when_it_is_typed(two: Path, file: str) -> None:
    for words in ((), ("--queue",), ("--temp",)):
        result = run_dvx(two / "sub", "exp", "run", *words, "-S", f"{file}:n=1")
        assert result.err.startswith("error: ")
        assert "no parameter file" in result.err or "outside" in result.err


def test_a_target_that_is_unknown_is_refused_when_it_is_queued(two: Path) -> None:
    assert "`nope` is no stage" in run_dvx(two, "exp", "run", "--queue", "nope").err
    write(two / "empty" / dialect_of(two).pipeline, "stages: {}\n")
    commit_all(two)
    dvx(two / "empty", "exp", "run", "--queue", "-n", "e")
    dvx(two, "queue", "work", "--alone")
    assert not (two / "model.txt").exists()


def test_one_value_may_make_way_for_another(two: Path) -> None:
    assert dvx(two, "exp", "run", "--queue", "-n", "r", "-S", "~n", "-S", "+n=5,6").code == 0
    assert run_dvx(two, "exp", "run", "--queue", "-S", "n=1,2", "-S", "+n=5").code != 0
    assert run_dvx(two, "exp", "run", "--queue", "-S", "~n", "-S", "+n=1,2", "-S", "nope=1").code != 0
    dvx(two, "queue", "work", "--alone")
    refs = git(two, "for-each-ref", "--format=%(refname)", "refs/exps").split()
    assert [git(two, "show", f"{ref}:params.yaml") for ref in sorted(refs)] == ['"n": 5', '"n": 6']


@pytest.mark.parametrize("way", [(), ("--temp",), ("--queue",)])
@pytest.mark.parametrize("setting", ["DVX_JOBS", "core.jobs", "-j"])
def test_as_many_stages_run_at_once_as_is_set(
    native: Path, monkeypatch: pytest.MonkeyPatch, way: tuple[str, ...], setting: str
) -> None:
    wait = "touch {}; for i in $(seq 100); do [ -e {} ] && break; sleep 0.05; done; [ -e {} ]"
    left, right = native.parent / "left", native.parent / "right"
    stages = {"a": wait.format(left, right, right), "b": wait.format(right, left, left)}
    write(
        native / "dvx.yaml", json.dumps({"stages": {name: {"cmd": cmd, "always_changed": True} for name, cmd in stages.items()}})
    )
    commit_all(native)
    if setting == "DVX_JOBS":
        monkeypatch.setenv("DVX_JOBS", "2")
    elif setting == "core.jobs":
        dvx(native, "config", "--local", "core.jobs", "2")
    assert dvx(native, "exp", "run", *way, "-n", "x", *(["-j", "2"] if setting == "-j" else [])).code == 0
    if "--queue" in way:
        dvx(native, "queue", "work", "--alone")
    assert git(native, "for-each-ref", "refs/exps/**/x") != ""
