"""Processes that lead a group each: waiting for one, and stopping whole groups."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol


class Process(Protocol):
    """A process, ours or not; `poll` gives None as long as it works."""

    pid: int

    def poll(self) -> int | None:
        """Look."""


@contextlib.contextmanager
def ending(process: Process) -> Iterator[Callable[[float], bool]]:
    """Yields a function that waits some seconds for a process to end, and says whether it did."""
    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        # no Linux, or it has ended
        yield lambda seconds: not _alive_after([process], seconds, _lives)
        return
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    try:
        yield lambda seconds: bool(poll.poll(seconds * 1000))
    finally:
        os.close(handle)


def stop_groups(running: Iterable[Process], patience: float) -> None:
    """Ask with SIGINT and SIGTERM, then kill; each signal is given `patience` seconds."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        for process in running:
            signal_group(process.pid, number)
        # nothing resists the last one, but what it ended may wait for long until the system lets it go
        running = _alive_after(running, patience, _has_members if number != signal.SIGKILL else _lives)


def _alive_after(processes: Iterable[Process], seconds: float, lives: Callable[[Process], bool]) -> list[Process]:
    end = time.monotonic() + seconds
    alive = [process for process in processes if lives(process)]
    while alive and time.monotonic() < end:
        time.sleep(0.02)
        alive = [process for process in alive if lives(process)]
    return alive


def _lives(process: Process) -> bool:
    return process.poll() is None


def _has_members(process: Process) -> bool:
    """Whether anything of a process group still lives; its leader is reaped on the way."""
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def signal_group(group: int, number: int) -> None:
    """Send a signal to a process group, if there still is one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
