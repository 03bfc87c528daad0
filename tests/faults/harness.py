"""Kill or fail a real command at each of its file-system mutations.

A trial copies a prepared folder, forks, and runs one command line in the child. An audit hook sees every mutation that Python
makes below the trial's folder, every process that it starts and every database that it opens; wrapped functions see every
`os.write` to a file and, where errors are wanted, every fsync. At the chosen one the child is killed with SIGKILL (a write is
done by half first), or the call fails with the chosen error. A process that was started is left alone.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tests.faults import power

_EVENTS = frozenset(
    [
        "os.rename",
        "os.remove",
        "os.rmdir",
        "os.mkdir",
        "os.link",
        "os.symlink",
        "os.truncate",
        "os.chmod",
        "os.utime",
        "subprocess.Popen",
        "sqlite3.connect",
    ]
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
ERRORS = {name: getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EIO", "EACCES", "EROFS", "EMFILE")}


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at mutation `at` (1 is the first): a kill, or with `code` an error; `lasting` errors go on from there."""

    at: int
    code: int = 0
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: the exit code (negative for a signal), what it printed, how many mutations it made, or what was struck.

    `watched` is for `power.cut`.
    """

    code: int
    text: str
    mutations: int
    struck: str = ""
    watched: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A command line to run in `root/repo`; `syncs` counts fsync as a mutation, `sabotage` patches dvx in the child first.

    With `watched` the run tells what a power cut would undo.
    """

    command: Sequence[str]
    root: Path
    syncs: bool = False
    watched: bool = False
    sabotage: Callable[[], object] = lambda: None


def run(trial: Trial, fault: Fault | None = None) -> Ended:
    """Run a command line in a child process."""
    log, notes, power_notes = (trial.root.with_name(trial.root.name + end) for end in (".log", ".notes", ".power"))
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        _child(trial, fault, log, notes, power_notes)
    _, status = os.waitpid(child, 0)
    count, _, struck = notes.read_text().partition(" ")
    text, watched = log.read_text(errors="replace"), power_notes.read_text()
    for path in (log, notes, power_notes):
        path.unlink()
    return Ended(os.waitstatus_to_exitcode(status), text, int(count or 0), struck, watched)


def copy(source: Path, target: Path) -> None:
    """Copy a prepared folder with links of both kinds, modes and times; links into the folder lead into the copy."""
    shutil.rmtree(target, ignore_errors=True)
    shared: dict[int, str] = {}

    def place(one: str, other: str) -> str:
        status = os.lstat(one)
        if status.st_nlink == 1:
            return str(shutil.copy2(one, other))
        if status.st_ino in shared:
            os.link(shared[status.st_ino], other)
        else:
            shared[status.st_ino] = str(shutil.copy2(one, other))
        return other

    shutil.copytree(source, target, symlinks=True, copy_function=place)
    for folder, below, names in os.walk(target):
        for name in (*below, *names):
            path = Path(folder, name)
            if path.is_symlink() and (leads := os.readlink(path)).startswith(f"{source}/"):
                path.unlink()
                path.symlink_to(f"{target}{leads.removeprefix(str(source))}")


def _child(trial: Trial, fault: Fault | None, log: Path, notes: Path, power_notes: Path) -> NoReturn:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    code = 70
    try:
        noting = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        trial.sabotage()
        watching = os.open(power_notes, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        plain_write = os.write
        _install(trial, fault, lambda note: os.pwrite(noting, note.encode(), 0))
        if trial.watched:
            power.watch(f"{trial.root}/", lambda note: plain_write(watching, note.encode()))
        from dvx.cli.main import run as run_dvx

        code = run_dvx(list(trial.command), str(trial.root / "repo"))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


class _Striker:
    """Counts mutations and strikes at the one that the fault names."""

    def __init__(self, fault: Fault | None, note: Callable[[str], object]) -> None:
        self._fault = fault
        self._note = note
        self._count = 0

    def strike(self, event: str, names: Sequence[str] = (), before_death: Callable[[], object] = lambda: None) -> None:
        """One mutation; errors name the files that the system's would name."""
        self._count += 1
        if self._fault is None:
            self._note(str(self._count))
            return
        if self._count != self._fault.at and not (self._fault.lasting and self._count > self._fault.at):
            return
        if self._count == self._fault.at:
            self._note(f"{self._count} {event}")
        before_death()
        if not self._fault.code:
            os.kill(os.getpid(), signal.SIGKILL)
        text = os.strerror(self._fault.code)
        if event == "sqlite3.connect":
            raise sqlite3.OperationalError(text)
        raise OSError(self._fault.code, text, *names[:1], *((None, names[1]) if len(names) > 1 else ()))


def _install(trial: Trial, fault: Fault | None, note: Callable[[str], object]) -> None:
    striker = _Striker(fault, note)
    root = str(trial.root)
    plain_write, plain_sync = os.write, os.fsync

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if isinstance(path, str | bytes) and isinstance(flags, int) and flags & _WRITING and _named(path).startswith(root):
                striker.strike(event, [_named(path)])
        elif event in _EVENTS and _is_below(args, root, event):
            striker.strike(event, [_named(arg) for arg in args[:2] if isinstance(arg, str | bytes)])

    def write(handle: int, data: Any) -> int:
        if handle > 2 and stat.S_ISREG(os.fstat(handle).st_mode):
            striker.strike("write", (), lambda: plain_write(handle, memoryview(data)[: len(data) // 2]))
        return plain_write(handle, data)

    def sync(handle: int) -> None:
        striker.strike("fsync")
        plain_sync(handle)

    def sync_file_system(path: str) -> bool:
        striker.strike("syncfs", [path])
        return plain_sync_file_system(path)

    os.write = write  # type: ignore[assignment]
    if trial.syncs:
        from dvx.store import durable

        plain_sync_file_system = durable._sync_file_system
        os.fsync = sync  # type: ignore[assignment]
        durable._sync_file_system = sync_file_system
    sys.addaudithook(hook)


def _is_below(args: tuple[Any, ...], root: str, event: str) -> bool:
    if event == "subprocess.Popen":
        return True
    names = [_named(arg) for arg in args[:2] if isinstance(arg, str | bytes)]
    return any(name.startswith(root) or not name.startswith("/") for name in names) or isinstance(args[0], int)


def _named(path: str | bytes) -> str:
    return os.fsdecode(path)
