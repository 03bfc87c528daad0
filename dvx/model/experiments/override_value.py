"""The value of an override `key=VALUE`: numbers, `true`, `null`, texts, `[lists]`, `{mappings}`, quotes.

Source of the grammar: DVC's `--set-param`. Texts may hold more characters here.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from dvx.errors import UsageError

_INTEGER = r"(?:0|[1-9][0-9]*(?:_[0-9]+)*)"
_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_INT = re.compile(rf"[+-]?{_INTEGER}")
_FLOAT = re.compile(
    rf"[+-]?(?:(?:{_INTEGER}\.(?:{_DIGITS})?|\.{_DIGITS})(?:e[+-]?{_DIGITS})?|{_INTEGER}e[+-]?{_DIGITS}|inf|nan)", re.IGNORECASE
)
_WORDS = {"null": None, "true": True, "false": False}
_ESCAPED = frozenset("\\()[]{}:=, \t")
_STRUCTURE = frozenset("()[]{}'\"")
_SWEEPS = ("choice", "range", "glob", "interval", "shuffle", "sort", "tag", "extend_list")
_QUOTED = {quote: re.compile(rf"(?:[^\\{quote}]|\\+[^\\{quote}]|(?:\\\\)*\\{quote}|(?:\\\\)+(?={quote}))*+") for quote in "'\""}
_DEPTH = 50


def parse_value(text: str) -> Any:
    """The value that `text` stands for.

    Raises:
        UsageError: it is malformed, or a sweep, which stands for several values.
    """
    reader = _Reader(text)
    value = reader.value("", 0)
    if reader.rest.startswith(","):
        reader.refuse_sweep()
    if reader.rest:
        reader.refuse("something stands after the value")
    return value


def parts_of(text: str) -> list[str]:
    """The texts of the values that commas part at the top of `text`; one for a plain value.

    Raises:
        UsageError: one of them is malformed.
    """
    return _parts(_Reader(text), "")


def arguments_of(text: str) -> tuple[str, list[str]] | None:
    """Name and arguments, as they are written, of a text as `choice(a,b)`; None for every other text.

    Raises:
        UsageError: the call is malformed.
    """
    name = text.strip().partition("(")[0].strip()
    if name not in _SWEEPS or "(" not in text:
        return None
    reader = _Reader(text.rstrip())
    reader.at = text.index("(") + 1
    reader.blanks()
    found = [] if reader.rest.startswith(")") else _parts(reader, ")")
    if reader.rest != ")":
        reader.refuse("a `)` is missing at its end")
    return name, found


def _parts(reader: _Reader, end: str) -> list[str]:
    found = []
    while True:
        start = reader.at
        reader.value("," + end if end else "", 0)
        found.append(reader.text[start : reader.at].strip())
        if not reader.rest.startswith(","):
            return found
        reader.at += 1


class _Reader:
    """Reads a text from left to right; `at` is the position."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def rest(self) -> str:
        return self.text[self.at :]

    def value(self, stops: str, depth: int) -> Any:
        self.blanks()
        sign = self.rest[:1]
        if depth > _DEPTH:
            self.refuse(f"it is nested deeper than {_DEPTH} levels")
        if sign == "[":
            value: Any = self.items(depth + 1)
        elif sign == "{":
            value = self.pairs(depth + 1)
        elif sign in ("'", '"'):
            value = self.quoted(sign)
        else:
            return self.word(stops)
        self.blanks()
        return value

    def items(self, depth: int) -> list[Any]:
        self.at += 1
        found: list[Any] = []
        while not self.closed("]", empty=not found):
            found.append(self.value(",]", depth))
        return found

    def pairs(self, depth: int) -> dict[Any, Any]:
        self.at += 1
        found: dict[Any, Any] = {}
        while not self.closed("}", empty=not found):
            self.blanks()
            key = self.quoted(self.rest[0]) if self.rest[:1] in ("'", '"') else self.word(":,}")
            self.blanks()
            if not self.rest.startswith(":"):
                self.refuse("a `:` is missing")
            self.at += 1
            found[key] = self.value(",}", depth)
        return found

    def closed(self, bracket: str, *, empty: bool) -> bool:
        self.blanks()
        sign = self.rest[:1]
        if sign == bracket:
            self.at += 1
            return True
        if not empty:
            if sign != ",":
                self.refuse(f"a `,` or `{bracket}` is missing")
            self.at += 1
        return False

    def quoted(self, quote: str) -> str:
        match = _QUOTED[quote].match(self.text, self.at + 1)
        end = match.end() if match else self.at
        if match is None or self.text[end : end + 1] != quote:
            self.refuse("a quote is not closed")
        self.at = end + 1
        # backslashes mean something only before a quote
        return re.sub(rf"(\\+)({quote}|$)", lambda found: "\\" * (len(found[1]) // 2) + found[2], match[0])

    def word(self, stops: str) -> Any:
        read, kept = [], 0
        while self.at < len(self.text):
            sign = self.text[self.at]
            if sign == "\\" and self.text[self.at + 1 : self.at + 2] in _ESCAPED:
                self.at += 1
                read.append(self.text[self.at])
                kept = len(read)
            elif sign in (stops or ","):
                break
            elif sign in _STRUCTURE:
                self.refuse_structure("".join(read), sign)
            else:
                read.append(sign)
            self.at += 1
        whole = "".join(read)
        if kept:
            return whole[:kept] + whole[kept:].rstrip()
        if stops and not whole.strip():
            self.refuse("a value is missing")
        return _typed(whole.rstrip())

    def blanks(self) -> None:
        while self.rest[:1] in (" ", "\t") and self.rest:
            self.at += 1

    def refuse_structure(self, before: str, sign: str) -> NoReturn:
        if sign == "(" and before.strip() in _SWEEPS:
            self.refuse_sweep()
        self.refuse(f"`{sign}` stands inside a word")

    def refuse(self, problem: str) -> NoReturn:
        raise UsageError(f"`{self.text}` is not a value: {problem}", "put quotes around a text that has special characters")

    def refuse_sweep(self) -> NoReturn:
        quoted = f", or write `[{self.text}]` for a list, `'{self.text}'` for a text" if "(" not in self.text else ""
        problem = f"`{self.text}` stands for several values, and one run takes one"
        raise UsageError(problem, f"run an experiment for each value with `dvx exp run --queue`{quoted}")


def _typed(word: str) -> Any:
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    if _INT.fullmatch(word) and len(word) < 4000:
        return int(word)
    if _FLOAT.fullmatch(word):
        return float(word)
    return word
