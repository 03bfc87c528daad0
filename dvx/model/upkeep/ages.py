"""Ages: how old something in a store is, and when that is in doubt. All moments are in seconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime

DAY = 86_400.0
# a project that nobody touched for a season is rarer than a clock that is set to another year
_IDLE = 90 * DAY
_BACK = DAY
_DOUBTFUL = 14 * DAY
_SKEW = 300.0


def is_surely_young(modified: float, now: float, within: float) -> bool:
    """Whether something was written in the last `within` seconds, by clocks that may differ by some minutes.

    What seems to come from the future was written by another clock, so that nobody knows; what has no time (it is infinite) is
    never taken for old by anybody.
    """
    return modified == float("inf") or now - within < modified < now + _SKEW


def has_jumped(last: float, now: float) -> bool:
    """Whether the clock was set, or so much time has passed since a command ran that nobody can tell; `last` is when that was."""
    return now > last + _IDLE or now < last - _BACK


def is_doubtful(jumped: float, now: float) -> bool:
    """Whether ages are in doubt after a jump of the clock to the moment `jumped`: for as long as anything is kept."""
    return now < jumped + _DOUBTFUL


def day(moment: float) -> str:
    """A moment as a day, in UTC."""
    try:
        return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return "another age"
