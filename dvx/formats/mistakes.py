"""What is wrong in a file, told with its line."""

from __future__ import annotations

from dvx.errors import FormatError
from dvx.model.paths import printable

DEPTH = 100
"""How many levels deep a document may be nested."""

SHOWN = 120
"""How many characters of the offending line an error shows."""

_CONFLICT = "<<<<<<< "


def mistake(text: str, name: str, where: tuple[int, int], problem: str, hint: str = "") -> FormatError:
    """A FormatError at line and column `where`, counted from 0."""
    lines = text.splitlines()
    line = lines[where[0]] if where[0] < len(lines) else ""
    if any(each.startswith(_CONFLICT) for each in lines):
        hint = "it holds a merge conflict; resolve it, then run the command again"
    elif line.startswith("\t") and not hint:
        hint = "indent with blanks, not tabs"
    around = line[max(0, where[1] - SHOWN // 2) :][:SHOWN].strip()
    shown = f"\n    {printable(around)}" if around else ""
    return FormatError(f"{problem}{shown}", hint, f"{name}:{where[0] + 1}:{where[1] + 1}")
