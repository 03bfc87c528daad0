"""Parameters and metrics as values: chosen by key, flattened, compared.

A key is a path: `train.layers[0]` and `train.layers.0` are ("train", "layers", 0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from dvx.model.canonical import json_sorted

Key = tuple[str | int, ...]

# no list is so long that its places need more digits
_INDEX = r"\[[0-9]{1,18}\]"
_KEY = re.compile(rf"[^.\[\]]+(?:\.[^.\[\]]+|{_INDEX})*")
_PARTS = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")
_NUMBER = re.compile(r"[0-9]{1,18}")
_DEEP = "**"
# what a pattern costs grows with the square of its length
_LONGEST_PATTERN = 1000


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


def is_pattern(key: str) -> bool:
    """Whether a key may stand for another one: `grp.ab*`, `**.lr`."""
    return len(key) <= _LONGEST_PATTERN and any(sign in key for sign in "*?[")


def found_at(value: Any, key: str) -> list[tuple[str, Key, Any]]:
    """What a key means: the name, the place and the value of one parameter or none, of a pattern maybe of several.

    As in DVC, `*`, `?` and `[...]` are those of a shell and stay between two dots, and one `**` is any number of parts. What a
    key means literally goes first.
    """
    path = parse_key(key)
    literal = lookup(value, path) if path else ()
    if literal:
        return [(key, path, literal[0])]
    parts = key.lstrip(".").split(".")
    if not is_pattern(key) or parts.count(_DEEP) > 1:
        return []
    return [(".".join(map(str, place)), place, item) for place, item in _matching(value, parts)]


def _matching(value: Any, parts: list[str]) -> Iterator[tuple[Key, Any]]:
    """The places below a value that a pattern fits."""
    first, rest = parts[0], parts[1:]
    if first == _DEEP and rest:
        yield from _matching(value, rest)
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for part, item in items:
        if first != _DEEP and not _fits(part, first):
            continue
        if not rest:
            yield (part,), item
        for place, inner in _matching(item, parts) if first == _DEEP else _matching(item, rest) if rest else ():
            yield (part, *place), inner


def _fits(part: Any, pattern: str) -> bool:
    number = number_of(pattern) if isinstance(part, int) else None
    return fnmatchcase(str(part), pattern) if number is None else part == number


def select(value: Any, keys: Iterable[str]) -> dict[str, Any]:
    """The values of dotted keys; those that are missing are left out, and patterns that fit several."""
    found = {key: found_at(value, key) for key in keys}
    return {key: places[0][-1] for key, places in found.items() if len(places) == 1}


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


def picked(value: Any, keys: Iterable[str]) -> dict[str, Any]:
    """What dotted keys mean of a value, as the mapping of mappings that it is there; a key with a list in it stays as it is."""
    result: dict[str, Any] = {}
    for key in keys:
        for name, place, item in found_at(value, key):
            words = [str(part) for part in place]
            if any(word.isdecimal() for word in words):
                result[name] = item
                continue
            target = result
            for word in words[:-1]:
                target = target.setdefault(word, {})
            target[words[-1]] = item
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
