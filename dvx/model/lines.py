"""Lines of files that Git reads, too: ended by LF or CRLF, and by nothing else that Unicode takes for an end of line."""

from __future__ import annotations


def lines_of(text: str) -> list[str]:
    """The lines without their ends; what follows the last end is a line if it is not empty."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
