"""Facts about cards and tokens of the machine: runs, workers and projects share them, and the dead give theirs back."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dvx.config.places import machine_folder
from dvx.ops.pipelines.leases import Leases
from dvx.project import Project
from tests.helpers import commit_all, dialect_of, dvx, run_dvx, write
from tests.ops.test_repro import until
from tests.patience import is_alive

HOLD = "echo $$ $CUDA_VISIBLE_DEVICES >> {notes}; while [ -e {notes}.hold ]; do sleep 0.02; done; cat raw > o"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Where commands write down that they run, and with which cards; they end when `.hold` beside it is gone."""
    write(tmp_path / "notes.hold", "")
    return tmp_path / "notes"


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts dvx as a process of its own."""
    with ExitStack() as held:

        def begin(folder: Path, *words: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                ["dvx", *words],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            held.callback(process.wait)
            held.callback(process.kill)
            return process

        yield begin


def stage(folder: Path, command: str, resources: str) -> Path:
    """A committed pipeline of one stage that takes some resources."""
    own = f"    run: {{resources: {resources}}}\n"
    if dialect_of(folder).folder == ".dvc":
        own = f"    meta: {{run: {{resources: {resources}}}}}\n"
    text = f"stages:\n  s:\n    cmd: >-\n      {command}\n    deps: [raw]\n    params: [lr]\n    outs: [o]\n{own}"
    write(folder / dialect_of(folder).pipeline, text)
    write(folder / "raw", f"{folder}\n")
    write(folder / "params.yaml", "lr: 1\n")
    dvx(folder, "add", "raw")
    commit_all(folder)
    return folder


def noted(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.exists() else []


def leases() -> list[str]:
    """The leases of this machine."""
    folder = Path(machine_folder(os.environ))
    return sorted(path.name for path in folder.iterdir() if path.name != "lock") if folder.exists() else []


def test_workers_get_a_card_each(dialect_repo: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,5,7")
    stage(dialect_repo, HOLD.format(notes=notes), "{gpu: 1}")
    dvx(dialect_repo, "exp", "run", "--queue", "-S", "lr=2,3,4,5")
    words = ["dvx", "queue", "work", "-j", "4"]
    with subprocess.Popen(words, cwd=dialect_repo, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: len(noted(notes)) == 4)
        assert len(leases()) == 4
        Path(f"{notes}.hold").unlink()
        assert process.wait() == 0
    assert sorted(line.split()[1] for line in noted(notes)) == ["0", "1", "5", "7"]
    assert leases() == []


def test_projects_wait_for_each_other(
    new_project: Callable[..., Path], notes: Path, start: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVX_RESOURCES", "license=1.5 gpu=2")
    one = stage(new_project("one"), HOLD.format(notes=notes), "{license: 1, cpu: 100}")
    two = stage(new_project("two", "--dvc"), HOLD.format(notes=notes), "{license: 1, gpu: 1, cpu: 100}")
    half = stage(new_project("half"), "echo $$ $CUDA_VISIBLE_DEVICES >> half; cat raw > o", "{license: 0.5, gpu: 2}")
    first = start(one, "repro")
    until(lambda: len(noted(notes)) == 1)
    second = start(two, "repro")
    assert second.stderr is not None
    said = second.stderr
    until(lambda: "`s` waits for `license`, which other runs on this machine have taken" in said.readline())
    # who waits has nothing: what is left goes to others
    dvx(half, "repro")
    assert (half / "half").read_text().split()[1] == "0,1"
    assert (len(leases()), len(noted(notes))) == (1, 1)
    Path(f"{notes}.hold").unlink()
    assert (first.wait(), second.wait()) == (0, 0)
    assert len(noted(notes)) == 2


def test_what_a_dead_run_had_is_free_when_its_command_ended(
    new_project: Callable[..., Path], notes: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    one = stage(new_project("one"), HOLD.format(notes=notes), "{license: 1}")
    two = stage(new_project("two"), "cat raw > o", "{license: 1}")
    killed = start(one, "repro")
    until(lambda: len(noted(notes)) == 1)
    killed.kill()
    killed.wait()
    waiting = start(two, "repro")
    assert waiting.stderr is not None
    said = waiting.stderr
    until(lambda: "waits for `license`" in said.readline())
    command = int(noted(notes)[0].split()[0])
    assert is_alive(command)
    Path(f"{notes}.hold").unlink()
    assert waiting.wait() == 0
    assert leases() == []


def test_what_waits_can_be_stopped(
    new_project: Callable[..., Path], notes: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    one = stage(new_project("one"), HOLD.format(notes=notes), "{license: 1}")
    two = stage(new_project("two"), "cat raw > o", "{license: 1}")
    start(one, "repro")
    until(lambda: len(noted(notes)) == 1)
    waiting = start(two, "repro", "-j", "4")
    assert waiting.stderr is not None
    said = waiting.stderr
    until(lambda: "waits for `license`" in said.readline())
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait() == 130
    assert not (two / "o").exists()
    assert len(leases()) == 1
    Path(f"{notes}.hold").unlink()


def test_a_command_that_runs_dvx_shares_what_it_has(new_project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    inner = stage(new_project("inner"), "echo $CUDA_VISIBLE_DEVICES > o", "{license: 1, gpu: 1}")
    outer = stage(new_project("outer"), f"cat raw > o; cd {inner} && dvx repro", "{license: 1, gpu: 1}")
    dvx(outer, "repro")
    assert (inner / "o").read_text() == "3\n"
    assert leases() == []


def test_what_lies_among_the_leases_and_is_none_takes_nothing(native: Path) -> None:
    folder = Path(machine_folder(os.environ))
    write(folder / "1-00000000", '{"cards": [], "tokens": {"license": 1}}')
    write(folder / "other", "")
    project = Project.find(str(native))
    with Leases(project, (), {"license": 1.0}).taken({"license": 1, "memory": 1 << 60}, pytest.fail) as lease:
        assert sorted(lease.variables) == ["DVX_LEASES"]
        assert len(lease.inherited) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["lock", "other"]


def test_without_a_place_for_them_a_project_keeps_its_leases_itself(native: Path, home: Path) -> None:
    write(home / ".local", "not a folder")
    stage(native, "cat raw > o", "{license: 1}")
    assert run_dvx(native, "repro").code == 0
    assert (native / ".dvx/tmp/leases/lock").exists()
