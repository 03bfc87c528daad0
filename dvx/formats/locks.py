"""Edits of a lock file that leave the lines of all other stages as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from msgspec import Struct
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from dvx.formats.building import Loader
from dvx.formats.reading import load_yaml
from dvx.formats.scalars import plain_value
from dvx.formats.writing import dump_yaml, edit_yaml

_SCHEMA = "schema: '2.0'\n"
_SECTION = "stages"
_DATASETS = "datasets"
# a file as it is nearly always: only stages, each from a line that begins with two blanks to the next such line. Quantifiers
# are possessive, so that this takes one pass whatever the text is
_TIDY = re.compile(r"schema: '2\.0'\nstages:\n(?:  [A-Za-z_][\w.@-]*+:\n(?:(?:    [^\n]*+)?+\n)*+)++")
_ALIASES = re.compile(r"[ \[][&*]\w")
_NEXT = re.compile(r"\n  \S")


def splice_lock(text: str | None, section_key: str, entry: Mapping[str, Any]) -> str:
    """`text` with the entry of one stage replaced in place or added at the end; `None` is a lock file not yet written.

    An entry that already says the same keeps its text.
    """
    block = dump_yaml({_SECTION: {section_key: entry}})
    if text is None:
        return _SCHEMA + block
    lines = block.removeprefix(f"{_SECTION}:\n")
    tidy = _find_in_tidy(text, section_key)
    section = tidy or _find(text)
    if section is None:
        return edit_yaml(text, lambda document: _put(document, section_key, entry))
    if section_key not in section.entries:
        return _completed(text[: section.end]) + lines + text[section.end :]
    start, end = section.entries[section_key]
    if repr(load_yaml(text[start:end], "")) == repr({section_key: entry}):
        return text
    return text[:start] + lines + text[end:]


def only_stage(text: str, key: str) -> str | None:
    """A lock file with the entry of one stage alone; None where that cannot be had without reading all of `text`."""
    section = _find_in_tidy(text, key)
    if section is None:
        return None
    start, end = section.entries.get(key, (0, 0))
    return _SCHEMA + (f"{_SECTION}:\n{text[start:end]}" if end else "")


def splice_dataset(text: str | None, entry: Mapping[str, Any]) -> str:
    """`text` with what is recorded of one dataset replaced in place or added; `None` is a lock file not yet written."""
    if text is None:
        return _SCHEMA + dump_yaml({_DATASETS: [entry], _SECTION: {}})

    def edit(document: Any) -> None:
        document.setdefault("schema", "2.0")
        if not document.get(_DATASETS):
            document[_DATASETS] = []
        rows = document[_DATASETS]
        place = next(
            (number for number, row in enumerate(rows) if isinstance(row, dict) and row.get("name") == entry["name"]), None
        )
        if place is None:
            rows.append(dict(entry))
        elif rows[place] != entry:
            rows[place] = dict(entry)
        document.setdefault(_SECTION, {})

    return edit_yaml(text, edit)


def remove_from_lock(text: str, key: str) -> str:
    """`text` without the entry of one stage; empty if that was the last one and the file says nothing else."""
    section = _find(text)
    if section is None:
        return edit_yaml(text, lambda document: _drop(document, key))
    if key not in section.entries:
        return text
    if len(section.entries) == 1:
        return "" if section.alone else edit_yaml(text, lambda document: _drop(document, key))
    start, end = section.entries[key]
    return text[:start] + text[end:]


class _Section(Struct, frozen=True):
    """The first and last offset of each entry, and of the last one; `alone` when the file has no other section."""

    entries: Mapping[str, tuple[int, int]]
    end: int
    alone: bool


def _find_in_tidy(text: str, key: str) -> _Section | None:
    """The section with at most the entry of `key`, found by its lines; None if the text has anything unusual."""
    if (
        plain_value(key) is not key
        or (("&" in text or "*" in text) and _ALIASES.search(text))
        or not _TIDY.fullmatch(text)
        or text.endswith("\n\n")
    ):
        return None
    at = text.find(f"\n  {key}:\n")
    if at < 0:
        return _Section({}, len(text), alone=True)
    following = _NEXT.search(text, at + 1)
    end = following.start() + 1 if following else len(text)
    # empty lines belong to what comes next
    while text[end - 2 : end] == "\n\n":
        end -= 1
    return _Section({key: (at + 1, end)}, len(text), alone=True)


def _find(text: str) -> _Section | None:
    """The section of the stages; None if it is absent, empty, or written in a way in which lines cannot be replaced alone."""
    names: list[str] = []
    entries: dict[str, tuple[int, int]] = {}
    stage = ""
    for depth, is_key, event in _nodes(text):
        if getattr(event, "anchor", None):
            return None
        inside = bool(names) and names[-1] == _SECTION
        if depth == 1 and is_key:
            names.append(event.value)
        elif depth == 1 and inside and isinstance(event, NodeEvent):
            if not isinstance(event, MappingStartEvent) or event.flow_style:
                return None
        elif depth == 2 and inside and is_key:
            if event.start_mark.column != 2:
                return None
            stage = event.value
            entries[stage] = (event.start_mark.index - 2, 0)
        if stage and depth >= 2 and inside and _has_text(event):
            entries[stage] = (entries[stage][0], _line_end(text, event.end_mark))
    if not entries:
        return None
    return _Section(entries, max(end for _, end in entries.values()), set(names) <= {"schema", _SECTION})


def _nodes(text: str) -> Iterator[tuple[int, bool, Any]]:
    """Each node and each end of a collection, with its depth and whether it may be the key of a pair."""
    key_next = [True]
    for event in yaml.parse(text, Loader):
        if isinstance(event, CollectionEndEvent):
            key_next.pop()
            yield len(key_next) - 1, False, event
        elif isinstance(event, NodeEvent):
            is_key = key_next[-1] and not isinstance(event, AliasEvent | CollectionStartEvent)
            key_next[-1] = not key_next[-1]
            yield len(key_next) - 1, is_key, event
            if isinstance(event, CollectionStartEvent):
                key_next.append(True)


def _has_text(event: Any) -> bool:
    # the end of a block collection is where the next thing starts; that of `[...]` and of scalars is in the text
    if event.__class__ in (MappingEndEvent, SequenceEndEvent):
        start: Any = event.start_mark
        end: Any = event.end_mark
        return bool(start.index < end.index)
    return event.__class__ not in (MappingStartEvent, SequenceStartEvent)


def _line_end(text: str, mark: Any) -> int:
    end = int(mark.index)
    if mark.column == 0 and text[end - 1 : end] == "\n":
        # a block scalar takes the empty lines below it, which belong to what comes next
        while text[end - 2 : end] == "\n\n":
            end -= 1
        return end
    end = text.find("\n", end)
    return len(text) if end < 0 else end + 1


def _completed(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


def _put(document: Any, key: str, entry: Mapping[str, Any]) -> None:
    if not document.get(_SECTION):
        document.setdefault("schema", "2.0")
        document[_SECTION] = {}
    document[_SECTION][key] = dict(entry)


def _drop(document: Any, key: str) -> None:
    stages = document.get(_SECTION) or {}
    stages.pop(key, None)
