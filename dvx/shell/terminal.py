"""The terminal, which a command gets while it runs: so it can be read, and Ctrl-C and Ctrl-Z reach the command."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

from dvx.shell.processes import signal_group


@contextlib.contextmanager
def terminal_of(group: int) -> Iterator[int | None]:
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
    signal_group(group, signal.SIGCONT)
    try:
        yield handle
    finally:
        _give(handle, os.getpgrp())


def follow_stop(group: int, terminal: int) -> None:
    """If Ctrl-Z stopped the command, stop too, as the user's shell sees only us; go on together."""
    if os.waitid(os.P_PID, group, os.WSTOPPED | os.WNOHANG) is None:
        return
    _give(terminal, os.getpgrp())
    os.killpg(os.getpgrp(), signal.SIGTSTP)
    _give(terminal, group)
    signal_group(group, signal.SIGCONT)


def _give(handle: int, group: int) -> None:
    # whoever is not in the foreground is stopped for changing the terminal, unless the signal is blocked
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(handle, group)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)
