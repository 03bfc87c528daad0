"""doctor and version: what they print, and the exit code."""

from __future__ import annotations

import platform
from importlib.util import find_spec
from pathlib import Path

import pytest

import dvx as package
from dvx.cli.upkeep.doctor import _WORDS
from dvx.model.upkeep.doctor import ProblemKind
from tests.helpers import dvx, run_dvx, write


def test_the_environment_is_printed_as_dvc_prints_it(native: Path) -> None:
    dvx(native, "remote", "add", "store", "../store")
    out = dvx(native, "doctor").out
    lines = out.splitlines()
    assert lines[:2] == [f"dvx version: {package.__version__}", "-" * len(f"dvx version: {package.__version__}")]
    assert lines[2].startswith(f"Platform: Python {platform.python_version()} on ")
    assert "Remotes: local" in lines
    assert "Repo: dvx, git" in lines
    assert dvx(native, "version").out == "".join(f"{line}\n" for line in lines if not line.startswith("note: "))


def test_version_works_everywhere(tmp_path: Path) -> None:
    assert "Repo:" not in dvx(tmp_path, "version").out
    assert dvx(tmp_path, "doctor").err == "Nothing is wrong in the set-up.\n"


def test_a_note_is_no_failure(native: Path) -> None:
    assert (
        "note: Git does not call dvx in hooks: post-checkout, pre-commit, pre-push -> run `dvx install`, if you want it to\n"
        in dvx(native, "doctor").out
    )


@pytest.fixture
def without_gcsfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that a kind of remote needs is not installed."""
    monkeypatch.setattr("dvx.store.remotes.support.find_spec", lambda module: None if module == "gcsfs" else find_spec(module))


@pytest.mark.usefixtures("without_gcsfs")
def test_what_is_broken_is_said_with_its_cure(dialect_repo: Path) -> None:
    dvx(dialect_repo, "remote", "add", "cloud", "gs://bucket/x")
    result = run_dvx(dialect_repo, "doctor")
    assert result.code == 1
    line = "broken: the remote `cloud` needs a package that is not installed -> run `pip install 'dvx-vc[gs]'`\n"
    assert line in result.out


@pytest.mark.usefixtures("without_gcsfs")
def test_json(dialect_repo: Path) -> None:
    dvx(dialect_repo, "remote", "add", "cloud", "gs://bucket/x")
    result = run_dvx(dialect_repo, "doctor", "--json")
    assert result.code == 1
    assert result.json["version"] == package.__version__
    assert result.json["remotes"] == ["gs"]
    assert {
        "kind": "package-missing",
        "problem": "the remote `cloud` needs a package that is not installed",
        "cure": "run `pip install 'dvx-vc[gs]'`",
        "broken": True,
    } in result.json["problems"]


def test_what_killed_commands_left_is_counted(native: Path) -> None:
    write(native / ".dvx/cache/tmp/0123456789abcdef/1", "")
    assert f"note: commands that were killed left 1 thing in `{native}/.dvx/cache/tmp` -> " in dvx(native, "doctor").out


def test_every_problem_has_words() -> None:
    assert set(_WORDS) == set(ProblemKind)
