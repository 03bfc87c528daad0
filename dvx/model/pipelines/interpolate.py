"""Interpolator: replaces `${...}` in a loaded document by the variables that are named.

Source of the rules: DVC's format.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from shlex import quote
from typing import Any

from msgspec import Struct, field

from dvx.errors import SchemaError
from dvx.model.pipelines.expanded import OPEN, CommandStyle, as_text
from dvx.model.pipelines.variables import FoundValue, VariableScope, Where, dotted, is_composite, plain

_ESCAPED = "\\${"
_REFERENCE = re.compile(r"(?<!\\)\$\{([^}\n]*)\}")
_RAW = "!r"
_LIMIT = 1 << 26


class Use(Enum):
    """Where a text stands, which says what its variables may be."""

    FIELD = "a value of a stage: no lists or mappings; the variables count as used"
    COMMAND = "a command: the same, but inside a longer text a mapping becomes options"
    NAME = "a key outside of stages: no lists or mappings"
    DATA = "a top-level value: anything, when it is the whole text"
    ITEMS = "the values of `foreach` or `matrix`: anything, as Found"


_RECORDED = (Use.FIELD, Use.COMMAND)


class Ledger(Struct):
    """What an expansion has used so far: variables by file, and characters, which are limited."""

    used: dict[str, set[str]] = field(default_factory=dict)
    characters: int = 0

    def note(self, file: str, trail: Where) -> None:
        """Record the use of a file's variable."""
        if file:
            self.used.setdefault(file, set()).add(dotted(trail))

    def spend(self, characters: int, where: Where) -> None:
        """Count text that is made: a few lines could otherwise fill the memory."""
        self.characters += characters
        if self.characters > _LIMIT:
            raise SchemaError(f"the templates expand to more than {_LIMIT >> 20} MiB", where)


class Interpolator(Struct, frozen=True):
    """Replaces `${...}` by the variables of a scope."""

    scope: VariableScope
    style: CommandStyle
    ledger: Ledger

    def resolve(self, value: Any, where: Where, use: Use) -> Any:
        """`value` with every text and key in it resolved; `where` is its place in the document."""
        if isinstance(value, str):
            return self._text(value, where, use) if OPEN in value else value
        if isinstance(value, Mapping):
            return {self._key(key, (*where, key), use): self.resolve(item, (*where, key), use) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item, (*where, index), use) for index, item in enumerate(value)]
        return value

    def _key(self, key: Any, where: Where, use: Use) -> Any:
        return (
            self._text(key, where, Use.FIELD if use in _RECORDED else Use.NAME) if isinstance(key, str) and OPEN in key else key
        )

    def _text(self, text: str, where: Where, use: Use) -> Any:
        if whole := _REFERENCE.fullmatch(text):
            return self._whole(whole[1], where, use)
        parts = []
        end = 0
        for match in _REFERENCE.finditer(text):
            parts += [text[end : match.start()], self._part(match[1], where, use)]
            self.ledger.spend(len(parts[-1]), where)
            end = match.end()
        self.ledger.spend(len(text), where)
        return "".join([*parts, text[end:]]).replace(_ESCAPED, OPEN)

    def _whole(self, expression: str, where: Where, use: Use) -> Any:
        found = self._find(expression.removesuffix(_RAW) if self._quotes(use) else expression, where, use)
        if use is Use.ITEMS:
            return found
        if use is not Use.DATA and is_composite(found.value):
            raise _refused(expression, found.value, where)
        return plain(found.value)

    def _part(self, expression: str, where: Where, use: Use) -> str:
        quotes = self._quotes(use) and not expression.endswith(_RAW)
        value = self._find(expression.removesuffix(_RAW) if self._quotes(use) else expression, where, use).value
        if use is Use.COMMAND and isinstance(value, Mapping):
            return _options(plain(value), self.style, where)
        if is_composite(value):
            raise _refused(expression, value, where)
        return quote(value) if quotes and isinstance(value, str) else as_text(value)

    def _quotes(self, use: Use) -> bool:
        return self.style.quote and use is Use.COMMAND

    def _find(self, expression: str, where: Where, use: Use) -> FoundValue:
        found = self.scope.find(expression, where)
        if use in _RECORDED and found.trail is not None and not is_composite(found.value):
            self.ledger.note(self.scope.file_of(found.trail), found.trail)
        return found


def names_variables(value: Any) -> bool:
    """Whether a variable is named anywhere in it."""
    if isinstance(value, str):
        return _REFERENCE.search(value) is not None
    if isinstance(value, Mapping):
        return any(names_variables(key) or names_variables(item) for key, item in value.items())
    return isinstance(value, list) and any(map(names_variables, value))


def kind(value: Any) -> str:
    """What a value is, in words."""
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if is_composite(value) else f"`{as_text(value)}`"


def _refused(expression: str, value: Any, where: Where) -> SchemaError:
    hint = "name one of its values"
    if isinstance(value, Mapping):
        hint += "; only in `cmd`, after the program, a mapping becomes options"
    return SchemaError(f"`{OPEN}{expression}}}` is {kind(value)}, which cannot stand here", where, hint)


def _options(values: Mapping[str, Any], style: CommandStyle, where: Where, prefix: str = "") -> str:
    words = []
    for key, value in values.items():
        name = prefix + key
        if isinstance(value, Mapping):
            words.append(_options(value, style, where, name + "."))
        elif isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}" if style.booleans == "boolean_optional" else "")
        elif isinstance(value, list):
            words += _list_options(name, value, style, where)
        else:
            words.append(f"--{name} {_shell_word(value)}")
    return " ".join(filter(None, words))


def _list_options(name: str, values: list[Any], style: CommandStyle, where: Where) -> list[str]:
    for value in values:
        if is_composite(value):
            raise SchemaError(f"the list `{name}` holds {kind(value)}, which cannot become an option", where)
    words = [_shell_word(value) for value in values]
    if style.lists == "append":
        return [f"--{name} {word}" for word in words]
    return [f"--{name}", *words] if words else []


def _shell_word(value: Any) -> str:
    return quote(value) if isinstance(value, str) else str(value)
