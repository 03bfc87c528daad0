"""Times of day as tables show them."""

from __future__ import annotations

import datetime as dt


def moment(seconds: float) -> str:
    """`06:49 AM` for a time of today, `Nov 27, 2026` for another, as DVC tells it; `seconds` are since the epoch."""
    found = local(seconds)
    today = dt.datetime.now(dt.UTC).astimezone().date()
    return found.strftime("%I:%M %p" if found.date() == today else "%b %d, %Y")


def local(seconds: float) -> dt.datetime:
    """Local time without a zone."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).astimezone().replace(tzinfo=None)
