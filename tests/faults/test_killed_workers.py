"""P21: workers that are killed again and again lose no experiment, and run none twice to its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.helpers import commit_all, dvx, git, write
from tests.patience import is_alive

_QUICK, _ALL = (3, 12), (8, 200)
PIPELINE = """\
stages:
  train:
    cmd: sleep 0.1; cp params.yaml model; echo "{{\\"acc\\":$(cut -c 5- params.yaml)}}" > m.json; cut -c 5- params.yaml >> {notes}
    deps: [raw]
    params: [lr]
    outs: [model]
    metrics: [{{m.json: {{cache: false}}}}]
"""


def workers(folder: Path) -> list[int]:
    """The processes that are or were workers; the keeper, which has no lock of its own, is not among them."""
    place = folder / ".dvx/tmp/exps/workers"
    return [int(name.partition("-")[0]) for name in os.listdir(place)] if place.exists() else []


def test_each_queued_experiment_is_there_once(native: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    jobs, count = _ALL if request.config.getoption("--all-points") else _QUICK
    notes = tmp_path / "notes"
    write(native / "raw", "1\n")
    write(native / "params.yaml", "lr: 0\n")
    write(native / "dvx.yaml", PIPELINE.format(notes=notes))
    dvx(native, "add", "raw")
    commit_all(native)
    dvx(native, "exp", "run", "--queue", "-n", "e", "-S", f"lr=range({count})")
    command = ["dvx", "queue", "work", "--jobs", str(jobs)]
    killed = 0
    with subprocess.Popen(command, cwd=native, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as keeper:
        while keeper.poll() is None:
            time.sleep(1)
            for process in filter(is_alive, sorted(workers(native))):
                os.kill(process, signal.SIGKILL)
                killed += 1
                break
        assert keeper.returncode == 0, keeper.stderr and keeper.stderr.read()
    assert killed
    tasks = json.loads(dvx(native, "queue", "status", "--json").out)["tasks"]
    assert {one["state"] for one in tasks} == {"success"}
    rows = json.loads(dvx(native, "exp", "show", "--json", "--hide-workspace").out)[0]["experiments"]
    found = {row["name"]: row["revs"][0]["data"]["metrics"]["m.json"]["data"]["acc"] for row in rows}
    assert found == {f"e-{number + 1}": number for number in range(count)}
    assert len(rows) == count
    # a command that its worker did not see end is adopted, or what it made is recorded: none ran twice
    assert sorted(map(int, notes.read_text().split())) == list(range(count))
    assert git(native, "status", "--porcelain") == ""
    assert git(native, "worktree", "list").count("\n") == 0
    assert git(native, "fsck", "--no-dangling") == ""
    print(f"{killed} workers killed")
