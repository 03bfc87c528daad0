"""Folders in folders, deeper than Python calls functions."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvx.store import files
from dvx.store.files import naming
from tests.helpers import commit_all, dvx, write

# a walk that calls itself for each level needs more calls than are allowed here; to make and remove real depths takes minutes
DEPTH, CALLS = 400, 300


@pytest.fixture
def deep(native: Path) -> Iterator[Path]:
    """A project with a folder of many levels, of which the last holds a file."""
    make(native / "data")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + CALLS)
    yield native
    sys.setrecursionlimit(before)
    for place in ("data", "other", "copy"):
        files.remove_tree(str(native / place))


def make(top: Path) -> None:
    os.mkdir(top)
    folder = os.open(top, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir("d", dir_fd=folder)
        below = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(os.open("f", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    os.close(folder)


def last(top: Path) -> str:
    return os.path.join(top, *["d"] * DEPTH, "f")


def test_commands_take_folders_of_any_depth(deep: Path) -> None:
    dvx(deep, "add", "data")
    commit_all(deep)
    dvx(deep, "unprotect", "data")
    dvx(deep, "destroy", "--force")
    assert os.path.isfile(last(deep / "data"))


def test_a_deep_folder_is_moved_to_another_file_system(deep: Path) -> None:
    (deep / "data" / "link").symlink_to("d")
    os.chmod(deep / "data/d", 0o750)
    naming._move_across(str(deep / "data"), str(deep / "copy"))
    assert os.path.isfile(last(deep / "copy"))
    assert os.readlink(deep / "copy/link") == "d"
    assert (deep / "copy/d").stat().st_mode & 0o777 == 0o750
    assert not (deep / "data").exists()


def test_a_walk_is_that_of_the_standard_library(tmp_path: Path) -> None:
    for path in ("a/b/c", "a/d", "e/f/g", "h"):
        write(tmp_path / path, "x")
    (tmp_path / "e/back").symlink_to("..")
    (tmp_path / "nothing").symlink_to("gone")
    assert list(files.walk_folders(str(tmp_path))) == list(os.walk(tmp_path))
    assert {one[0] for one in files.walk_upward(str(tmp_path))} == {one[0] for one in os.walk(tmp_path)}
    for folder, below, _ in files.walk_folders(str(tmp_path)):
        assert folder != str(tmp_path / "a")
        below[:] = [name for name in below if name != "a"]
    told: list[OSError] = []
    assert list(files.walk_folders(str(tmp_path / "gone"), told.append)) == []
    assert len(told) == 1
    assert sorted(files.files_in(str(tmp_path / "a"))) == [str(tmp_path / "a/b/c"), str(tmp_path / "a/d")]
    assert list(files.files_in(str(tmp_path / "h"))) == [str(tmp_path / "h")]
