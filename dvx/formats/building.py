"""YAML in, from any document: built straight from the parser's events, because PyYAML's constructor costs more than parsing."""

from __future__ import annotations

from typing import Any, NoReturn

import yaml
from yaml.events import AliasEvent, Event, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, StreamEndEvent

from dvx.formats.mistakes import DEPTH, mistake
from dvx.formats.scalars import plain_value
from dvx.model.paths import printable

_TABBED = 100_000
EXPANDED = 100_000
"""How many nodes aliases may stand for in one document."""

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)
}  # fmt: skip


def build(text: str, name: str) -> Any:
    """The value of a document; see `load_yaml`."""
    try:
        return _Builder(text, name).document()
    except yaml.MarkedYAMLError as error:
        marks: list[Any] = [mark for mark in (error.problem_mark, error.context_mark) if mark]
        # something that never ends: where it starts, or else the last line, says more than the end of the file
        inside = [mark for mark in marks if mark.index < len(text.rstrip())]
        where = (inside[0].line, inside[0].column) if inside else _last(text)
        raise mistake(text, name, where, error.problem or error.context or "not YAML") from None
    except (yaml.YAMLError, UnicodeEncodeError):
        raise mistake(text, name, _unprintable(text), "a character that YAML forbids") from None


def find(text: str, where: tuple[str | int, ...]) -> tuple[int, int]:
    """See `locate`."""
    try:
        node = yaml.compose(text, Loader)
    except yaml.YAMLError:
        return 1, 1
    mark = node.start_mark if node else None
    for part in where:
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
            if pair is None:
                break
            mark, node = pair[0].start_mark, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            mark = node.start_mark
        else:
            break
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


class _Builder:
    """Builds one document. `count` is the number of nodes, each alias counted with all it stands for."""

    __slots__ = ("anchors", "count", "expanded", "name", "next", "text")

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name = text, name
        self.next = _loader(text)(text).get_event
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.count = self.expanded = 0

    def document(self) -> Any:
        self.next()
        if self.next().__class__ is StreamEndEvent:
            return None
        value = self.node(self.next(), 0)
        self.next()
        event = self.next()
        if event.__class__ is not StreamEndEvent:
            self.refuse(event, "only one document may stand in the file")
        return value

    def node(self, event: Any, depth: int) -> Any:
        self.count += 1
        kind = event.__class__
        if kind is ScalarEvent and event.anchor is None:
            return plain_value(event.value) if event.implicit[0] else self.scalar(event)
        if kind is AliasEvent:
            return self.alias(event)
        before = self.count
        if kind is ScalarEvent:
            value = self.scalar(event)
        elif depth >= DEPTH:
            self.refuse(event, f"nested deeper than {DEPTH} levels")
        else:
            mapping = kind is MappingStartEvent
            if event.tag not in (None, "!", f"{_TAG}map" if mapping else f"{_TAG}seq"):
                self.refuse(event, f"the tag {_short(event.tag)} is not supported")
            value = self.mapping(depth + 1) if mapping else self.sequence(depth + 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self.count - before + 1)
        return value

    def scalar(self, event: Any) -> Any:
        if event.implicit[0]:
            return plain_value(event.value)
        if event.implicit[1] or event.tag in (None, "!", f"{_TAG}str"):
            return event.value
        value: Any = plain_value(event.value)
        kinds: tuple[type, ...] = _TYPES.get(event.tag.removeprefix(_TAG), ())
        if type(value) not in kinds:
            self.refuse(event, f"the tag {_short(event.tag)} is not supported here")
        return kinds[-1](value) if value is not None else None

    def alias(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            self.refuse(event, f"the alias {_short(event.anchor)} has no anchor before it")
        value, size = self.anchors[event.anchor]
        self.count += size
        self.expanded += size
        if self.expanded > EXPANDED:
            self.refuse(event, f"aliases stand for more than {EXPANDED} values")
        return value

    def sequence(self, depth: int) -> list[Any]:
        items = []
        while (event := self.next()).__class__ is not SequenceEndEvent:
            items.append(self.node(event, depth))
        return items

    def mapping(self, depth: int) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        merged: dict[Any, Any] | None = None
        while (event := self.next()).__class__ is not MappingEndEvent:
            if event.__class__ is ScalarEvent and event.value == "<<" and event.implicit[0]:
                if merged is not None:
                    self.refuse(event, "the key `<<` stands twice")
                merged = self.merge(event, depth)
                continue
            key = self.key(event, depth)
            if key in result:
                self.refuse(event, f"the key {_short(str(key))} stands twice")
            result[key] = self.node(self.next(), depth)
        return result if merged is None else {**merged, **result}

    def key(self, event: Any, depth: int) -> Any:
        if event.__class__ not in (ScalarEvent, AliasEvent):
            self.refuse(event, "a key must be a single value")
        key = self.node(event, depth)
        if isinstance(key, list | dict):
            self.refuse(event, "a key must be a single value")
        return key

    def merge(self, event: Event, depth: int) -> dict[Any, Any]:
        value = self.node(self.next(), depth)
        merged: dict[Any, Any] = {}
        for part in reversed(value if isinstance(value, list) else [value]):
            if not isinstance(part, dict):
                self.refuse(event, "`<<` merges mappings only")
            merged = {**merged, **part}
        return merged

    def refuse(self, event: Event, problem: str) -> NoReturn:
        mark: Any = event.start_mark
        raise mistake(self.text, self.name, (mark.line, mark.column), problem)


def _loader(text: str) -> Any:
    """What parses a text; large ones with tabs are taken as libyaml takes them."""
    return _Tabbed if "\t" in text and len(text) <= _TABBED else Loader


class _Tabbed(yaml.SafeLoader):
    """Takes tabs where DVC's parser does: in texts, comments and between brackets. libyaml takes them between words, too, and not
    at the beginning of a block, but is ten times as fast."""

    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        while self.flow_level and self.peek() == "\t":
            self.forward()
            super().scan_to_next_token()


def _last(text: str) -> tuple[int, int]:
    lines = text.rstrip().splitlines() or [""]
    return len(lines) - 1, len(lines[-1])


def _short(word: str) -> str:
    return f"`{printable(word.replace(_TAG, '!!')[:60])}`"


def _unprintable(text: str) -> tuple[int, int]:
    for number, line in enumerate(text.split("\n")):
        for column, char in enumerate(line):
            if not char.isprintable() and char not in "\t\r\x85\xa0":
                return number, column
    return 0, 0
