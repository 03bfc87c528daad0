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
# what a quick run tries of each scenario: a kill and each of the errors, in one dialect
_FEW = 1 + len(ERRORS)
# but of these it kills at every point, and lets `add` fail at every point
_WHOLE = ("add", "checkout", "push", "pull", "repro", "exp run")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which trials there are is a matter of `--all-points`."""
    if "kind" not in metafunc.fixturenames or "sabotage" in metafunc.fixturenames:
        return
    rows = []
    for number, (name, scenario) in enumerate(SCENARIOS.items()):
        if metafunc.config.getoption("--all-points", default=False):
            rows += [(name, dialect, "kill") for dialect in scenario.dialects]
            rows += [(name, scenario.dialects[0], error) for error in ERRORS]
        else:
            rows.append((name, scenario.dialects[number % len(scenario.dialects)], "sample"))
    if not metafunc.config.getoption("--all-points", default=False):
        rows += [(name, SCENARIOS[name].dialects[number % 2], "kill") for number, name in enumerate(_WHOLE)]
        rows.append(("add", "dvx", "each"))
    metafunc.parametrize(("scenario", "dialect", "kind"), rows)


def trials(tmp_path: Path, scenario: str, dialect: str, kind: str, *choice: object) -> dict[str, Any]:
    """Run trials of a scenario; `choice` is the most points that are tried (0: all) and a sabotage."""
    words = [str(tmp_path / "faults"), scenario, dialect, kind, *map(str, choice)]
    command = [sys.executable, "-m", "tests.faults.driver", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_killed_or_failed_at_any_point_a_command_loses_nothing(
    tmp_path: Path, count: Count, scenario: str, dialect: str, kind: str
):
    report = trials(tmp_path, scenario, dialect, kind, _FEW if kind == "sample" else 0)
    assert report["wrong"] == [], "\n".join(report["wrong"][:10])
    assert report["points"] > 0
    told = {"kill": "killed", "sample": "killed or failed at some points", "each": "killed or failed"}
    words = told.get(kind, f"{kind}, passing and lasting")
    count(f"{scenario} ({dialect}): {words}", report["points"])


@pytest.mark.parametrize(
    ("sabotage", "scenario", "kind", "found"),
    [
        ("write in place", "add", "kill", "half-written"),
        ("name before bytes", "add", "kill", "nowhere"),
        ("delete instead of trash", "checkout -f", "kill", "lost"),
        ("ignore a full disk", "add", "ENOSPC", "hashes to"),
        ("keep temporary files", "add", "EIO", "left behind"),
    ],
)
def test_the_trials_find_deliberate_violations(tmp_path: Path, sabotage: str, scenario: str, kind: str, found: str):
    # at each point: a violation may show at few of them, and which these are moves with what the command does
    wrong = trials(tmp_path, scenario, "dvx", kind, 0, sabotage)["wrong"]
    assert any(found in problem for problem in wrong), wrong
