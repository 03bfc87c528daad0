"""YAML out: new text as DVC writes it, and edits that keep what people wrote around the edited place.

DVC's text is ruamel.yaml's. Pointers and lock entries are nearly always made of short plain scalars, which need no library:
those are written here, and the rest (wrapped lines, quotes, odd numbers) is left to ruamel.yaml, which is slow to load.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from typing import Any

from dvx.errors import FormatError
from dvx.formats.mistakes import mistake
from dvx.formats.quoted import representer
from dvx.formats.reading import load_yaml
from dvx.formats.scalars import plain_value

WIDTH = 80
_ENDLESS = 1 << 20
_INSIDE = r"""(?:[\w./@+=,()<>|&;$*'"!%{}\[\]~^?\\-]|:(?=[\w/.]))"""
_SIMPLE = re.compile(rf"[A-Za-z0-9_./]{_INSIDE}*(?: {_INSIDE}+)*", re.ASCII)
_AMBIGUOUS = re.compile(r"\.\.\.|\d{4}-", re.ASCII)


def dump_yaml(value: Any) -> str:
    """The text of a new document: block style, lists not indented under their key, null as nothing, lines up to 80.

    A container that stands in two places is written twice, where DVC writes an alias.
    """
    try:
        lines = list(_block(value, 0))
    except _NotSimple:
        return _ruamel_dump(_copied(value))
    return "\n".join(lines) + "\n"


def edit_yaml(text: str, edit: Callable[[Any], None], name: str = "YAML") -> str:
    """`text` after `edit` has changed the document in place; comments and order survive.

    An empty document is edited as an empty mapping. The text stays as it is if the document does not change.

    Raises:
        FormatError: the text is no YAML.
    """
    value = load_yaml(text, name)
    plain = _edited_plainly(text, value, edit)
    if plain is not None:
        return plain
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import ReusedAnchorWarning, YAMLError

    # YAML allows it
    warnings.simplefilter("ignore", ReusedAnchorWarning)
    is_empty = value is None
    try:
        document = CommentedMap() if is_empty else YAML().load(text)
        unchanged = repr(document)
    except (YAMLError, ValueError) as error:
        raise mistake(text, name, (0, 0), f"cannot be edited: {str(error).splitlines()[0]}") from None
    edit(document)
    if repr(document) == unchanged:
        return text
    # ruamel.yaml forgets the comments of a document that holds nothing else
    head = text.rstrip("\n") + "\n" if is_empty and text.strip() else ""
    result = _wrapped(document, WIDTH)
    return head + (result if _reads(result) else _wrapped(document, _ENDLESS))


def _edited_plainly(text: str, value: Any, edit: Callable[[Any], None]) -> str | None:
    """What `edit_yaml` answers, without ruamel.yaml, for a text that is what is written here for its value; None for others."""
    try:
        if "\n".join(_block(value, 0)) + "\n" != text:
            return None
        edit(value)
        return "\n".join(_block(value, 0)) + "\n"
    except _NotSimple:
        return None


class _NotSimple(Exception):
    """A value whose text depends on more than itself."""


def _block(value: Any, indent: int) -> Iterator[str]:
    if type(value) is list and value:
        for item in value:
            yield from _item(item, indent)
    elif isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _pair(key, item, indent)
    else:
        raise _NotSimple


def _item(item: Any, indent: int) -> Iterator[str]:
    if isinstance(item, Mapping | list) and item:
        lines = _block(item, indent + 2)
        yield " " * indent + "- " + next(lines)[indent + 2 :]
        yield from lines
    elif item is None:
        raise _NotSimple
    else:
        yield _fitting(" " * indent + "- " + _scalar(item))


def _pair(key: Any, item: Any, indent: int) -> Iterator[str]:
    if type(key) is not str or not key:
        raise _NotSimple
    head = " " * indent + _scalar(key) + ":"
    if isinstance(item, Mapping | list) and item:
        yield _fitting(head)
        yield from _block(item, indent if isinstance(item, list) else indent + 2)
    else:
        yield _fitting(head if item is None else f"{head} {_scalar(item)}")


def _fitting(line: str) -> str:
    if len(line) > WIDTH:
        raise _NotSimple
    return line


def _scalar(value: Any) -> str:
    kind = type(value)
    if kind is str:
        if not value:
            return "''"
        if not _SIMPLE.fullmatch(value) or _AMBIGUOUS.match(value):
            raise _NotSimple
        return str(value) if plain_value(value) is value else f"'{value}'"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float and value - value == 0:
        return repr(value)
    if isinstance(value, Mapping):
        return "{}"
    if kind is list:
        return "[]"
    raise _NotSimple


def _ruamel_dump(value: Any) -> str:
    text = _wrapped(value, WIDTH)
    # ruamel.yaml also breaks lines inside keys and beside tabs, where no parser reads the same again
    return text if _reads(text) and repr(load_yaml(text, "")) == repr(value) else _wrapped(value, _ENDLESS)


def _reads(text: str) -> bool:
    try:
        load_yaml(text, "")
    except FormatError:
        return False
    return True


def _wrapped(value: Any, width: int) -> str:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    writer = YAML()
    writer.Representer = representer()
    writer.default_flow_style = False
    writer.width = width
    stream = StringIO()
    try:
        writer.dump(value, stream)
    except YAMLError as error:
        raise FormatError(f"a value cannot be written as YAML: {error}") from None
    return stream.getvalue()


def _copied(value: Any) -> Any:
    # ruamel.yaml writes a container that it meets again as an alias
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(item) for item in value]
    return value
