"""ls: JSON, columns and trees of dvx and of DVC are the same, in the same project."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, write
from tests.interop.steps import Tool

COMMANDS = (
    (".", "--json"),
    (".", "-R", "--json"),
    (".", "-R", "-L", "2", "--json"),
    (".", "--json", "--rev", "HEAD"),
    (".", "-R", "--json", "--rev", "HEAD"),
    (".", "--dvc-only", "--json"),
    (".", "images", "--json"),
    (".", "-T", "--size", "--show-hash"),
    (".", "-R", "--size", "--show-hash", "--rev", "HEAD"),
)


@pytest.fixture
def project(copy_of: Callable[[str], Path]) -> Path:
    folder = copy_of("dvc")
    write(folder / "code/run.sh", "#!/bin/sh\n").chmod(0o755)
    (folder / "link").symlink_to("code/run.sh")
    (folder / "broken").symlink_to("nowhere")
    commit_all(folder)
    write(folder / "later/file", "x" * 2000)
    shutil.rmtree(folder / "images")
    write(folder / "images/new.png", "new")
    return folder


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_what_is_listed(project: Path, dvc: Tool, words: tuple[str, ...]) -> None:
    assert dvx(project, "ls", *words).out == dvc(project, "ls", *words).out


def test_what_is_listed_from_a_subfolder(project: Path, dvc: Tool) -> None:
    for words in ((".", "--json"), (".", "-R", "--dvc-only"), (".", "run.sh", "--json")):
        assert dvx(project / "code", "ls", *words).out == dvc(project / "code", "ls", *words).out
