"""Starts the commands of stages, each in a process group of its own, and keeps what they write.

A command's output goes to its log first, so that it survives this process. When the work is interrupted, whole groups are
stopped: what a command started does not outlive it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import BinaryIO

from msgspec import Struct

_CHUNK = 1 << 16
_POLL_SECONDS = 0.1
_FLAGS = {"bash": ("--noprofile", "--norc"), "zsh": ("--no-rcs",), "fish": ("--no-config",)}
_INTERRUPTED = (-signal.SIGINT, 128 + signal.SIGINT)


class Job(Struct, frozen=True):
    """Commands to run one after the other in the folder `cwd` (absolute), each as a process of the user's shell."""

    lines: tuple[str, ...]
    cwd: str
    environ: Mapping[str, str]
    attended: bool = True
    """Whether it may read the terminal; only one job at a time may."""
    inherited: tuple[int, ...] = ()
    """Descriptors that the commands get, under the same numbers."""
    shell: str = ""
    """The name or path of the shell; the user's own by default."""
    watch: Callable[[], str] | None = None
    """Asked again and again; an answer is the reason to stop the command."""


class Ended(Struct, frozen=True):
    """How a job ended: the last command that ran, and its exit code (128 + N for signal N); `cut` is why it was stopped."""

    line: str
    code: int
    cut: str = ""


class Shell:
    """Runs jobs, maybe several at once in threads, and can stop them all; each signal is given `patience` seconds."""

    def __init__(self, patience: float = 5.0) -> None:
        self._patience = patience
        self._guard = threading.Lock()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._stopped = False
        self._starting = False
        self._interrupted = False

    def run(self, job: Job, log: BinaryIO, on_output: Callable[[bytes], None]) -> Ended:
        """Run a job until a command fails.

        Raises:
            KeyboardInterrupt: the job was stopped, however its command ended then, or the user pressed Ctrl-C while it held
                the terminal.
        """
        ended = Ended("", 0)
        for line in job.lines:
            ended = self._one(line, job, log, on_output)
            if ended.code or ended.cut:
                break
        return ended

    def stop(self, *, now: bool = False) -> None:
        """Stop all that runs: ask with SIGINT and SIGTERM, then kill; `now` does not ask."""
        with self._guard:
            self._stopped = True
            running = list(self._running.values())
        _stop(running, 0.0 if now else self._patience)

    def wait(self, seconds: float) -> None:
        """Let time pass; raises KeyboardInterrupt if the work is to end."""
        end = time.monotonic() + seconds
        self.check()
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _POLL_SECONDS))
            self.check()

    def check(self) -> None:
        """Raise KeyboardInterrupt if the work is to end."""
        if self._stopped or self._interrupted:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Treat SIGTERM and SIGHUP like Ctrl-C, and stop what still runs when the block is left by an exception."""
        previous = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                previous[number] = signal.signal(number, self._interrupt)
        try:
            yield
        except BaseException:
            self.stop()
            raise
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _one(self, line: str, job: Job, log: BinaryIO, on_output: Callable[[bytes], None]) -> Ended:
        process = self._start(line, job)
        cut = ""
        try:
            self.check()
            with _terminal(process.pid if job.attended else 0) as terminal:
                cut = _tee(process, terminal, log, on_output, job.watch)
                if cut:
                    _stop([process], self._patience)
                code = process.wait()
        except BaseException:
            _stop([process], self._patience)
            raise
        finally:
            if process.poll() is None:
                _signal(process.pid, signal.SIGKILL)
            if process.stdout is not None:
                process.stdout.close()
            with self._guard:
                del self._running[process.pid]
        # a command may answer a signal by writing what it has so far and exiting with 0
        self.check()
        if terminal is not None and code in _INTERRUPTED:
            raise KeyboardInterrupt
        return Ended(line, 128 - code if code < 0 else code, cut)

    def _start(self, line: str, job: Job) -> subprocess.Popen[bytes]:
        with self._guard:
            if self._stopped:
                raise KeyboardInterrupt
            self._starting = threading.current_thread() is threading.main_thread()
            try:
                process = subprocess.Popen(
                    [*shell_command(job.environ, job.shell), line],
                    cwd=job.cwd,
                    env=dict(job.environ),
                    stdin=None if job.attended else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    process_group=0,
                    pass_fds=job.inherited,
                )
                self._running[process.pid] = process
            finally:
                self._starting = False
        return process

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupted = True
        # raised while a process starts, the exception would leave one that nobody knows of
        if not self._starting:
            raise KeyboardInterrupt


def shell_command(environ: Mapping[str, str], chosen: str = "") -> tuple[str, ...]:
    """The user's shell, or the `chosen` one, without its start-up files, ready to be given a command."""
    shell = chosen or environ.get("SHELL") or "/bin/sh"
    return (shell, *_FLAGS.get(os.path.basename(shell), ()), "-c")


def _tee(
    process: subprocess.Popen[bytes],
    terminal: int | None,
    log: BinaryIO,
    on_output: Callable[[bytes], None],
    watch: Callable[[], str] | None,
) -> str:
    """Pass output on until it ends, or the command ended and only something in the background still holds the pipe.

    Returns why the command must be stopped, if `watch` says so.
    """
    pipe = process.stdout
    if pipe is None:
        return ""
    while True:
        if watch is not None and (cut := watch()):
            return cut
        ended = process.poll() is not None
        if select.select([pipe], [], [], 0 if ended else _POLL_SECONDS)[0]:
            data = os.read(pipe.fileno(), _CHUNK)
            if not data:
                return _until_end(process, watch)
            log.write(data)
            on_output(data)
        elif ended:
            return ""
        elif terminal is not None:
            _follow_stop(process.pid, terminal)


def _until_end(process: subprocess.Popen[bytes], watch: Callable[[], str] | None) -> str:
    """Wait for a command that closed its output."""
    while watch is not None:
        try:
            process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if cut := watch():
                return cut
        else:
            break
    return ""


@contextlib.contextmanager
def _terminal(group: int) -> Iterator[int | None]:
    """Give the terminal to a process group while the block runs, so that it can be read and Ctrl-C reaches it.

    Yields the terminal, or None where there is none to give.
    """
    try:
        handle = sys.__stdin__.fileno() if sys.__stdin__ else -1
        held = bool(group) and os.isatty(handle) and os.tcgetpgrp(handle) == os.getpgrp()
    except (OSError, ValueError):
        held = False
    if not held:
        yield None
        return
    _give(handle, group)
    _signal(group, signal.SIGCONT)
    try:
        yield handle
    finally:
        _give(handle, os.getpgrp())


def _follow_stop(group: int, terminal: int) -> None:
    """If Ctrl-Z stopped the command, stop too, as the user's shell sees only us; go on together."""
    if os.waitid(os.P_PID, group, os.WSTOPPED | os.WNOHANG) is None:
        return
    _give(terminal, os.getpgrp())
    os.killpg(os.getpgrp(), signal.SIGTSTP)
    _give(terminal, group)
    _signal(group, signal.SIGCONT)


def _give(handle: int, group: int) -> None:
    # whoever is not in the foreground is stopped for changing the terminal, unless the signal is blocked
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(handle, group)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _stop(running: list[subprocess.Popen[bytes]], patience: float) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        for process in running:
            _signal(process.pid, number)
        running = _alive_after(running, patience)


def _alive_after(processes: list[subprocess.Popen[bytes]], patience: float) -> list[subprocess.Popen[bytes]]:
    end = time.monotonic() + patience
    alive = [process for process in processes if _has_members(process)]
    while alive and time.monotonic() < end:
        time.sleep(0.02)
        alive = [process for process in alive if _has_members(process)]
    return alive


def _has_members(process: subprocess.Popen[bytes]) -> bool:
    """Whether anything of a process group still lives; its leader is reaped on the way."""
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def output_of(command: str) -> str | None:
    """What a short shell command of the user's prints; None if it fails."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)  # noqa: S602
    return done.stdout.strip() if done.returncode == 0 else None
