"""Links of Markdown documents that lead nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_LINK = re.compile(r"(?<!\!)\[[^\]\n]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_OUTSIDE = ("http://", "https://", "mailto:")


def broken(path: Path) -> Iterator[str]:
    """Each link of a document whose file or heading does not exist; those that leave the project are not followed."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if link.startswith(_OUTSIDE):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name) if name else path
        if not target.exists() or (anchor and anchor not in headings(target)):
            yield link


def headings(path: Path) -> set[str]:
    """The anchors of a document."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
