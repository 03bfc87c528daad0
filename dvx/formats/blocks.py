"""Entries of one version of a YAML file put into another: their lines as they stand there, with the comments above them."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import Any

import yaml
from msgspec import Struct

from dvx.errors import FormatError
from dvx.formats.reading import load_yaml
from dvx.formats.spans import Node, compose
from dvx.formats.writing import edit_yaml


class _Block(Struct, frozen=True):
    """Where the lines of an entry begin and end in a text, and by how much its key is indented."""

    start: int
    end: int
    indent: int


def take_entries(text: str, other: str, section: str, keys: Collection[str], name: str) -> str:
    """`text` with the entries of these keys in a section as `other` has them, or without those that it has not.

    Raises:
        FormatError: one of the texts is no YAML.
    """
    there = (load_yaml(other, name) or {}).get(section) or {}
    wanted = load_yaml(text, name) or {}
    _change(wanted, there, section, keys)
    with contextlib.suppress(FormatError, yaml.YAMLError):
        spliced = text
        for key in keys:
            spliced = _spliced(spliced, other, section, key)
        if load_yaml(spliced, name) == wanted:
            return spliced
    # one of them writes the section in another way, or uses anchors
    return edit_yaml(text, lambda document: _change(document, there, section, keys), name)


def _change(document: Any, there: dict[str, Any], section: str, keys: Collection[str]) -> None:
    if not document.get(section):
        document[section] = {}
    here = document[section]
    for key in keys:
        if key in there:
            here[key] = there[key]
        else:
            here.pop(key, None)


def _spliced(text: str, other: str, section: str, key: str) -> str:
    here, there = _blocks(text, section), _blocks(other, section)
    if not here:
        return text
    last = max(here.values(), key=lambda block: block.end)
    old = here.get(key, _Block(last.end, last.end, last.indent))
    lines = other[there[key].start : there[key].end].splitlines(keepends=True) if key in there else []
    new = "".join(" " * old.indent + line[there[key].indent :] if line.strip() else line for line in lines)
    if new:
        return _completed(text[: old.start]) + _completed(new) + text[old.end :]
    return text[: old.start] + text[old.end :]


def _blocks(text: str, section: str) -> dict[Any, _Block]:
    """The entries of a section that is written in lines of its own."""
    root = compose(text).root
    node = next((value for key, value in root.pairs if key == section), None) if root is not None and root.keys else None
    if node is None or not node.keys or node.is_flow:
        return {}
    return {key.value: _block(text, key, value) for key, value in zip(node.keys, node.items or (), strict=True)}


def _block(text: str, key: Node, value: Node) -> _Block:
    start = text.rfind("\n", 0, key.start) + 1
    indent = key.start - start
    while start and (above := text[text.rfind("\n", 0, start - 1) + 1 : start]).startswith(" " * indent + "#"):
        start -= len(above)
    end = text.find("\n", max(key.end, value.end))
    return _Block(start, len(text) if end < 0 else end + 1, indent)


def _completed(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
