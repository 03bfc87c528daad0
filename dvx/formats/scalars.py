"""What an unquoted YAML scalar means, by the rules of YAML 1.2: `yes` and `2020-01-01` are texts, `0x1F` is a number."""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|[0-9_]+|0x[0-9a-fA-F_]+)", re.ASCII)
_FLOAT = re.compile(
    r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
    r"|[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    re.ASCII,
)
_NAN = frozenset((".nan", ".NaN", ".NAN"))
_NUMERIC = frozenset("+-.0123456789")
# those of 4,200 decimal digits
_BITS = 14_000
_BASES = {"0b": 2, "0o": 8, "0x": 16}


def plain_value(text: str) -> Scalar:
    """The value of an unquoted scalar; what is no null, boolean or number is its own text."""
    if text[:1] not in _NUMERIC:
        return _WORDS.get(text, text)
    try:
        if _INTEGER.fullmatch(text):
            return _integer(text.replace("_", ""))
        if _FLOAT.fullmatch(text):
            # one object for all: what is unequal to itself is found as a key only if it is the same
            return math.nan if text in _NAN else float(text.replace("_", "").replace(".i", "i").replace(".I", "I"))
    except ValueError:
        # signs and underscores without a digit, or more digits than Python reads
        return text
    return text


def _integer(digits: str) -> int:
    sign = -1 if digits[0] == "-" else 1
    bare = digits.lstrip("+-")
    base = _BASES.get(bare[:2], 10)
    return sign * writable(int(bare if base == 10 else bare[2:], base))


def writable(number: int) -> int:
    """The number; raises ValueError if it has more decimal digits than Python writes, which other bases can say."""
    if number.bit_length() > _BITS:
        raise ValueError("a number has more digits than can be written")
    return number
