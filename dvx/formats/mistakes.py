"""What is wrong in a file, told with its line."""

from __future__ import annotations

import re

from dvx.errors import FormatError
from dvx.model.dialect import DIALECTS
from dvx.model.paths import printable

DEPTH = 100
"""How many levels deep a document may be nested."""

SHOWN = 120
"""How many characters of the offending line an error shows."""

_OTHERS = r"(?:\|{7} .*\n(?:(?!={7}$).*\n)*)?={7}\n(?:(?!>{7} ).*\n)*>{7} .*\n?"
_CONFLICT = re.compile(rf"^<{{7}} .*\n((?:(?!={{7}}$|\|{{7}} ).*\n)*){_OTHERS}", re.MULTILINE)


def is_conflicted(text: str) -> bool:
    """Whether a file has the marks that Git leaves where it could not merge."""
    return any(line.startswith("<<<<<<< ") for line in text.splitlines())


def our_side(text: str) -> str:
    """The text that a file with conflicts had before it was merged."""
    return _CONFLICT.sub(lambda found: str(found[1]), text)


def mistake(text: str, name: str, where: tuple[int, int], problem: str, hint: str = "") -> FormatError:
    """A FormatError at line and column `where`, counted from 0."""
    lines = text.splitlines()
    line = lines[where[0]] if where[0] < len(lines) else ""
    if is_conflicted(text):
        is_pointer = name.endswith(tuple(dialect.pointer_suffix for dialect in DIALECTS))
        way = "run `dvx add` for its data to track what is here, or keep one side" if is_pointer else "keep one side, then go on"
        hint = f"it holds a merge conflict: {way}; `dvx install` lets Git merge such files by itself"
    elif line.startswith("\t") and not hint:
        hint = "indent with blanks, not tabs"
    around = line[max(0, where[1] - SHOWN // 2) :][:SHOWN].strip()
    shown = f"\n    {printable(around)}" if around else ""
    return FormatError(f"{problem}{shown}", hint, f"{name}:{where[0] + 1}:{where[1] + 1}")
