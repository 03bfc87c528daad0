"""P1, P15: `dvx repro` that is killed at any time, with stages that run at once and fail at first, loses and repeats nothing."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from dvx.formats import load_yaml
from tests.helpers import write
from tests.ops.test_repro import actions

# each stage notes that it was done in a file outside of the project
_FLAKY = "[ -e flag.$NAME ] || { touch flag.$NAME; exit 7; }"
_NAMES = ("a", "b", "c", "d", "e")
_NEEDS = {"a": ["raw"], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["raw"]}
_QUICK, _ALL = 12, 150


def pipeline(notes: Path) -> str:
    """Five stages in the shape of a diamond with one apart; each fails at its first attempt."""
    lines = ["stages:\n"]
    for name in _NAMES:
        reads = " ".join(_NEEDS[name])
        command = (
            f"{_FLAKY.replace('$NAME', name)}; sleep 0.05; cat {reads} > {name}; echo {name} >> {name}; echo {name} >> {notes}"
        )
        lines.append(
            f"  {name}:\n    cmd: '{command}'\n    deps: [{', '.join(_NEEDS[name])}]\n    outs: [{name}]\n"
            "    run: {retry: {maximum_attempts: 3, initial_interval: 20ms}}\n"
        )
    return "".join(lines)


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["dvx", "repro", "-j", "3"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def recorded(folder: Path) -> object:
    """What the lock says; the order of its entries is that in which stages ended."""
    return load_yaml((folder / "dvx.lock").read_text(), "dvx.lock")


def locked(folder: Path) -> set[str]:
    place = folder / "dvx.lock"
    text = place.read_text() if place.exists() else ""
    return {name for name in _NAMES if f"\n  {name}:\n" in text}


def test_a_killed_run_is_taken_up_where_it_was(native: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    notes = tmp_path / "notes"
    write(native / "raw", "1\n")
    write(native / "dvx.yaml", pipeline(notes))
    pristine = tmp_path / "pristine"
    shutil.copytree(native, pristine, symlinks=True)
    begin = time.monotonic()
    with start(native) as whole:
        assert whole.wait(60) == 0
    lasted = time.monotonic() - begin
    expected, order = recorded(native), sorted(_NAMES)
    assert sorted(notes.read_text().split()) == order
    chance = random.Random(20_261_127)
    killed = 0
    for number in range(_ALL if request.config.getoption("--all-points") else _QUICK):
        folder = tmp_path / f"try{number}"
        shutil.copytree(pristine, folder, symlinks=True)
        notes.unlink(missing_ok=True)
        with start(folder) as run:
            time.sleep(chance.uniform(0, lasted))
            killed += run.poll() is None
            run.send_signal(signal.SIGKILL)
        finished = locked(folder)
        for path in folder.glob("flag.*"):
            path.unlink()
        done_before = notes.read_text().split() if notes.exists() else []
        with start(folder) as again:
            assert again.wait(60) == 0
        done = notes.read_text().split()
        assert recorded(folder) == expected
        for name in finished:
            assert done.count(name) == done_before.count(name), f"{name} was finished and ran again"
        assert actions(folder) == [f"{name} skip" for name in _NAMES], os.listdir(folder)
        shutil.rmtree(folder)
    assert killed
    print(f"{killed} runs killed and taken up")
