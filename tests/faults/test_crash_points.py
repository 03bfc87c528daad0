"""Killed or failed at any mutation, a command loses nothing, tells what is wrong, and ends in the same state when run again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import ERRORS
from tests.faults.scenarios import SCENARIOS
from tests.helpers import ROOT

Count = Callable[[str, int], None]
Trials = Callable[..., dict[str, Any]]
# what a quick run tries of each scenario: a kill and each of the errors, in one dialect
_FEW = 1 + len(ERRORS)
# but of these it kills at each of these many points, evenly spread, and lets `add` fail at as many
_MOST = 15
_CUT = ("add", "commit", "checkout -f", "push", "push packs", "pull", "repro", "exp run", "move", "undo")
_WHOLE = ("add", "checkout", "push", "push packs", "pull", "repro", "repro snapshot", "exp run")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which trials there are is a matter of `--all-points`."""
    if "kind" not in metafunc.fixturenames or "sabotage" in metafunc.fixturenames:
        return
    rows = []
    for number, (name, scenario) in enumerate(SCENARIOS.items()):
        if metafunc.config.getoption("--all-points", default=False):
            rows += [(name, dialect, "kill") for dialect in scenario.dialects]
            rows += [(name, scenario.dialects[0], kind) for kind in (*ERRORS, "power")]
        else:
            rows.append((name, scenario.dialects[number % len(scenario.dialects)], "sample"))
    if not metafunc.config.getoption("--all-points", default=False):
        rows += [(name, _turn(name, number), "kill") for number, name in enumerate(_WHOLE)]
        rows += [
            ("add", "dvx", "each"),
            *((name, _turn(name, number), "power") for number, name in enumerate(_CUT)),
        ]
    metafunc.parametrize(("scenario", "dialect", "kind"), rows)


def _turn(scenario: str, number: int) -> str:
    dialects = SCENARIOS[scenario].dialects
    return dialects[number % len(dialects)]


@pytest.fixture(scope="module")
def driver() -> Iterator[subprocess.Popen[str]]:
    """A process that runs trials."""
    words = [sys.executable, "-m", "tests.faults.driver"]
    env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(words, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def trials(driver: subprocess.Popen[str], tmp_path: Path) -> Trials:
    """`trials(scenario, dialect, kind, limit, sabotage)`: the report; `limit` is the most points that are tried (0: all)."""

    def run(scenario: str, dialect: str, kind: str, limit: int = 0, sabotage: str = "") -> dict[str, Any]:
        series = [str(tmp_path / "faults"), scenario, dialect, kind, limit, sabotage]
        assert driver.stdin is not None
        assert driver.stdout is not None
        print(json.dumps({"env": dict(os.environ), "series": series}), file=driver.stdin, flush=True)
        report: dict[str, Any] = json.loads(driver.stdout.readline())
        assert "error" not in report, report["error"]
        return report

    return run


def test_killed_or_failed_at_any_point_a_command_loses_nothing(
    trials: Trials, all_points: bool, count: Count, scenario: str, dialect: str, kind: str
):
    report = trials(scenario, dialect, kind, 0 if all_points else _FEW if kind in ("sample", "power") else _MOST)
    assert report["wrong"] == [], "\n".join(report["wrong"][:10])
    assert report["points"] > 0
    many = "" if all_points else " at many points"
    told = {
        "kill": f"killed{many}",
        "sample": "killed or failed at some points",
        "each": f"killed or failed{many}",
        "power": "power cut",
    }
    words = told.get(kind, f"{kind}, passing and lasting")
    count(f"{scenario} ({dialect}): {words}", report["points"])


@pytest.mark.parametrize(
    ("sabotage", "scenario", "kind", "found"),
    [
        ("write in place", "add", "kill", "half-written"),
        ("name before bytes", "add", "kill", "nowhere"),
        ("delete instead of trash", "checkout -f", "kill", "lost"),
        ("ignore a full disk", "add", "ENOSPC", "hashes to"),
        ("never sync", "add", "power", "not durable"),
        ("never sync", "push", "power", "not durable"),
        ("keep temporary files", "add", "EIO", "left behind"),
    ],
)
def test_the_trials_find_deliberate_violations(trials: Trials, sabotage: str, scenario: str, kind: str, found: str):
    # at each point: a violation may show at few of them, and which these are moves with what the command does
    wrong = trials(scenario, "dvx", kind, sabotage=sabotage)["wrong"]
    assert any(found in problem for problem in wrong), wrong
