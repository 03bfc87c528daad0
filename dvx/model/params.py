"""Parameters and metrics as values: chosen by key, flattened, compared.

A key is a path: `train.layers[0]` and `train.layers.0` are ("train", "layers", 0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from dvx.model.canonical import json_sorted

Key = tuple[str | int, ...]

# no list is so long that its places need more digits
_INDEX = r"\[[0-9]{1,18}\]"
_KEY = re.compile(rf"[^.\[\]]+(?:\.[^.\[\]]+|{_INDEX})*")
_PARTS = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")
_NUMBER = re.compile(r"[0-9]{1,18}")


class Change(Struct, frozen=True):
    """One key in two states; None where it is missing."""

    old: Any
    new: Any

    @property
    def difference(self) -> int | float | None:
        """`new - old`, if both are numbers (as DVC counts them: true is 1)."""
        if not isinstance(self.old, int | float) or not isinstance(self.new, int | float):
            return None
        try:
            return self.new - self.old
        except OverflowError:
            return None


def parse_key(name: str) -> Key:
    """The path that a key's text means; empty if it means none."""
    if not _KEY.fullmatch(name):
        return ()
    return tuple(int(index) if index else word for index, word in _PARTS.findall(name))


def lookup(value: Any, key: Key) -> tuple[Any, ...]:
    """The value at a key as a tuple of one; an empty tuple if there is none."""
    for part in key:
        place = position(value, part)
        if place is None:
            return ()
        value = value[place]
    return (value,)


def position(container: Any, part: str | int) -> Any:
    """The key or position in `container` that `part` names; None if there is none."""
    if isinstance(container, Mapping):
        numbers = (number_of(part),) if isinstance(part, str) and number_of(part) is not None else (str(part),)
        return next((key for key in (part, *numbers) if key in container), None)
    number = number_of(part)
    return number if isinstance(container, list) and number is not None and number < len(container) else None


def number_of(part: str | int) -> int | None:
    """The place in a list that a part of a key may mean."""
    return int(part) if _NUMBER.fullmatch(str(part)) else None


def select(value: Any, keys: Iterable[str]) -> dict[str, Any]:
    """The values of dotted keys; those that are missing are left out."""
    found = {}
    for key in keys:
        path = parse_key(key)
        if path and (item := lookup(value, path)):
            found[key] = item[0]
    return found


def flatten(value: Any) -> dict[str, Any]:
    """Leaves by dotted key. A list is a leaf; an empty mapping has none; the key of a value that is no mapping is empty."""
    if not isinstance(value, dict):
        return {"": value}
    leaves: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            for inner, leaf in flatten(item).items():
                leaves[f"{key}.{inner}" if inner else str(key)] = leaf
        else:
            leaves[str(key)] = item
    return leaves


def measured(value: Any) -> Any:
    """A metrics file's value without what is no metric: only numbers, texts, booleans and mappings that hold some stay."""
    if isinstance(value, Mapping):
        below = {key: measured(item) for key, item in value.items()}
        return {key: item for key, item in below.items() if item not in (None, {})}
    return value if isinstance(value, int | float | str) else None


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted key as the mapping of mappings that they come from; a key with a list in it stays as it is."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        words = [str(part) for part in parse_key(name)]
        if any(word.isdecimal() for word in words):
            result[name] = value
            continue
        target = result
        for word in words[:-1]:
            target = target.setdefault(word, {})
        target[words[-1]] = value
    return result


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal as parameters: 1, 1.0 and true are not."""
    if one is None or other is None:
        return one is other
    return json_sorted(one) == json_sorted(other)


def diff(old: Mapping[str, Any], new: Mapping[str, Any], *, unchanged: bool = False) -> dict[str, Change]:
    """The keys of two flat mappings that differ (with `unchanged` all), sorted. Null is like missing."""
    return {
        key: Change(old.get(key), new.get(key))
        for key in sorted({*old, *new})
        if unchanged or not same(old.get(key), new.get(key))
    }
