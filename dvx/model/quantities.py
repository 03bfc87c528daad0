"""Durations and sizes as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_BYTES = {"": 1, "b": 1} | {
    unit: factor
    for power, letter in enumerate("kmgt", 1)
    for unit, factor in ((letter, 1000**power), (f"{letter}b", 1000**power), (f"{letter}ib", 1024**power))
}
_WRITTEN = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*")


def seconds(value: Any) -> float:
    """A duration in seconds: a number, or a text as `90`, `1.5m`, `2h`. Raises ValueError."""
    return _quantity(value, _SECONDS, "a duration, as `30s`, `10m` or `2h`")


def size(value: Any) -> int:
    """A size in bytes: a number, or a text as `512MB`, `1.5GiB`. Raises ValueError."""
    return round(_quantity(value, _BYTES, "a size, as `500MB` or `2GiB`"))


def _quantity(value: Any, units: Mapping[str, float], expected: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf:
        return float(value)
    found = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[2].lower() not in units:
        raise ValueError(f"{expected} is expected, not `{value}`")
    return float(found[1]) * units[found[2].lower()]
