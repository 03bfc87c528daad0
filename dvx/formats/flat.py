"""Flat YAML, which nearly every pointer is: mappings of plain scalars, and lists of such. To load a parser takes longer than
to read a hundred of them."""

from __future__ import annotations

import re

from dvx.formats.scalars import Scalar, plain_value

Row = dict[str, Scalar]
_KEY = r"(?!null:|true:|false:)[a-z][a-z0-9_]{0,60}+:"
_PAIR = rf"{_KEY} [A-Za-z0-9_./][A-Za-z0-9_./+-]*+\n"
# quantifiers are possessive, so that this takes one pass whatever the text is
_FLAT = re.compile(rf"(?:{_PAIR}|{_KEY}\n(?:- {_PAIR}(?:  {_PAIR})*+)++)++")


def load_flat(text: str) -> dict[str, Scalar | list[Row]] | None:
    """What a document says, if it is flat and has no key twice; None of any other, be it right or wrong."""
    if _FLAT.fullmatch(text) is None:
        return None
    found: dict[str, Scalar | list[Row]] = {}
    rows: list[Row] = []
    row: Row = {}
    for line in text[:-1].split("\n"):
        key, _, value = line.partition(":")
        if line[0] not in "- ":
            if key in found:
                return None
            rows = []
            found[key] = plain_value(value[1:]) if value else rows
            continue
        if line[0] == "-":
            row = {}
            rows.append(row)
        if key[2:] in row:
            return None
        row[key[2:]] = plain_value(value[1:])
    return found
