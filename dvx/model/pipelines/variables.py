"""Scope: the variables that `${...}` may name at one place of a pipeline file, and where each comes from.

Source of the rules: DVC's format. An expression is a path, `train.layers[0]`; there are no operators.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import SchemaError, nearest

Where = tuple[str | int, ...]

# possessive, so that a long text is refused at once
_EXPRESSION = re.compile(r"[^.\[\]]++(?:\.[^.\[\]]++|\[[^.\[\]]++\]\s*+)*+")
_WORD = re.compile(r"(?:^|[.\[])([^.\[\]]+)")


class FoundValue(Struct, frozen=True):
    """A value, and its path in the layers when it comes from there."""

    value: Any
    trail: Where | None = None

    def child(self, key: Any) -> FoundValue:
        """The value at a key or position of this one."""
        inner = self.value[key]
        if isinstance(inner, FoundValue):
            return inner
        return FoundValue(inner, None if self.trail is None else (*self.trail, key))


class Layer(Struct, frozen=True):
    """Variables from one source; the use of those in a file is recorded. `keys` is None for all that the file holds."""

    name: str
    values: Mapping[str, Any]
    is_file: bool = False
    keys: tuple[str, ...] | None = None


class VariableScope(Struct, frozen=True):
    """Layers merged into `values`. `own` holds `item` and `key` of a generated stage, which hide equal names."""

    layers: tuple[Layer, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)

    def having(self, layer: Layer, where: Where) -> VariableScope:
        """This scope and one more layer, which may add to mappings but redefine nothing."""
        for name in self.own:
            if name in layer.values:
                raise SchemaError(f"`{name}` is set by `foreach` and `matrix`", where, "give the variable another name")
        layer = replace(layer, values=tidy(layer.values))
        return VariableScope((*self.layers, layer), self._merge(self.values, layer.values, (layer.name,), where), self.own)

    def of_item(self, own: Mapping[str, Any]) -> VariableScope:
        """This scope for one generated stage."""
        return replace(self, own=tidy(own))

    def find(self, expression: str, where: Where) -> FoundValue:
        """The value that an expression names.

        Raises:
            SchemaError: it is malformed, or nothing has this name.
        """
        if not _EXPRESSION.fullmatch(expression):
            hint = "a variable is written `${name}`, `${group.name}` or `${list[0]}`"
            raise SchemaError(f"`${{{expression}}}` names no variable", where, hint)
        words = [word.strip() for word in _WORD.findall(expression)]
        found = FoundValue(self.own) if words[0] in self.own else FoundValue(self.values, ())
        for word in words:
            inner = _step(found, word)
            if inner is None:
                raise SchemaError(f"`{expression.strip()}` is not defined", where, self._hint(words))
            found = inner
        return found

    def file_of(self, trail: Where) -> str:
        """The file that defines the value at a path; empty when none does."""
        return next((layer.name for layer in self.layers if layer.is_file and _has(layer.values, trail)), "")

    def _hint(self, words: list[str]) -> str:
        wanted = ".".join(words)
        known = {dotted(path) for path in _paths(plain({**self.values, **self.own}))}
        # a key with a dot in it looks the same and cannot be named
        return nearest(wanted, known - {wanted}) or "variables come from `params.yaml` and from `vars`"

    def _merge(self, old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...], where: Where) -> Mapping[str, Any]:
        merged = dict(old)
        for name, value in new.items():
            if name not in old:
                merged[name] = value
            elif isinstance(old[name], Mapping) and isinstance(value, Mapping):
                merged[name] = self._merge(old[name], value, (*path, name), where)
            else:
                source, *trail = (*path, name)
                first = next(layer.name for layer in self.layers if _has(layer.values, tuple(trail)))
                message = f"`{dotted(tuple(trail))}` of `{source}` is already defined in `{first}`"
                raise SchemaError(message, where, "variables can be added, not redefined")
        return merged


def is_composite(value: Any) -> bool:
    """Whether it is a list or a mapping."""
    return isinstance(value, Mapping | list | tuple)


def dotted(trail: Where) -> str:
    """A path in one word: `lists.0.name`."""
    return ".".join(map(str, trail))


def plain(value: Any) -> Any:
    """A value without the marks of where its parts were found."""
    return _rebuilt(value.value if isinstance(value, FoundValue) else value, plain)


def tidy(value: Any) -> Any:
    """A value without the keys that are no texts: no expression can name them, and they count as absent."""
    if isinstance(value, Mapping):
        value = {key: item for key, item in value.items() if isinstance(key, str)}
    return _rebuilt(value, tidy)


def _rebuilt(value: Any, each: Callable[[Any], Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: each(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [each(item) for item in value]
    return value


def _step(found: FoundValue, word: str) -> FoundValue | None:
    value = found.value
    key: str | int = word
    if isinstance(value, list):
        try:
            key = range(len(value))[int(word)]
        except (ValueError, IndexError):
            return None
    elif not isinstance(value, Mapping) or word not in value:
        return None
    return found.child(key)


def _has(values: Any, trail: Where) -> bool:
    found: FoundValue | None = FoundValue(values)
    for word in trail:
        found = _step(found, str(word)) if found else None
    return found is not None


def _paths(value: Any, path: Where = ()) -> Iterator[Where]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _paths(item, (*path, key))
