"""Limits on time that hold on slow and busy machines: seconds of an idle one, times how much slower this one is just now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_ROUNDS = 1_000_000
_SECONDS = 0.05
"""What the rounds take on an idle machine."""


@contextmanager
def within(seconds: float, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Fail if the block takes longer by `clock`."""
    start = clock()
    yield
    taken = clock() - start
    assert taken < seconds or taken < seconds * slowness(clock), taken


def slowness(clock: Callable[[], float] = time.process_time) -> float:
    """How many times as long as on an idle machine a fixed piece of work takes by `clock`; never less than 1."""
    start = clock()
    total = 0
    for number in range(_ROUNDS):
        total += number * number
    return max(1.0, (clock() - start) / _SECONDS)


def is_alive(pid: int) -> bool:
    """Whether a process works, and is not only waiting to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
