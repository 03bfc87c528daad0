"""Overrides of parameters: `-S train.lr=0.1` read, and done to a value."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, MutableMapping
from enum import Enum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError, UsageError, nearest
from dvx.model.compare.params import Key, flatten, lookup, number_of, parse_key, position, same
from dvx.model.experiments.override_value import parse_value


class Op(Enum):
    """What an override does to its key, by the prefix it is written with."""

    CHANGE = ""
    ADD = "+"
    FORCE = "++"
    REMOVE = "~"


class Override(Struct, frozen=True):
    """One change of one value of a parameters file; `path` is the file: as typed, later in the project."""

    path: str
    key: Key
    op: Op
    value: Any = None

    @property
    def name(self) -> str:
        """The key as text."""
        return _dotted(self.key)


class Edit(Struct, frozen=True):
    """One change of a document: the value at a key (as the document has its parts), new or changed, or else `removed`."""

    key: tuple[Any, ...]
    value: Any = None
    removed: bool = False


def parse_override(text: str, default_file: str) -> Override:
    """Read `[FILE:]KEY=VALUE`, `+KEY=VALUE` (add), `++KEY=VALUE` (add or change), `~KEY` (remove).

    Raises:
        UsageError: it is none of these, or stands for several values.
    """
    head = text.partition("=")[0]
    file, colon, rest = text.partition(":") if ":" in head else (default_file, "", text)
    op = next(op for op in (Op.FORCE, Op.ADD, Op.REMOVE, Op.CHANGE) if rest.startswith(op.value))
    name, equals, value = rest[len(op.value) :].partition("=")
    key = parse_key(name.strip())
    if not key or (colon and not file):
        raise UsageError(f"`{text}` names no parameter", "write it as `train.lr=0.1` or `FILE:train.lr=0.1`")
    if not equals:
        if op is not Op.REMOVE:
            raise UsageError(f"`{text}` has no value", f"write `{name}=VALUE`, or `~{name}` to remove the parameter")
        return Override(file, key, op)
    return Override(file, key, op, parse_value(value))


def apply(value: Any, override: Override) -> Any:
    """A copy of `value` with the override done.

    Raises:
        DvxError: the key is unknown (or known, when it should be added), with the way out.
    """
    copied = _copied({} if value is None else value)
    put(copied, override)
    return copied


def edits(value: Any, override: Override) -> list[Edit]:
    """What an override changes in a document, in as small pieces as there are.

    Raises:
        DvxError: as `apply`.
    """
    before = {} if value is None else value
    after = apply(before, override)
    if override.op is Op.REMOVE:
        found = before
        key = []
        for part in override.key:
            key.append(position(found, part))
            found = found[key[-1]]
        return [Edit(tuple(key), removed=True)]
    return list(_edits(before, after, ()))


def _edits(before: Any, after: Any, key: tuple[Any, ...]) -> Iterator[Edit]:
    if isinstance(before, dict) and isinstance(after, dict):
        places: Iterable[Any] = after
        known: Container[Any] = before.keys()
        yield from (Edit((*key, name), removed=True) for name in before if name not in after)
    elif isinstance(before, list) and isinstance(after, list) and before and after:
        places, known = range(len(after)), range(len(before))
        yield from (Edit((*key, at), removed=True) for at in reversed(range(len(after), len(before))))
    else:
        places, known = (), ()
        if not same(before, after):
            yield Edit(key, after)
    for at in places:
        if at in known:
            yield from _edits(before[at], after[at], (*key, at))
        else:
            yield Edit((*key, at), after[at])


def put(document: Any, override: Override) -> None:
    """Do the override in place; `document` may be that of a library that keeps comments."""
    target = document
    for depth, part in enumerate(override.key[:-1]):
        place = position(target, part)
        if place is None:
            if override.op not in (Op.ADD, Op.FORCE) or not isinstance(target, MutableMapping):
                raise _unknown(document, override, depth)
            target[part] = {}
            place = part
        elif override.op is Op.FORCE and not isinstance(target[place], Mapping | list):
            target[place] = {}
        target = target[place]
    _put_last(document, target, override)


def _put_last(document: Any, target: Any, override: Override) -> None:
    part, value = override.key[-1], override.value
    place = position(target, part)
    if override.op is Op.REMOVE:
        if place is None:
            raise _unknown(document, override, len(override.key) - 1)
        del target[place]
    elif place is None:
        if override.op is Op.CHANGE or not _can_add(target, part):
            raise _unknown(document, override, len(override.key) - 1)
        if isinstance(target, list):
            target.append(_copied(value))
        else:
            target[part] = _copied(value)
    elif isinstance(value, Mapping) and isinstance(target[place], Mapping):
        for key, item in value.items():
            put(document, replace(override, key=(*override.key, key), value=item))
    elif override.op is Op.ADD:
        raise DvxError(f"`{override.name}` is already in `{override.path}`", f"write `{override.name}=...` to change it")
    else:
        target[place] = _copied(value)


def _can_add(target: Any, part: str | int) -> bool:
    if isinstance(target, list):
        return number_of(part) == len(target)
    return isinstance(target, Mapping)


def _unknown(document: Any, override: Override, depth: int) -> DvxError:
    name = _dotted(override.key)
    above = lookup(document, override.key[:depth])
    if above and not isinstance(above[0], Mapping | list):
        return DvxError(f"`{_dotted(override.key[:depth])}` in `{override.path}` is a value and has no parameters below it")
    hints = [nearest(name, flatten(document))]
    if override.op is not Op.REMOVE:
        hints.append(f"write `+{name}=...` to add it")
    return DvxError(f"there is no parameter `{name}` in `{override.path}`", "; ".join(filter(None, hints)))


def _dotted(key: Key) -> str:
    return ".".join(str(part) for part in key)


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value
