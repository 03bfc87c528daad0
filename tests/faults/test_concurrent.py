"""Many commands at once in one repository, some of them killed: all is consistent afterwards, and nobody waits for ever."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import fsck
from tests.helpers import commit_all, dialect_of, dvx, git, run_process, write

Count = Callable[[str, int], None]
_PROCESSES = 8
_PATIENCE_SECONDS = 120
_TRACKED = ("a", "b", "c", "d")
_EDITED = ("a", "b", "c", "d/x", "d/sub/y", "d/z", "in")
_BUG = 3


@dataclass(slots=True)
class Crowd:
    """Real processes at work in `repo`; what was run, and which edits were made on the way."""

    repo: Path
    attic: Path
    chance: random.Random
    commands: Sequence[Sequence[str]]
    stop: threading.Event = field(default_factory=threading.Event)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    done: list[tuple[Sequence[str], int, str]] = field(default_factory=list)
    written: dict[str, bytes] = field(default_factory=dict)
    killed: int = 0

    def work(self) -> None:
        """Run one random command after the other."""
        while not self.stop.is_set():
            command = self.chance.choice(self.commands)
            process = subprocess.Popen(
                ["dvx", *command], cwd=self.repo, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            self.running.append(process)
            _, text = process.communicate(timeout=_PATIENCE_SECONDS)
            self.running.remove(process)
            self.done.append((command, process.returncode, text.decode(errors="replace")))

    def edit(self) -> None:
        """Put new bytes where a file was; the old ones are put aside first, for it is not dvx that overwrites them."""
        while not self.stop.is_set():
            name = self.chance.choice(_EDITED)
            data = f"{name} {len(self.written)} {self.chance.random()}\n".encode()
            fresh, place = self.attic / f"new-{len(self.written)}", self.repo / name
            fresh.write_bytes(data)
            with contextlib.suppress(OSError):
                os.rename(place, self.attic / f"old-{len(self.written)}")
            with contextlib.suppress(OSError):
                place.parent.mkdir(parents=True, exist_ok=True)
                os.link(fresh, place)  # never over another
                self.written[f"{name} {len(self.written)}"] = data
            fresh.unlink()
            self.stop.wait(0.15)

    def kill(self) -> None:
        """One SIGKILL a second."""
        while not self.stop.wait(1):
            if self.running:
                self.chance.choice(self.running).kill()
                self.killed += 1


def _prepare(repo: Path) -> None:
    dvx(repo, "remote", "add", "-d", "store", "../remote")
    for name in (*_EDITED, "d/sub/fixed"):
        write(repo / name, f"{name} at first\n")
    dvx(repo, "add", *_TRACKED, "in")
    for number, before in enumerate(("in", "out0", "out1")):
        script = f"cat {before} > out{number}; sleep 0.1"
        dvx(repo, "stage", "add", "-n", f"s{number}", "-d", before, "-o", f"out{number}", script)
    dvx(repo, "repro")
    dvx(repo, "push")
    commit_all(repo)


_MIX = (
    ("add", "a", "b"),
    ("add", "d"),
    ("add", "d/sub"),
    ("add", "in"),
    ("commit", "-f"),
    ("checkout",),
    ("checkout", "-f"),
    ("checkout", "-f", "d"),
    ("status",),
    ("data", "status", "--granular"),
    ("diff",),
    ("push",),
    ("fetch",),
    ("pull", "-f"),
    ("repro",),
    ("repro", "-f", "s1"),
    ("exp", "run"),
    ("gc", "-f"),
    ("gc", "-f", "-c"),
    ("fsck",),
    ("unprotect", "d"),
    ("freeze", "s2"),
    ("unfreeze", "s2"),
    ("undo",),
    ("undo", "-f"),
    ("undo", "--redo"),
    ("trash", "list"),
    ("move", "c", "moved"),
    ("move", "moved", "c"),
    ("config", "core.autostage", "false"),
)


def test_any_mix_of_commands_leaves_all_consistent(native: Path, tmp_path: Path, all_points: bool, count: Count):
    _prepare(native)
    crowd = Crowd(native, tmp_path / "attic", random.Random(11), _MIX)
    crowd.attic.mkdir()
    before, start = fsck.user_files(native), fsck.git_state(native)
    _let_work(crowd, 120 if all_points else 10)
    bugs = [one for one in crowd.done if one[1] not in (0, 1, 4, -signal.SIGKILL) or "Traceback" in one[2]]
    assert bugs == []
    assert _wrong(tmp_path, before | crowd.written) == []
    assert fsck.git_state(native) == start
    _settle(native)
    assert _wrong(tmp_path, before | crowd.written) == []
    assert len(_succeeded(crowd)) > len(_MIX) / 3
    count(f"commands in {_PROCESSES} processes at once, {crowd.killed} of them killed", len(crowd.done))


# what changes a file that all write: each command holds a lock from reading it to writing it
_UNLOCKED = """
import contextlib, sys
import dvx.store.files as files
from dvx.cli.main import main
files.locked = lambda path, waiting=None: contextlib.nullcontext()
main()
"""


def _write_at_once(repo: Path, program: Sequence[str]) -> int:
    """Let processes add a stage each, all at once; returns how many stages were lost."""
    words = [[*program, "stage", "add", "-q", "-f", "-n", f"s{number}", "-o", f"o{number}", "x"] for number in range(_PROCESSES)]
    processes = [subprocess.Popen(each, cwd=repo, stderr=subprocess.DEVNULL) for each in words]
    assert [process.wait(_PATIENCE_SECONDS) for process in processes] == [0] * _PROCESSES
    listed = dvx(repo, "stage", "list", "--names-only").out.split()
    (repo / dialect_of(repo).pipeline).unlink()
    return _PROCESSES - len(listed)


def test_what_is_written_at_once_is_all_there(dialect_repo: Path):
    assert [_write_at_once(dialect_repo, ("dvx",)) for _ in range(2)] == [0, 0]


def test_without_locks_something_is_lost_and_found(native: Path):
    assert any(_write_at_once(native, (sys.executable, "-c", _UNLOCKED)) for _ in range(20))


def _let_work(crowd: Crowd, seconds: float) -> None:
    """All at once for so long, longer where the machine is busy; every process that is left must end by itself."""
    threads = [threading.Thread(target=crowd.work) for _ in range(_PROCESSES)]
    threads += [threading.Thread(target=crowd.edit), threading.Thread(target=crowd.kill)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    end = time.monotonic() + _PATIENCE_SECONDS
    while len(_succeeded(crowd)) <= len(_MIX) / 3 and time.monotonic() < end:
        time.sleep(0.2)
    crowd.stop.set()
    for thread in threads:
        thread.join(_PATIENCE_SECONDS)
    stuck = [process.args for process in crowd.running]
    for process in list(crowd.running):
        process.kill()
    assert stuck == []


def _succeeded(crowd: Crowd) -> set[tuple[str, ...]]:
    return {command for command, code, _ in list(crowd.done) if code == 0}


def _wrong(top: Path, written: dict[str, bytes]) -> list[str]:
    """What is broken or lost in the repository, its remote and where the edits went."""
    home = {path.read_bytes() for path in (top / "attic").iterdir()}
    return fsck.problems(top, {name: data for name, data in written.items() if data not in home})


def _settle(repo: Path) -> None:
    """One user, alone, gets everything up to date again."""
    for name in ("moved", "c"):
        if (repo / f"{name}{dialect_of(repo).pointer_suffix}").exists():
            run_process(repo, "dvx", "checkout", "-f", name)
    for command in (
        ("checkout", "-f"),
        ("unfreeze", "s2"),
        ("repro",),
        ("commit", "-f"),
        ("push",),
        ("fsck", "--remote", "store"),
    ):
        done = run_process(repo, "dvx", *command)
        assert done.code == 0, (command, done.err)
    assert run_process(repo, "dvx", "status", "--json").json == {}
    assert git(repo, "stash", "list") == ""
