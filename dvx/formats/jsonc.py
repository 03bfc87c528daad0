"""JSON with comments, as VS Code writes it: read, and changed in place, so that all else stays as it is written.

Comments and commas after the last item are allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from msgspec import Struct

from dvx.formats.mistakes import DEPTH, mistake
from dvx.model.experiments.override import Edit

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_LITERAL = re.compile(r"true|false|null|NaN|-?Infinity|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_REST_OF_LINE = re.compile(r"(?:[ \t]+|/\*[^\r\n]*?\*/)*(?://[^\r\n]*)?(?=\r|\n|$)")
_INDENT = "    "


class _Node(Struct, frozen=True):
    """A value and where its text begins and ends. `items` are those of a list, or of an object by `keys`.

    `starts` is where each item begins, with its key.
    """

    value: Any
    start: int
    end: int
    items: tuple[_Node, ...] = ()
    keys: tuple[str, ...] = ()
    starts: tuple[int, ...] = ()


def load_jsonc(text: str, name: str) -> Any:
    """The value of a document; None when there is nothing in it. Raises FormatError with file, line and column."""
    node = _Reader(text, name).document()
    return None if node is None else node.value


def put(text: str, path: Sequence[str | int], value: Any, name: str) -> str:
    """The text with `value` at `path`; objects on the way are made, items of lists are there. It stays if it says so already.

    Raises:
        FormatError: the text is no JSON, or something on the way is no object.
    """
    root = _Reader(text, name).document()
    if root is None:
        return _appended(text, _nested(path, value))
    node = root
    for depth, step in enumerate(path):
        if isinstance(step, int) and not isinstance(node.value, Mapping):
            if step == len(node.items):
                return _inserted(text, node, value, "")
            node = node.items[step]
            continue
        if not isinstance(node.value, Mapping):
            raise _misplaced(text, name, node, "an object")
        found = _member(node, str(step))
        if found is None:
            return _inserted(text, node, _nested(path[depth + 1 :], value), str(step))
        node = found
    if _same(node.value, value):
        return text
    return text[: node.start] + _written(text, value, _margin(text, node)) + text[node.end :]


def operate(text: str, edit: Edit, name: str) -> str:
    """The text of a parameters file with the edit done, and no other character changed. Raises FormatError as `put`."""
    if not edit.removed:
        return put(text, edit.key, edit.value, name)
    node: Any = _Reader(text, name).document()
    for step in edit.key[:-1]:
        node = node.items[step] if isinstance(step, int) else _member(node, step)
    # a key that stands twice goes twice
    last = edit.key[-1]
    for at in [last] if isinstance(last, int) else [at for at, key in reversed([*enumerate(node.keys)]) if key == last]:
        if len(node.items) == 1:
            begin, end = node.start + 1, node.end - 1
        elif at < len(node.items) - 1:
            begin, end = node.starts[at], node.starts[at + 1]
        else:
            begin, end = node.items[at - 1].end, node.items[at].end
        text = text[:begin] + text[end:]
    return text


class ListItem(Struct, frozen=True):
    """What a list should hold. An object that has the same value of `key` is it, too; what such a one says of `kept` stays.

    Other values have no `key` and are looked for as they are.
    """

    value: Any
    key: str = ""
    kept: tuple[str, ...] = ()


def put_item(text: str, path: Sequence[str], item: ListItem, name: str) -> str:
    """The text whose list at `path` holds an item: in the place of the one that is it, or as the last.

    What that one says beside the item's keys stays.

    Raises:
        FormatError: as `put`, or there is something else than a list.
    """
    root = _Reader(text, name).document()
    node = root
    for step in path:
        node = None if node is None else _member(node, step)
    if root is None or node is None:
        return put(text, path, [item.value], name)
    if not isinstance(node.value, list):
        raise _misplaced(text, name, node, "a list")
    for index, found in enumerate(node.value):
        if _same(found, item.value):
            return text
        if item.key and isinstance(found, Mapping) and found.get(item.key) == item.value[item.key]:
            for key in [each for each in item.value if each not in item.kept]:
                text = put(text, [*path, index, key], item.value[key], name)
            return text
    return _inserted(text, node, item.value, "")


def _member(node: _Node, key: str) -> _Node | None:
    """The last one of that key, which is the one that counts."""
    return dict(zip(node.keys, node.items, strict=False)).get(key)


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _nested(path: Sequence[str | int], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _misplaced(text: str, name: str, node: _Node, expected: str) -> Exception:
    return mistake(text, name, _position(text, node.start), f"{expected} is expected here", "mend it, or take it out")


def _inserted(text: str, node: _Node, value: Any, key: str) -> str:
    """The text with one more member (or item, without a `key`) at the end of an object or list."""
    margin = _margin(text, node)
    inside = text[node.start : node.end]
    prefix = f"{json.dumps(key, ensure_ascii=False)}: " if key else ""
    if node.items and "\n" not in inside:
        # all on one line
        written = prefix + json.dumps(value, ensure_ascii=False)
        last = node.items[-1].end
        comma = _comma(text, last)
        at = last if comma is None else comma
        return text[:at] + ("," if comma is None else "") + f" {written}" + text[at:]
    indent = margin + _unit(text)
    written = f"{_eol(text)}{indent}{prefix}{_written(text, value, indent)}"
    if not node.items:
        at = node.start + 1 + len(text[node.start + 1 : node.end - 1].rstrip())
        return text[:at] + written + _eol(text) + margin + text[node.end - 1 :]
    indent = _margin(text, node.items[-1])
    written = f"{_eol(text)}{indent}{prefix}{_written(text, value, indent)}"
    last = node.items[-1].end
    comma = _comma(text, last)
    if comma is None:
        # the comma belongs behind the value, the new line behind the comment that may follow it
        text, at = text[:last] + "," + text[last:], last + 1
    else:
        at, written = comma, written + ","
    rest = _REST_OF_LINE.match(text, at)
    at = rest.end() if rest else at
    return text[:at] + written + (text[at:] if rest else f"{_eol(text)}{margin}{text[at:].lstrip()}")


def _comma(text: str, end: int) -> int | None:
    """Where the comma after a value ends; None without one."""
    found = _BLANK.match(text, end)
    at = found.end() if found else end
    return at + 1 if text[at : at + 1] == "," else None


def _appended(text: str, value: Any) -> str:
    """A document after what there is: nothing, or comments."""
    before = text if not text.strip("\ufeff \t\r\n") else text.rstrip() + _eol(text)
    return before.rstrip(" \t") + _written(text, value, "") + _eol(text)


def _written(text: str, value: Any, margin: str) -> str:
    lines = json.dumps(value, indent=_unit(text), ensure_ascii=False).split("\n")
    return f"{_eol(text)}{margin}".join(lines)


def _margin(text: str, node: _Node) -> str:
    """The blanks at the beginning of the line on which a value begins."""
    begin = text.rfind("\n", 0, node.start) + 1
    line = text[begin : node.start].lstrip("\ufeff")
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    """By how much the file indents: as its first line that does."""
    found = re.search(r"^([ \t]+)[\"}\]]", text, re.MULTILINE)
    return found[1] if found else _INDENT


def _eol(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _position(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index), index - text.rfind("\n", 0, index) - 1


class _Reader:
    """Reads one document."""

    def __init__(self, text: str, name: str) -> None:
        self._text, self._name = text, name
        self._at = 1 if text.startswith("\ufeff") else 0

    def document(self) -> _Node | None:
        """The document; None when there are no more than comments."""
        self._skip()
        if self._at == len(self._text):
            return None
        node = self._node(0)
        self._skip()
        if self._at < len(self._text):
            self._refuse("nothing is expected after the end")
        return node

    def _node(self, depth: int) -> _Node:
        if depth > DEPTH:
            self._refuse(f"nested deeper than {DEPTH} levels")
        start, first = self._at, self._text[self._at : self._at + 1]
        if first in ("{", "["):
            return self._container(start, depth, "}" if first == "{" else "]")
        if first == '"':
            return _Node(self._string(), start, self._at)
        found = _LITERAL.match(self._text, start)
        if not found:
            self._refuse("a value is expected")
        try:
            value = json.loads(found[0])
        except ValueError:
            self._refuse("a number of so many digits cannot be read")
        self._at = found.end()
        return _Node(value, start, self._at)

    def _container(self, start: int, depth: int, close: str) -> _Node:
        keys: list[str] = []
        items: list[_Node] = []
        starts: list[int] = []
        self._at += 1
        self._skip()
        while self._text[self._at : self._at + 1] != close:
            if items:
                self._take(",", f"`,` or `{close}` is expected")
                if self._text[self._at : self._at + 1] == close:
                    break
            starts.append(self._at)
            if close == "}":
                keys.append(self._string())
                self._skip()
                self._take(":", "`:` is expected")
            items.append(self._node(depth + 1))
            self._skip()
        self._at += 1
        values = [item.value for item in items]
        value = dict(zip(keys, values, strict=True)) if close == "}" else values
        return _Node(value, start, self._at, tuple(items), tuple(keys), tuple(starts))

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        try:
            value = json.loads(found[0]) if found else None
        except ValueError:
            value = None
        if found is None or value is None:
            self._refuse("a text in double quotes is expected")
        self._at = found.end()
        return str(value)

    def _take(self, character: str, problem: str) -> None:
        if self._text[self._at : self._at + 1] != character:
            self._refuse(problem)
        self._at += 1
        self._skip()

    def _skip(self) -> None:
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _refuse(self, problem: str) -> NoReturn:
        raise mistake(self._text, self._name, _position(self._text, min(self._at, len(self._text))), problem, "mend it by hand")
