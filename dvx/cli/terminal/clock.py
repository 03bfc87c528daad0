"""Times of day as tables show them."""

from __future__ import annotations

import datetime as dt

_LATEST = 253_402_214_400  # a day before the year 10000


def moment(seconds: float) -> str:
    """`06:49 AM` for a time of today, `Nov 27, 2026` for another, as DVC tells it; `seconds` are since the epoch."""
    found = local(seconds)
    today = dt.datetime.now(dt.UTC).astimezone().date()
    return found.strftime("%I:%M %p" if found.date() == today else "%b %d, %Y")


def local(seconds: float) -> dt.datetime:
    """Local time without a zone; what a commit says may be no time that there is."""
    return dt.datetime.fromtimestamp(min(max(seconds, 0), _LATEST), dt.UTC).astimezone().replace(tzinfo=None)
