"""Data that DVC imported from elsewhere: dvx reads its pointers, restores it and leaves it alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.helpers import commit_all, git, tree, write
from tests.interop.steps import Tool


def make(folder: Path, dvc: Tool) -> None:
    """`work` holds imports from the repository `source`, from files and from nowhere yet."""
    source, work = folder / "source", folder / "work"
    for place in (source, work):
        place.mkdir(parents=True)
        git(place, "init", "--quiet")
        dvc(place, "init")
    write(source / "tracked/a", "1\n")
    write(source / "tracked/b", "2\n")
    write(source / "plain.txt", "from Git\n")
    dvc(source, "add", "tracked")
    commit_all(source, "source")
    git(source, "tag", "v1")
    write(folder / "outside/file.txt", "outside\n")
    write(work / "inside.txt", "inside\n")
    dvc(work, "import", "../source", "tracked", "--rev", "v1", "-o", "imported")
    dvc(work, "import", "../source", "plain.txt")
    dvc(work, "import-url", folder / "outside/file.txt", "copied.txt")
    dvc(work, "import-url", folder / "outside", "copied")
    dvc(work, "import-url", "inside.txt", "again.txt")
    dvc(work, "import-url", "--no-download", folder / "outside/file.txt", "later.txt")
    dvc(work, "unfreeze", "again.txt.dvc")
    stage = "{cmd: cat imported/a copied.txt > used, deps: [imported, copied.txt], outs: [used]}"
    write(work / "dvc.yaml", f"stages:\n  use: {stage}\n")
    dvc(work, "repro", "use")
    commit_all(work, "imports")


@pytest.fixture
def work(shared: Callable[[str, Callable[[Path], None]], Path], dvc: Tool) -> Path:
    """Used in place: pointers hold absolute paths, and no test changes what is recorded."""
    return shared("imports", lambda folder: make(folder, dvc)) / "work"


def test_status_is_that_of_dvc(work: Path, tools: Mapping[str, Tool]) -> None:
    said = {name: json.loads(tool(work, "status", "--json").out) for name, tool in tools.items()}
    assert said["dvx"] == said["dvc"]
    assert list(said["dvc"]) == ["later.txt.dvc"]


def test_what_is_gone_comes_back_from_the_cache(work: Path, tools: Mapping[str, Tool]) -> None:
    before = tree(work, skip=(".git", ".dvc"))
    for name in ("imported/a", "plain.txt", "copied.txt", "copied/file.txt", "again.txt", "used"):
        (work / name).unlink()
    tools["dvx"](work, "checkout", "imported", "plain.txt", "copied.txt", "copied", "again.txt", "used")
    assert tree(work, skip=(".git", ".dvc")) == before


def test_repro_runs_nothing(work: Path, tools: Mapping[str, Tool]) -> None:
    before = tree(work, skip=(".git", ".dvc"))
    tools["dvx"](work, "repro", "use")
    assert tree(work, skip=(".git", ".dvc")) == before
    assert git(work, "status", "--porcelain") == ""
