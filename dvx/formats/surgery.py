"""One value of a YAML document changed, added or removed, and no other character.

Scripts may read the file by the rules of YAML 1.1 or 1.2, so what is written means the same in both, and what is not
touched stays as it is written. Aliases follow the value that they stand for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from math import isfinite, isnan
from typing import Any

import yaml

from dvx.errors import DvxError, FormatError
from dvx.formats.reading import load_yaml
from dvx.formats.scalars import plain_value
from dvx.formats.spans import Document, Node, Said, compose
from dvx.model.compare.params import lookup, same
from dvx.model.experiments.override import Edit

_PLAIN = re.compile(r"[A-Za-z0-9_./](?:[\w./@+=()<>|&;$*^~-]|:(?=[\w/.])| (?=[\w./]))*", re.ASCII)
_SHORT_BOOLEANS = frozenset("yYnN")
_COLON = re.compile(r"\s*:")
_REST_OF_LINE = re.compile(r"[^\r\n]*")
_BY_HAND = "edit the file by hand"
_Cut = tuple[int, int, str]


def operate(text: str, edit: Edit, path: str) -> str:
    """`text` with the edit done.

    Raises:
        FormatError: the value stands elsewhere, with the key to set instead, or is written in a way that cannot be changed.
    """
    document = compose(text)
    if document.root is None:
        # nothing but comments
        before = text if not text or text.endswith("\n") else text + _eol(text)
        return before + "".join(line + _eol(text) for line in _block(edit.key[-1], edit.value, ""))
    surgeon = _Surgeon(text, document, edit, path)
    (start, end, new), first, last = surgeon.cut()
    changed = text[:start] + new + text[end:]
    try:
        said = compose(changed).said
        surgeon.check_anchors(said)
        found = lookup(load_yaml(changed, path), edit.key)
    except (FormatError, yaml.YAMLError):
        raise surgeon.refusal() from None
    behind = document.said[last:]
    if said[:first] != document.said[:first] or said[len(said) - len(behind) :] != behind:
        raise surgeon.refusal()
    if not edit.removed and not (found and same(found[0], edit.value)):
        raise surgeon.refusal()
    return changed


class _Surgeon:
    def __init__(self, text: str, document: Document, edit: Edit, path: str) -> None:
        self.text, self.document, self.edit, self.path = text, document, edit, path
        self.root: Any = document.root

    def cut(self) -> tuple[_Cut, int, int]:
        """What of the text to replace, and the events that it touches."""
        node = self.root
        parents: list[tuple[Node, int]] = []
        for depth, part in enumerate(self.edit.key):
            at = None if node.is_alias else _place(node, part)
            if at is None:
                if node.is_alias or self.edit.removed or depth < len(self.edit.key) - 1:
                    raise self.elsewhere(node, depth)
                return self.inserted(node, parents)
            parents.append((node, at))
            node = (node.items or ())[at]
        if not self.edit.removed:
            return self.replaced(node, parents, self.edit.value)
        return self.removed(*parents.pop(), parents)

    def replaced(self, node: Node, parents: list[tuple[Node, int]], value: Any) -> tuple[_Cut, int, int]:
        new = (f"&{node.anchor} " if node.anchor else "") + written(value)
        before = self.before(node, parents)
        between = self.text[before : node.start]
        stays = "\n" not in between or (node.items is None and not isinstance(value, Mapping | list))
        if stays:
            is_tight = node.start == node.end and not self.text[: node.start].endswith(" ")
            cut = (node.start, node.end, " " + new if is_tight else new)
        else:
            # a collection in brackets may not stand as far left as one in lines
            cut = (before, node.end, f" {new}{between.rstrip()}")
        return cut, node.first, node.last

    def before(self, node: Node, parents: list[tuple[Node, int]]) -> int:
        """Where the colon or dash before a value ends; for others, where the value starts."""
        if not parents:
            return node.start
        parent, at = parents[-1]
        if parent.keys is not None:
            found = _COLON.match(self.text, parent.keys[at].end)
            return found.end() if found else node.start
        return node.start if parent.is_flow else self.text.rfind("-", 0, node.start) + 1

    def inserted(self, node: Node, parents: list[tuple[Node, int]]) -> tuple[_Cut, int, int]:
        part, value = self.edit.key[-1], self.edit.value
        in_mapping = node.keys is not None or not isinstance(part, int)
        if not node.items and not parents and in_mapping:
            return (node.start, node.end, _eol(self.text).join(_block(part, value, ""))), node.first, node.last
        if not node.items:
            return self.replaced(node, parents, {part: value} if in_mapping else [value])
        end = node.items[-1].end
        if node.is_flow:
            new = f"{written(part)}: {written(value)}" if in_mapping else written(value)
            return (end, end, f", {new}"), node.last - 1, node.last - 1
        begin = node.keys[0].start if node.keys else self.text.rfind("-", 0, node.items[0].start)
        indent = " " * (begin - self.text.rfind("\n", 0, begin) - 1)
        lines = _block(part, value, indent) if in_mapping else [f"{indent}- {written(value)}"]
        at = self.line_end(end)
        return (at, at, "".join(_eol(self.text) + line for line in lines)), node.last - 1, node.last - 1

    def removed(self, node: Node, at: int, parents: list[tuple[Node, int]]) -> tuple[_Cut, int, int]:
        items = node.items or ()
        if len(items) == 1:
            return self.replaced(node, parents, [] if node.keys is None else {})
        heads = items if node.keys is None else node.keys
        start, end = heads[at].start, items[at].end
        if node.keys is None and not node.is_flow:
            start = self.text.rfind("-", 0, start)
        line = self.text.rfind("\n", 0, start) + 1
        if not node.is_flow and not self.text[line:start].strip():
            rest = self.line_end(end)
            start, end = line, rest + len(_eol(self.text)) if rest < len(self.text) else rest
        elif at < len(items) - 1:
            # a dash of the next item stays with it
            dash = len("- ") if node.keys is None and not node.is_flow else 0
            end = heads[at + 1].start - dash
        else:
            start = items[at - 1].end
        return (start, end, ""), heads[at].first, items[at].last

    def line_end(self, at: int) -> int:
        found = _REST_OF_LINE.match(self.text, at)
        return found.end() if found else at

    def check_anchors(self, said: list[Said]) -> None:
        """Refuse to take away an anchor that stands for something elsewhere."""
        lost = _anchors(self.document.said) - _anchors(said)
        used = lost.keys() & {each[1] for each in said if each[0] is yaml.AliasEvent}
        if used:
            name = f"`{_dotted(self.edit.key)}` in `{self.path}`"
            raise DvxError(f"{name} holds the anchor `&{min(used)}`, and `*{min(used)}` stands elsewhere", _BY_HAND)

    def elsewhere(self, node: Node, depth: int) -> FormatError:
        """A key that is not written where it is looked for: there is an alias, or a merge, on the way to it."""
        rest = self.edit.key[depth:]
        above = _dotted(self.edit.key[:depth]) or "the document"
        origin = self.origin(node, rest[0], ())
        if origin is None:
            return self.refusal()
        real = _dotted((*origin, *rest))
        way = f"write `~{real}`" if self.edit.removed else f"write `{real}=...`"
        return FormatError(
            f"`{above}` in `{self.path}` has `{_dotted(rest)}` from `{_dotted(origin)}`", f"{way}, which changes it there, too"
        )

    def origin(self, node: Node, part: Any, key: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The key of the collection in which `part` of a node is written; `key` is the node's own."""
        if node.is_alias:
            found = _anchored(self.root, node.value, node.first, ())
            return None if found is None else self.origin(found[0], part, found[1])
        if _place(node, part) is not None:
            return key
        for name, item in zip(node.keys or (), node.items or (), strict=False):
            if name.is_merge:
                for source in [item] if item.is_alias or item.keys is not None else item.items or ():
                    found_at = self.origin(source, part, key)
                    if found_at is not None and source.is_alias:
                        return found_at
        return None

    def refusal(self) -> FormatError:
        return FormatError(f"`{self.path}` is written in a way in which `{_dotted(self.edit.key)}` cannot be changed", _BY_HAND)


def written(value: Any) -> str:
    """A value on one line, which means the same by the rules of YAML 1.1 and 1.2."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{written(key)}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return _float(value)
    return str(value) if isinstance(value, int) else _text(value)


def _float(value: float) -> str:
    if not isfinite(value):
        return ".nan" if isnan(value) else ".inf" if value > 0 else "-.inf"
    digits, e, exponent = repr(value).partition("e")
    # by YAML 1.1, `1e-06` is a text
    return digits + ("" if "." in digits else ".0") + e + exponent


def _text(value: str) -> str:
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(value[:1], ())
    if (
        _PLAIN.fullmatch(value)
        and plain_value(value) is value
        and not any(pattern.match(value) for _, pattern in resolvers)
        and value not in _SHORT_BOOLEANS
        and not value.startswith("...")
    ):
        return value
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(char: str) -> str:
    # half of a pair is no text, and is refused when it is encoded
    if char.isprintable() or "\ud800" <= char <= "\udfff":
        return f"\\{char}" if char in '"\\' else char
    return f"\\U{ord(char):08x}"


def _block(key: Any, value: Any, indent: str) -> Iterator[str]:
    """The lines of a new key: what it holds stands below it, null is nothing."""
    head = f"{indent}{written(key)}:"
    if isinstance(value, Mapping) and value:
        yield head
        for name, item in value.items():
            yield from _block(name, item, indent + "  ")
    elif isinstance(value, list) and value:
        yield head
        yield from (f"{indent}- {written(item)}" for item in value)
    else:
        yield head if value is None else f"{head} {written(value)}"


def _place(node: Node, part: Any) -> int | None:
    """Which child of a node is at a key or place."""
    if node.keys is None:
        return part if isinstance(part, int) and part < len(node.items or ()) else None
    for at, key in enumerate(node.keys):
        if not key.is_merge and type(key.value) is type(part) and key.value == part:
            return at
    return None


def _anchored(node: Node, name: str, before: int, key: tuple[Any, ...]) -> tuple[Node, tuple[Any, ...]] | None:
    """The last node before an event that has the anchor `name`, and its key."""
    found = (node, key) if node.anchor == name and node.first < before else None
    for part, item in node.pairs:
        if item.first < before:
            found = _anchored(item, name, before, (*key, part)) or found
    return found


def _anchors(said: list[Said]) -> Counter[str]:
    return Counter(each[1] for each in said if each[1] and each[0] is not yaml.AliasEvent)


def _dotted(key: tuple[Any, ...]) -> str:
    return ".".join(map(str, key))


def _eol(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
