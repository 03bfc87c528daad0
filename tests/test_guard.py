"""The hermetic fixtures do what they say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.guard import WriteOutside
from tests.helpers import ROOT, git


def test_a_write_outside_the_tests_folder_is_refused() -> None:
    with pytest.raises(WriteOutside):
        (ROOT / "stray").write_text("x")
    with pytest.raises(WriteOutside):
        (ROOT / "stray").mkdir()
    with pytest.raises(WriteOutside):
        os.rename(ROOT / "README.md", ROOT / "README.txt")
    assert not (ROOT / "stray").exists()
    assert (ROOT / "README.md").exists()


def test_a_write_through_a_link_that_leaves_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(ROOT)
    with pytest.raises(WriteOutside):
        (tmp_path / "out" / "stray").write_text("x")
    (tmp_path / "file").symlink_to(ROOT / "README.md")
    with pytest.raises(WriteOutside):
        (tmp_path / "file").write_text("x")


def test_a_write_in_the_tests_folder_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    assert (tmp_path / "x").read_text() == "x"


def test_home_and_git_are_the_tests_own(home: Path, repo: Path) -> None:
    assert Path.home() == home
    assert git(repo, "config", "user.email") == "ada@example.org"
    assert git(repo, "config", "--show-origin", "user.email").startswith(f"file:{home}")
    assert git(repo, "symbolic-ref", "HEAD") == "refs/heads/main"


def test_no_foreign_variable_survives(home: Path) -> None:
    foreign = [name for name in os.environ if name.startswith(("GIT_", "DVC_", "DVX_", "AWS_", "XDG_"))]
    values = {os.environ[name] for name in foreign if not os.environ[name].startswith(str(home))}
    assert values <= {"1", "0", "true"}
