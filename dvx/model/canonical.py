"""JSON with sorted keys: the one text of a value, by which values are hashed and compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any


def json_sorted(value: Any) -> str:
    """The text of `value`: sorted keys, `, ` and `: `, everything outside printable ASCII escaped.

    Two values have the same text only if they are equal and of the same types: 1, 1.0 and true differ.
    """
    try:
        return json.dumps(value, sort_keys=True)
    except TypeError:
        return json.dumps(_plain(value), sort_keys=True)


def ordered(keys: Iterable[Any]) -> list[Any]:
    """Keys of a user's mapping in order; those of several types, which have none, by their texts."""
    found = list(keys)
    try:
        return sorted(found)
    except TypeError:
        return sorted(found, key=lambda key: (_key(key), str(type(key))))


def _plain(value: Any) -> Any:
    # keys of several types do not sort, and JSON knows text only
    if isinstance(value, Mapping):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _key(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(_plain(key), sort_keys=True)
