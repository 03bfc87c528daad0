"""The merge driver and destroy: dvx and DVC make the same of the same project."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.helpers import dvx, git, tree, write
from tests.interop.steps import Tool


def test_both_merge_a_folder_into_the_same_pointer(tools: Mapping[str, Tool], dvc_like: Path) -> None:
    versions = {}
    for name, files in (("base", "ab"), ("ours", "abc"), ("theirs", "bd")):
        shutil.rmtree(dvc_like / "d", ignore_errors=True)
        for letter in files:
            write(dvc_like / "d" / letter, letter * 3)
        dvx(dvc_like, "add", "d")
        versions[name] = (dvc_like / "d.dvc").read_bytes()
    results = {}
    for name, tool in tools.items():
        for version, data in versions.items():
            write(dvc_like / version, data)
        tool(dvc_like, "git-hook", "merge-driver", "--ancestor", "base", "--our", "ours", "--their", "theirs")
        results[name] = (dvc_like / "ours").read_bytes()
    assert results["dvx"] == results["dvc"] != versions["ours"]


def test_both_leave_the_same_when_they_are_taken_out(tools: Mapping[str, Tool], copy_of: Callable[[str], Path]) -> None:
    left = {}
    for name, tool in tools.items():
        folder = copy_of("dvc")
        tool(folder, "destroy", "--force")
        left[name] = tree(folder)
        shutil.rmtree(folder.parent)
    assert left["dvx"] == left["dvc"]


def test_attributes_for_one_tool_work_with_the_other(dvc: Tool, dvc_like: Path) -> None:
    dvc(dvc_like, "install")
    assert git(dvc_like, "config", "merge.dvc.name") == "DVC merge driver"
    shutil.rmtree(dvc_like / ".git/hooks")
    dvx(dvc_like, "install")
    assert git(dvc_like, "config", "merge.dvc.name") == "DVC merge driver"
    assert git(dvc_like, "config", "merge.dvc.driver").startswith("dvx git-hook merge-driver")
