"""Regular expressions of ignore patterns, so that no pattern takes time without end.

Between two asterisks the first place that fits is as good as any other, since the second takes whatever is left: what was found
need not be tried again elsewhere. The last asterisk goes as far as it can, as before.
"""

from __future__ import annotations

import re

# one character of a name, as pathspec writes it
_ONE = r"(?:\[(?:\\.|[^\]\\])+\](?!\*)|\\.|[^\\\[\]()*/?+|^$.])"
_BETWEEN = re.compile(rf"\[\^/\]\*((?:{_ONE})+)(?=\[\^/\]\*)")
_STARS = re.compile(r"(?:\[\^/\]\*){2,}")
_FOLDERS = "(?:/.+)?"


def bounded(regex: str) -> str:
    """The regular expression of a pattern, as pathspec writes it, in a form that matches the same in bounded time."""
    parts = [_BETWEEN.sub(r"(?>[^/]*?\1)", part) for part in _STARS.sub("[^/]*", regex).split(_FOLDERS)]
    if len(parts) == 1:
        return parts[0]
    first = parts[0].replace("^(?:.+/)?", "^(?:.+?/)??")
    found = [f"(?>{first}(?=/))"]
    found += [f"(?>(?:/.+?)??{part}(?=/))" for part in parts[1:-1]]
    return f"{''.join(found)}{_FOLDERS}{parts[-1]}"
