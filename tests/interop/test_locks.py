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
from dvx.store.path_locks import Guarded, paths, repository
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
        with (
            pytest.raises(DvxError, match=r"by `dvc repro` \(process"),
            paths(Guarded(str(tmp_path)), "dvx", read, write_, refuse),
        ):
            pass
    else:
        with paths(Guarded(str(tmp_path)), "dvx", read, write_, refuse):
            pass


LINKED = """
import sys, time
from dvc.lock import make_lock
with make_lock(".dvc/tmp/lock", tmp_dir=".dvc/tmp", hardlink_lock=True):
    open("held", "w").close()
    time.sleep(float(sys.argv[1]))
"""


@pytest.fixture
def linked(shared: Path, tools: Tools) -> Path:
    tools["dvc"](shared, "config", "core.hardlink_lock", "true")
    write(shared / "data", "x")
    return shared


def in_thread(folder: Path, *words: str) -> threading.Thread:
    thread = threading.Thread(target=lambda: run_dvx(folder, *words))
    thread.start()
    thread.join(1)
    return thread


def test_dvx_waits_for_a_lock_that_dvc_holds_by_a_hard_link(linked: Path, dvc_python: Path) -> None:
    with subprocess.Popen([dvc_python, "-c", LINKED, "60"], cwd=linked) as dvc:
        until((linked / "held").exists)
        thread = in_thread(linked, "add", "data")
        assert thread.is_alive()
        assert not (linked / "data.dvc").exists()
        dvc.terminate()
    # who is killed leaves it, until its time is over
    lock = linked / ".dvc/tmp/lock"
    assert lock.exists()
    os.utime(lock, (1, 1))
    thread.join(20)
    assert (linked / "data.dvc").exists()
    assert not lock.exists()
    assert list((linked / ".dvc/tmp").glob("dvx-*")) == []


def test_dvc_waits_for_a_lock_that_dvx_holds_by_a_hard_link(linked: Path, dvc_python: Path) -> None:
    with repository(Guarded(str(linked / ".dvc"), by_links=True)):
        refused = run_process(linked, dvc_python, "-m", "dvc", "add", "data")
    assert "Unable to acquire lock" in refused.err
    assert run_process(linked, dvc_python, "-m", "dvc", "add", "data").code == 0


def test_stages_run_and_leave_no_lock_where_locks_are_hard_links(linked: Path, dvc_python: Path) -> None:
    write(linked / "go", "")
    assert actions(linked) == ["s run"]
    left = {path.name for path in (linked / ".dvc/tmp").iterdir()}
    assert not {name for name in left if name == "lock" or name.endswith(".lock")}
    assert "didn't change, skipping" in run_process(linked, dvc_python, "-m", "dvc", "repro").out


def test_a_hard_link_that_a_killed_dvx_left_holds_nobody_up(linked: Path) -> None:
    claim = linked / ".dvc/tmp" / f"dvx-{'0' * 32}.lock"
    write(claim, str(claim))
    os.utime(claim, (1 << 33, 1 << 33))
    os.link(claim, linked / ".dvc/tmp/lock")
    with open(claim) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        thread = in_thread(linked, "add", "data")
        assert thread.is_alive()
    thread.join(20)
    assert (linked / "data.dvc").exists()
    assert list((linked / ".dvc/tmp").glob("dvx-*")) == []


def test_a_lock_file_of_another_kind_holds_nobody_up(linked: Path) -> None:
    write(linked / ".dvc/tmp/lock", "123")
    os.utime(linked / ".dvc/tmp/lock", (1, 1))
    assert run_dvx(linked, "add", "data").code == 0
