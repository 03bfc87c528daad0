"""Shell: runs jobs, each in a process group of its own.

A job writes into its log itself, and into its trace what becomes of it, so that it needs nobody: when this process is killed,
the next one can take it up. When the work is interrupted, whole groups are stopped: what a command started does not outlive it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import BinaryIO

from msgspec import Struct

from dvx.shell.processes import Process, ending, signal_group, stop_groups
from dvx.shell.signals import defaults, is_ignored
from dvx.shell.terminal import follow_stop, terminal_of
from dvx.shell.trace import SCRIPT, Outlived, Trace, read_trace

_CHUNK = 1 << 16
_POLL_SECONDS = 0.05
_FLAGS = {"bash": "--noprofile --norc", "zsh": "--no-rcs", "fish": "--no-config"}
_INTERRUPTED = (-signal.SIGINT, 128 + signal.SIGINT)


class Job(Struct, frozen=True):
    """Commands to run one after the other in the folder `cwd` (absolute), each as a process of the user's shell.

    They write to the end of the file `log`, which is open for reading, too. The file at `trace` gets what `read_trace` reads.
    """

    lines: tuple[str, ...]
    cwd: str
    environ: Mapping[str, str]
    log: BinaryIO
    trace: str
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
        self._running: dict[int, Process] = {}
        self._stopped = False
        self._starting = False
        self._interrupted = False

    def run(self, job: Job, on_output: Callable[[bytes], None]) -> Ended:
        """Run a job until a command fails.

        Raises:
            KeyboardInterrupt: the job was stopped, however its command ended then, or the user pressed Ctrl-C while it held
                the terminal.
        """
        heard = _Heard(job.log, os.fstat(job.log.fileno()).st_size, on_output, job.watch)
        process = self._start(job)
        cut = ""
        try:
            self.check()
            with terminal_of(process.pid if job.attended else 0) as terminal:
                cut = _tee(process, heard, terminal)
                if cut:
                    stop_groups([process], self._patience)
                    heard.more()
                code = process.wait()
        except BaseException:
            stop_groups([process], self._patience)
            # what it said to the end may be the reason, or the answer
            heard.more()
            raise
        finally:
            if process.poll() is None:
                signal_group(process.pid, signal.SIGKILL)
            self._forget(process)
        # a command may answer a signal by writing what it has so far and exiting with 0
        self.check()
        if terminal is not None and code in _INTERRUPTED:
            raise KeyboardInterrupt
        return Ended(_latest(job), 128 - code if code < 0 else code, cut)

    def follow(self, trace: Trace, log: BinaryIO, on_output: Callable[[bytes], None], watch: Callable[[], str] | None) -> str:
        """Wait for a job that another process began, passing on all of its log; returns why it was stopped, if it was.

        `log` and `watch` are what they are in a Job.

        Raises:
            KeyboardInterrupt: as for `run`; the job is stopped then.
        """
        process = Outlived(trace)
        with self._guard:
            self._running[process.pid] = process
        try:
            self.check()
            cut = _tee(process, _Heard(log, 0, on_output, watch), None)
            if cut:
                stop_groups([process], self._patience)
        except BaseException:
            stop_groups([process], self._patience)
            raise
        finally:
            self._forget(process)
        self.check()
        return cut

    def stop(self, *, now: bool = False) -> None:
        """Stop all that runs: ask with SIGINT and SIGTERM, then kill; `now` does not ask."""
        with self._guard:
            self._stopped = True
            running = list(self._running.values())
        stop_groups(running, 0.0 if now else self._patience)

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
    def stopping(self) -> Iterator[None]:
        """Stop what runs when the block is left by an exception: a pool of threads would wait for it."""
        try:
            yield
        except BaseException:
            self.stop()
            raise

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Treat SIGTERM and SIGHUP like Ctrl-C, and stop what still runs when the block is left by an exception.

        What this process was told to ignore (`nohup`, a script's `&`) it goes on ignoring.
        """
        previous = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if not is_ignored(number):
                    previous[number] = signal.signal(number, self._interrupt)
        try:
            with defaults(), self.stopping():
                yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _forget(self, process: Process) -> None:
        with self._guard:
            self._running.pop(process.pid, None)

    def _start(self, job: Job) -> subprocess.Popen[bytes]:
        with self._guard:
            if self._stopped:
                raise KeyboardInterrupt
            self._starting = threading.current_thread() is threading.main_thread()
            try:
                process = subprocess.Popen(
                    ["/bin/sh", "-c", SCRIPT, job.trace, *shell_words(job.environ, job.shell), *job.lines],
                    cwd=job.cwd,
                    env=dict(job.environ),
                    stdin=None if job.attended else subprocess.DEVNULL,
                    stdout=job.log,
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


def shell_words(environ: Mapping[str, str], chosen: str = "") -> tuple[str, str]:
    """The user's shell, or the `chosen` one, and the flags, apart by blanks, that keep it from its start-up files."""
    shell = chosen or environ.get("SHELL") or "/bin/sh"
    return shell, _FLAGS.get(os.path.basename(shell), "")


class _Heard:
    """Passes on what a job writes into its log, from the byte `place`."""

    def __init__(self, log: BinaryIO, place: int, on_output: Callable[[bytes], None], watch: Callable[[], str] | None) -> None:
        self._log = log.fileno()
        self._place = place
        self._on_output = on_output
        self.watch = watch

    def more(self) -> None:
        """Pass on what is there now, and no further: a command may write faster than this reads."""
        end = os.fstat(self._log).st_size
        while self._place < end and (data := os.pread(self._log, min(_CHUNK, end - self._place), self._place)):
            self._place += len(data)
            self._on_output(data)


def _tee(process: Process, heard: _Heard, terminal: int | None) -> str:
    """Pass on the output of a job until the process that leads it ends; what it left in the background may still write.

    Returns why the job must be stopped, if it must.
    """
    with ending(process) as ended:
        while True:
            over = ended(_POLL_SECONDS)
            heard.more()
            if over:
                return ""
            if heard.watch is not None and (cut := heard.watch()):
                return cut
            if terminal is not None:
                follow_stop(process.pid, terminal)


def _latest(job: Job) -> str:
    """The line of a job that began last."""
    try:
        with open(job.trace, encoding="utf-8", errors="replace") as reading:
            begun = read_trace(reading.read()).line
    except OSError:
        # it was told to write there; a full disk keeps it from that
        begun = 1
    return ("", *job.lines)[min(begun, len(job.lines))]
