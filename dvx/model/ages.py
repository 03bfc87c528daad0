"""Ages: how old something in a store is, and when that is in doubt. All moments are in seconds since the epoch."""

from __future__ import annotations

DAY = 86_400.0
_SKEW = 300.0


def is_surely_young(modified: float, now: float, within: float) -> bool:
    """Whether something was written in the last `within` seconds, by clocks that may differ by some minutes.

    What seems to come from the future was written by another clock, so that nobody knows; what has no time (it is infinite) is
    never taken for old by anybody.
    """
    return modified == float("inf") or now - within < modified < now + _SKEW
