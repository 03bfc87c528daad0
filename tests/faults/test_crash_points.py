"""Killed or failed at any mutation, a command loses nothing, tells what is wrong, and ends in the same state when run again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import ERRORS
from tests.faults.scenarios import SCENARIOS
from tests.helpers import ROOT

Count = Callable[[str, int], None]
# the dialect in which even a quick run tries every point
_THOROUGH = {name: ("dvx", "dvc")[number % 2] for number, name in enumerate(sorted(SCENARIOS))}
_STEP = 7
_ERROR_STEP = 6


def trials(tmp_path: Path, scenario: str, dialect: str, kind: str, *choice: object) -> dict[str, Any]:
    """Run trials of a scenario; `choice` is the first point, the step and a sabotage."""
    words = [str(tmp_path / "faults"), scenario, dialect, kind, *map(str, choice)]
    command = [sys.executable, "-m", "tests.faults.driver", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def _clean(report: dict[str, Any]) -> int:
    assert report["wrong"] == [], "\n".join(report["wrong"][:10])
    assert report["points"] > 0
    return int(report["points"])


@pytest.mark.parametrize("dialect", ["dvx", "dvc"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_at_every_point(tmp_path: Path, all_points: bool, count: Count, scenario: str, dialect: str):
    step = 1 if all_points or _THOROUGH[scenario] == dialect else _STEP
    points = _clean(trials(tmp_path, scenario, dialect, "kill", 1, step))
    count(f"{scenario} ({dialect}): killed" + ("" if step == 1 else f" at each {step}th point"), points)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_error_is_survived_and_named(tmp_path: Path, all_points: bool, count: Count, scenario: str):
    if all_points:
        for error in ERRORS:
            count(f"{scenario} (dvx): {error}, passing and lasting", _clean(trials(tmp_path / error, scenario, "dvx", error)))
    else:
        step = 1 if scenario == "add" else _ERROR_STEP
        points = _clean(trials(tmp_path, scenario, "dvx", "errors", 1, step))
        count(f"{scenario} (dvx): errors in turn" + ("" if step == 1 else f" at each {step}th point"), points)


@pytest.mark.parametrize(
    ("sabotage", "scenario", "kind", "found"),
    [
        ("write in place", "add", "kill", "half-written"),
        ("delete instead of trash", "checkout -f", "kill", "lost"),
        ("ignore a full disk", "add", "ENOSPC", "hashes to"),
        ("keep temporary files", "add", "EIO", "left behind"),
    ],
)
def test_the_trials_find_deliberate_violations(tmp_path: Path, sabotage: str, scenario: str, kind: str, found: str):
    # at each point: a violation may show at few of them, and which these are moves with what the command does
    wrong = trials(tmp_path, scenario, "dvx", kind, 1, 1, sabotage)["wrong"]
    assert any(found in problem for problem in wrong), wrong
