"""dvx and DVC at work in one repository at the same time keep out of each other's way."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from dvx.errors import DvxError
from dvx.store.path_locks import paths
from tests.helpers import git, run_dvx, run_process, write
from tests.interop.steps import Tool
from tests.ops.test_repro import actions, until

Tools = Mapping[str, Tool]
COMMAND = "touch begun; while [ ! -e go ]; do sleep 0.05; done; cp raw o; echo x >> ran"
SLOW = f"stages:\n  s:\n    cmd: {COMMAND}\n    deps: [raw]\n    outs: [o]\n"


@pytest.fixture
def shared(tools: Tools, tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "--quiet")
    tools["dvc"](folder, "init")
    write(folder / "raw", "1\n")
    write(folder / "dvc.yaml", SLOW)
    return folder


def table(folder: Path) -> dict[str, object]:
    place = folder / ".dvc/tmp/rwlock"
    found: dict[str, object] = json.loads(place.read_text()) if place.exists() else {}
    return found


def test_dvx_waits_for_a_stage_that_dvc_runs(shared: Path, dvc_python: Path) -> None:
    with subprocess.Popen([dvc_python, "-m", "dvc", "repro", "-q"], cwd=shared) as dvc:
        until((shared / "begun").exists)
        found: list[list[str]] = []
        thread = threading.Thread(target=lambda: found.append(actions(shared)))
        thread.start()
        thread.join(1)
        assert thread.is_alive()
        write(shared / "go", "")
        assert dvc.wait(60) == 0
        thread.join(30)
    assert found == [["s skip"]], "what DVC made is taken over"
    assert (shared / "ran").read_text() == "x\n"


def test_dvx_waits_until_dvc_has_recorded_what_it_ran(shared: Path, dvc_python: Path) -> None:
    """DVC gives the paths free a little earlier."""
    write(shared / "go", "")
    assert run_process(shared, dvc_python, "-m", "dvc", "repro", "-q").code == 0
    record = (shared / "dvc.lock").read_bytes()
    (shared / "dvc.lock").unlink()
    found: list[list[str]] = []
    with open(shared / ".dvc/tmp/lock", "a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        thread = threading.Thread(target=lambda: found.append(actions(shared)))
        thread.start()
        thread.join(1)
        assert thread.is_alive()
        (shared / "dvc.lock").write_bytes(record)
        fcntl.flock(held, fcntl.LOCK_UN)
    thread.join(20)
    assert found == [["s skip"]]


def test_dvc_sees_that_dvx_runs_a_stage(shared: Path, dvc_python: Path) -> None:
    thread = threading.Thread(target=lambda: actions(shared))
    thread.start()
    until((shared / "begun").exists)
    assert table(shared)["write"] == {str(shared / "o"): {"pid": os.getpid(), "cmd": "dvx repro s"}}
    assert list(table(shared)["read"]) == [str(shared / "raw")]  # type: ignore[call-overload]
    refused = run_process(shared, dvc_python, "-m", "dvc", "repro")
    write(shared / "go", "")
    thread.join(30)
    assert refused.code != 0
    assert "is busy, it is being blocked by" in refused.err
    assert "dvx repro s" in refused.err
    assert table(shared) == {}
    again = run_process(shared, dvc_python, "-m", "dvc", "repro")
    assert "didn't change, skipping" in again.out
    assert (shared / "ran").read_text() == "x\n"


def test_nothing_is_written_while_dvc_holds_the_repository(shared: Path) -> None:
    write(shared / "data", "x")
    (shared / ".dvc/tmp").mkdir(exist_ok=True)
    with open(shared / ".dvc/tmp/lock", "a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        thread = threading.Thread(target=lambda: run_dvx(shared, "add", "data"))
        thread.start()
        thread.join(1)
        assert thread.is_alive()
        assert not (shared / "data.dvc").exists()
        fcntl.flock(held, fcntl.LOCK_UN)
    thread.join(20)
    assert (shared / "data.dvc").exists()


def test_entries_of_processes_that_are_gone_are_dropped(shared: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    write(shared / ".dvc/tmp/rwlock", json.dumps({"write": {str(shared / "o"): {"pid": gone.pid, "cmd": "dvc repro"}}}))
    write(shared / "go", "")
    assert actions(shared) == ["s run"]
    assert table(shared) == {}


def test_a_broken_table_is_an_error_with_a_hint(shared: Path) -> None:
    write(shared / ".dvc/tmp/rwlock", "[1")
    write(shared / "go", "")
    with pytest.raises(DvxError, match="is broken") as caught:
        actions(shared)
    assert "remove it" in caught.value.hint


@pytest.mark.parametrize(
    ("read", "write_", "blocked"),
    [
        (["/w/o"], [], True),
        (["/w/o/inside"], [], True),
        (["/w"], [], True),
        (["/w/other"], [], False),
        ([], ["/w/r"], True),
        (["/w/r"], [], False),
        ([], ["/w/r/inside"], True),
        ([], ["/w/rest"], False),
    ],
)
def test_what_is_in_the_way(tmp_path: Path, read: list[str], write_: list[str], blocked: bool) -> None:
    other = {"pid": os.getppid(), "cmd": "dvc repro"}
    write(tmp_path / "tmp/rwlock", json.dumps({"write": {"/w/o": other}, "read": {"/w/r": [other]}}))

    def refuse(reason: str) -> None:
        raise DvxError(reason)

    if blocked:
        with pytest.raises(DvxError, match=r"by `dvc repro` \(process"), paths(str(tmp_path), "dvx", read, write_, refuse):
            pass
    else:
        with paths(str(tmp_path), "dvx", read, write_, refuse):
            pass
