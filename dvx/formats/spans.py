"""A YAML document as nodes that know where their text is: for changes that touch one value's text and no other character."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from yaml.events import AliasEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, StreamEndEvent

from dvx.formats.building import Loader
from dvx.formats.scalars import plain_value

Said = tuple[Any, ...]
"""What an event says, without its place."""


class Node(Struct):
    """A value: its text from `start` (anchor and tag included) to `end`, its events from `first` to before `last`.

    `value` is that of a scalar, or the name of the anchor that an alias stands for. `keys` are those of a mapping.
    """

    value: Any
    start: int
    end: int
    first: int
    last: int = 0
    anchor: str = ""
    is_alias: bool = False
    is_flow: bool = False
    keys: tuple[Node, ...] | None = None
    items: tuple[Node, ...] | None = None

    @property
    def pairs(self) -> Iterator[tuple[Any, Node]]:
        """Key or place, and item, of each child; merges have none."""
        if self.keys is None:
            return enumerate(self.items or ())
        return ((key.value, item) for key, item in zip(self.keys, self.items or (), strict=True) if not key.is_merge)

    @property
    def is_merge(self) -> bool:
        return self.value is MERGE


class _Merge:
    """What the key `<<` is."""


MERGE = _Merge()


class Document(Struct):
    """The nodes of a text, and what its events say; `root` is None if it is empty."""

    root: Node | None
    said: list[Said]


def compose(text: str) -> Document:
    """The nodes of a text that is one document of YAML."""
    return _Composer(text).document()


class _Composer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.next_event = Loader(text).get_event
        self.said: list[Said] = []

    def document(self) -> Document:
        self.take()
        event = self.take()
        root = None if isinstance(event, StreamEndEvent) else self.node(self.take())
        return Document(root, self.said)

    def take(self) -> Any:
        event = self.next_event()
        names = ("anchor", "tag", "implicit", "value", "style", "flow_style")
        self.said.append((event.__class__, *(getattr(event, name, None) for name in names)))
        return event

    def node(self, event: Any) -> Node:
        node = Node(None, event.start_mark.index, event.end_mark.index, len(self.said) - 1, anchor=event.anchor or "")
        if isinstance(event, AliasEvent):
            node.is_alias, node.value, node.anchor = True, event.anchor, ""
        elif isinstance(event, ScalarEvent):
            node.value = plain_value(event.value) if event.implicit[0] else event.value
            if event.style in ("|", ">"):
                node.end = node.start + len(self.text[node.start : node.end].rstrip())
        else:
            node.is_flow = bool(event.flow_style)
            self.children(node, is_mapping=isinstance(event, MappingStartEvent))
        node.last = len(self.said)
        return node

    def children(self, node: Node, *, is_mapping: bool) -> None:
        keys: list[Node] = []
        items: list[Node] = []
        while not isinstance(event := self.take(), MappingEndEvent | SequenceEndEvent):
            if is_mapping:
                key = self.node(event)
                if event.__class__ is ScalarEvent and event.value == "<<" and event.implicit[0]:
                    key.value = MERGE
                keys.append(key)
                event = self.take()
            items.append(self.node(event))
        end: Any = event.end_mark
        node.keys, node.items = tuple(keys) if is_mapping else None, tuple(items)
        # a block ends, for the parser, where the next thing begins
        node.end = end.index if node.is_flow else items[-1].end
