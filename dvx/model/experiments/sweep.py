"""Sweeps: an override that stands for several values, `lr=0.1,0.2`, `choice(a,b)`, `range(1,10,3)`, and all their combinations.

Source of the grammar: Hydra's basic sweeper, as DVC uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from itertools import islice, product
from typing import Any

from dvx.errors import UsageError
from dvx.model.experiments.override import Override, parse_override
from dvx.model.experiments.override_value import arguments_of, parse_value, parts_of

_MOST = 100_000
_WRITE = "write `choice(a,b)`, `range(1,10)` or `a,b`"


def parse_sweep(text: str, default_file: str) -> tuple[Override, ...]:
    """The overrides that a text stands for, one for each value.

    Raises:
        UsageError: as `parse_override`; also for a sweep without an end.
    """
    head, equals, value = text.partition("=")
    values = _values(value) if equals else ()
    if len(values) < 2:
        return (parse_override(f"{head}={values[0]}" if values else text, default_file),)
    return tuple(parse_override(f"{head}={one}", default_file) for one in values)


def combine(sweeps: Sequence[Sequence[Override]]) -> list[tuple[Override, ...]]:
    """Every combination of one override from each, the last changing fastest.

    Raises:
        UsageError: there are too many.
    """
    found = list(islice(product(*sweeps), _MOST + 1))
    if len(found) > _MOST:
        raise UsageError(f"the sweep stands for more than {_MOST:,} experiments", "name fewer values")
    return found


def _values(text: str) -> Sequence[str]:
    """The texts of the values that a text stands for; none if it is for `parse_override` to say what is wrong."""
    called = arguments_of(text)
    if called is None:
        return parts_of(text)
    name, arguments = called
    if name == "choice":
        if not arguments:
            raise UsageError(f"`{text}` names no value", _WRITE)
        return arguments
    if name == "range":
        return _range(text, arguments)
    raise UsageError(f"`{text}` cannot be taken apart into values", _WRITE)


def _range(text: str, arguments: Sequence[str]) -> Sequence[str]:
    """`range([start,] stop [, step])`, without `stop`; exact for decimal fractions."""
    given: list[Any] = [_named(one) for one in arguments]
    words = {name: value for name, value in given if name}
    plain = [value for name, value in given if not name]
    if len(plain) == 1 and "start" not in words:
        plain = ["0", *plain] if "stop" not in words else plain
    for name, value in zip(("start", "stop", "step"), plain, strict=False):
        words.setdefault(name, value)
    try:
        start, stop, step = (Decimal(words.get(name, default)) for name, default in (("start", "0"), ("stop", ""), ("step", "1")))
    except InvalidOperation:
        raise UsageError(f"`{text}` is no range of numbers", "write `range(STOP)` or `range(START,STOP,STEP)`") from None
    if not step or not all(number.is_finite() for number in (start, stop, step)) or (stop - start) / step > _MOST:
        raise UsageError(f"`{text}` has no end, or too many values", "choose another step")
    whole = all("." not in str(number) and "E" not in str(number) for number in (start, stop, step))
    found = []
    while (start < stop) if step > 0 else (start > stop):
        found.append(str(int(start)) if whole else str(float(start)))
        start += step
    if not found:
        raise UsageError(f"`{text}` holds no value", "the step leads away from the end")
    return found


def _named(argument: str) -> tuple[str, str]:
    name, equals, value = argument.partition("=")
    text = (value if equals else name).strip()
    number = parse_value(text)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return name.strip() if equals else "", "none"
    return name.strip() if equals else "", text.replace("_", "")
