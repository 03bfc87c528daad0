"""Facts about the record of an attempt: what a killed dvx leaves is taken up if it is what is wanted, and only then."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from dvx.model.pipelines.run import State
from dvx.ops.pipelines.repro import ReproOptions
from dvx.ops.pipelines.run_record import list_runs, logs_of
from dvx.store.files.locking import claimed, is_claimed
from tests.helpers import dvx, write
from tests.ops.test_repro import SLOW, actions, last_run, opened, orphan, prepare, runs_of, until
from tests.patience import is_alive

PARAMS = """\
stages:
  s:
    cmd: echo $$ >> pids; while [ ! -e go ]; do sleep 0.02; done; cp params.yaml o
    params: [a]
    outs: [o]
"""
MAP = """\
stages:
  m:
    map: [a, b, c]
    cmd: echo $$ >> pids; while [ ! -e go ]; do sleep 0.02; done; echo $DVX_ITEM > $DVX_OUT; echo $DVX_ITEM >> ran
    deps: [raw]
    outs: [o]
"""


def leave(folder: Path, commands: int = 1) -> None:
    """Kill dvx while so many commands of its run, and let them end."""
    for name in ("go", "pids"):
        (folder / name).unlink(missing_ok=True)
    line = ["dvx", "repro", "-j", str(commands)]
    with subprocess.Popen(line, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        until(lambda: (folder / "pids").exists() and (folder / "pids").read_text().count("\n") == commands)
        process.kill()
    running = [int(line) for line in (folder / "pids").read_text().splitlines()]
    write(folder / "go", "")
    until(lambda: not any(map(is_alive, running)))


@pytest.mark.parametrize("how", ["repro", "checkout"])
@pytest.mark.parametrize("kind", ["hardlink", "symlink", "copy"])
def test_what_was_put_in_the_place_of_what_was_left_is_not_taken_for_it(native: Path, kind: str, how: str) -> None:
    """A link to an older file is as old as that file."""
    dvx(native, "config", "cache.type", kind)
    prepare(native, PARAMS)
    write(native / "params.yaml", "a: 2\n")
    write(native / "go", "")
    assert actions(native) == ["s run"]
    recorded = (native / "dvx.lock").read_bytes()
    write(native / "params.yaml", "a: 1\n")
    leave(native)
    assert (native / "o").read_text() == "a: 1\n"
    write(native / "params.yaml", "a: 2\n")
    if how == "repro":
        assert actions(native) == ["s restore"]
    else:
        (native / "dvx.lock").write_bytes(recorded)
        dvx(native, "checkout", "-f")
    assert (native / "o").read_text() == "a: 2\n"
    write(native / "params.yaml", "a: 1\n")
    assert actions(native) == ["s run"]
    assert (native / "o").read_text() == "a: 1\n"


def test_what_was_recorded_since_leaves_nothing_to_take_up(native: Path) -> None:
    prepare(native, PARAMS)
    write(native / "params.yaml", "a: 1\n")
    leave(native)
    dvx(native, "commit", "-f")
    assert list((native / ".dvx/tmp/attempts").iterdir()) == []


def test_a_stage_that_always_runs_does_so_after_one_that_was_left(native: Path) -> None:
    prepare(native, SLOW + "    always_changed: true\n")
    leave(native)
    assert actions(native) == ["s run"]
    assert runs_of(native) == 2


def test_a_stage_that_always_runs_and_still_does_is_waited_for(native: Path) -> None:
    prepare(native, SLOW + "    always_changed: true\n")
    orphan(native)
    with subprocess.Popen(
        ["dvx", "repro"], cwd=native, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as again:
        assert again.stdout is not None
        said = again.stdout
        until(lambda: "the command speaks" in said.readline())
        write(native / "go", "")
        assert again.wait(20) == 0
    assert runs_of(native) == 1


def test_items_that_ended_after_dvx_was_killed_are_not_run_again(native: Path) -> None:
    prepare(native, MAP)
    leave(native, 2)
    assert actions(native, ReproOptions(jobs=2)) == ["m run"]
    assert sorted((native / "ran").read_text().split()) == ["a", "b", "c"]
    assert sorted(path.name for path in (native / "o").iterdir()) == ["a", "b", "c"]
    assert list((native / ".dvx/tmp/attempts").iterdir()) == []
    assert actions(native) == ["m skip"]


def test_an_item_that_was_edited_since_is_run_again(native: Path) -> None:
    prepare(native, MAP)
    leave(native)
    write(native / "o/a", "edited\n")
    assert actions(native, ReproOptions(jobs=2)) == ["m run"]
    assert (native / "o/a").read_text() == "a\n"
    assert sorted((native / "ran").read_text().split()) == ["a", "a", "b", "c"]


@pytest.mark.parametrize("path", ["sum", "sum/f"])
def test_what_the_user_did_to_an_output_that_stays_is_what_its_command_goes_on_with(native: Path, path: str) -> None:
    command = f"cat raw >> {path}" if path == "sum" else f"mkdir -p sum; cat raw >> {path}"
    prepare(native, f"stages:\n  s:\n    cmd: {command}\n    deps: [raw]\n    outs:\n    - sum: {{persist: true}}\n")
    assert actions(native) == ["s run"]
    write(native / path, "mine\n")
    assert actions(native) == ["s run"]
    assert (native / path).read_text() == "mine\n1\n"
    assert actions(native) == ["s skip"]


def test_a_run_that_works_keeps_its_log_and_its_history_however_many_come_after(native: Path) -> None:
    prepare(native, SLOW + "  t: {cmd: cp raw t, deps: [raw], outs: [t]}\n")
    with subprocess.Popen(["dvx", "repro", "s"], cwd=native, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        until((native / "pids").exists)
        name = last_run(native).name
        for number in range(60):
            write(native / f".dvx/tmp/logs/99990101-000000-{number}/t.log", "")
        assert actions(native, ReproOptions(("t",))) == ["t run"]
        assert len(list((native / ".dvx/tmp/logs").iterdir())) <= 53
        with opened(native) as project:
            assert Path(logs_of(project, name)).is_dir()
            assert {run.name: run.status for run in list_runs(project, 9)}[name] is State.RUNNING
        write(native / "go", "")
        assert process.wait(20) == 0
    assert list((native / ".dvx/tmp/exps/workers").iterdir()) == []


def test_a_log_that_is_lost_costs_its_text_only(native: Path) -> None:
    prepare(native, "stages:\n  s: {cmd: rm -r .dvx/tmp/logs; echo gone; exit 3, outs: [o]}\n")
    result = subprocess.run(["dvx", "repro"], cwd=native, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "exited with 3" in result.stderr
    assert "bug" not in result.stderr


def test_who_asks_for_a_lock_does_not_hold_it(tmp_path: Path) -> None:
    """Four ask at once, again and again, whether somebody holds it; then one takes it meanwhile."""
    place = str(tmp_path / "lock")
    with claimed(place, lambda: None):
        assert is_claimed(place)
    over = threading.Event()
    held: list[bool] = []
    refused: list[bool] = []

    def ask() -> None:
        while not over.wait(0.001):
            held.append(is_claimed(place))

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for thread in askers:
        thread.start()
    over.wait(1)
    asked = list(held)
    for _ in range(300):
        with claimed(place, lambda: refused.append(True)):
            pass
    over.set()
    for thread in askers:
        thread.join()
    assert not any(asked)
    assert refused == []


def test_what_a_run_that_was_killed_left_of_itself_goes_though_nothing_is_to_do(native: Path) -> None:
    prepare(native, "stages:\n  s: {cmd: cp raw o, deps: [raw], outs: [o]}\n")
    assert actions(native) == ["s run"]
    mark = write(native / ".dvx/tmp/exps/workers/12345-0123abcd", "")
    assert actions(native) == ["s skip"]
    assert not mark.exists()
