"""Experiments that are pushed as soon as they are recorded, as by DVC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.helpers import git
from tests.interop.steps import Tool

Left = tuple[list[str], bool]


@pytest.fixture
def left(copy_of: Callable[[str], Path], tools: Mapping[str, Tool], tmp_path: Path) -> Callable[[str], Left]:
    """What a tool leaves at a Git remote and at the one for data: the names of experiments, and whether there are runs."""

    def get(name: str) -> Left:
        folder = copy_of(name)
        hub = tmp_path / f"hub-{name}"
        git(tmp_path, "init", "--quiet", "--bare", hub)
        git(folder, "remote", "add", "team", hub)
        tools[name](folder, "config", "exp.auto_push", "true")
        tools[name](folder, "config", "exp.git_remote", "team")
        tools[name](folder, "exp", "run", "-n", "one", "-S", "seed=8", "-s", "prepare")
        tools[name](folder, "exp", "save", "-n", "two", "--force")
        refs = git(hub, "for-each-ref", "--format=%(refname:lstrip=4)", "refs/exps").split()
        return sorted(ref.rpartition("/")[2] for ref in refs), (folder.parent / "store/runs").exists()

    return get


def test_both_tools_push_the_same(left: Callable[[str], Left]) -> None:
    assert left("dvx") == left("dvc") == (["one", "two"], True)
