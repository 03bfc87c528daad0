"""status --cloud: dvx says what DVC says of the same cache and remote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.helpers import commit_all, git, write
from tests.interop.steps import Tool

COMMANDS = (
    ("--cloud",),
    ("--remote", "storage"),
    ("--cloud", "data"),
    ("--cloud", "data/a"),
    ("--cloud", "lost", "kept"),
    ("--cloud", "--recursive", "deep"),
    ("--cloud", "--all-branches"),
    ("--cloud", "--all-tags"),
    ("--cloud", "--all-commits"),
    ("--cloud", "--with-deps", "train"),
)


def make(folder: Path, dvc: Tool) -> None:
    """Data that is in both stores, in one of them, and in none; in the workspace, a branch and a tag."""
    work = folder / "work"
    work.mkdir(parents=True)
    git(work, "init", "--quiet")
    dvc(work, "init")
    dvc(work, "remote", "add", "--default", "storage", "../../remote")
    for name in ("data/a", "data/b", "kept", "gone", "lost", "deep/down/file"):
        write(work / name, name + "\n")
    dvc(work, "add", "data", "kept", "gone", "lost", "deep/down/file")
    stage = "{cmd: cat kept lost > model, deps: [kept, lost], outs: [model]}"
    write(work / "dvc.yaml", f"stages:\n  train: {stage}\n")
    dvc(work, "repro")
    commit_all(work, "first")
    git(work, "tag", "v1")
    dvc(work, "push", "kept", "gone")
    write(work / "data/a", "changed\n")
    dvc(work, "add", "data")
    commit_all(work, "second")
    for name in ("gone", "lost"):
        digest = hashlib.md5(f"{name}\n".encode(), usedforsecurity=False).hexdigest()
        (work / ".dvc/cache/files/md5" / digest[:2] / digest[2:]).unlink()


@pytest.fixture
def work(shared: Callable[[str, Callable[[Path], None]], Path], dvc: Tool) -> Path:
    """Used in place: nothing here changes it."""
    return shared("cloud", lambda folder: make(folder, dvc)) / "work"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_json_is_that_of_dvc(work: Path, tools: Mapping[str, Tool], words: tuple[str, ...]) -> None:
    said = {name: json.loads(tool(work, "status", "--json", *words).out) for name, tool in tools.items()}
    assert said["dvx"] == said["dvc"]
    assert said["dvc"]


def test_lines_are_those_of_dvc(work: Path, tools: Mapping[str, Tool]) -> None:
    for words in COMMANDS[:2]:
        said = {name: tool(work, "status", *words).out for name, tool in tools.items()}
        assert sorted(said["dvx"].splitlines()) == sorted(said["dvc"].splitlines())
