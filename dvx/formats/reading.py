"""YAML in: the core rules of YAML 1.2, duplicate keys refused, depth and alias expansion limited.

What is as simple as a pointer mostly is gets read without a parser; the others, and mistakes, load one.
"""

from __future__ import annotations

from typing import Any

from dvx.errors import FormatError, SchemaError
from dvx.formats.flat import load_flat
from dvx.formats.mistakes import mistake


def decoded(data: bytes, path: str) -> str:
    """The text of a file; raises FormatError when it is no UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError("the text is not UTF-8", place=f"{path}:{line}") from None


def load_yaml(text: str, name: str) -> Any:
    """The value of a YAML document; None when it is empty. Containers that are aliased are shared, so do not change them.

    Raises:
        FormatError: with `name`, line, column and the offending line.
    """
    flat = load_flat(text)
    if flat is not None:
        return flat
    from dvx.formats.building import build

    return build(text, name)


def locate(text: str, where: tuple[str | int, ...]) -> tuple[int, int]:
    """Line and column, from 1, of the key or item at `where`, or of the deepest part of it that is there."""
    from dvx.formats.building import find

    return find(text, where)


def schema_error(error: SchemaError, text: str, name: str) -> FormatError:
    """The same mistake, told with file, line and column of `text`."""
    line, column = locate(text, error.where)
    return mistake(text, name, (line - 1, column - 1), error.message, error.hint)
