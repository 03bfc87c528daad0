"""Signals that this process ignores, and what it starts does not."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_QUIET = (signal.SIGINT, signal.SIGQUIT)
"""What a shell tells whatever it starts with `&` to ignore. SIGHUP is not among them: `nohup` is meant for all that follows."""


@contextlib.contextmanager
def defaults() -> Iterator[None]:
    """Processes that start in the block can be interrupted, also if this one was told to ignore that, and goes on doing so."""
    ignored = [number for number in _QUIET if is_ignored(number)] if threading.current_thread() is threading.main_thread() else []
    for number in ignored:
        # a handler, unlike "ignore", does not pass to another program
        signal.signal(number, _nothing)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


def is_ignored(number: int) -> bool:
    """Whether who started this process told it to ignore a signal."""
    return signal.getsignal(number) is signal.SIG_IGN


def _nothing(_number: int, _frame: FrameType | None) -> None:
    pass
