"""Clashes: paths that are different here and one on systems that fold case or Unicode forms."""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import normalize

from dvx.model.paths import parent


def clashes(paths: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of paths, or of folders above them, that differ only in case or Unicode normalisation, each in order."""
    names = {*paths}
    if not names:
        return ()
    above = {parent(name) for name in names}
    while above:
        names |= above
        above = {parent(folder) for folder in above} - names
    # most often there are none, which is quickly known of all names at once
    if len({*_folded("\0".join(names)).split("\0")}) == len(names):
        return ()
    first: dict[str, str] = {}
    found = []
    for name in sorted(names):
        other = first.setdefault(_folded(name), name)
        # what merely lies in folders that clash is no clash of its own
        if other != name and parent(other) == parent(name):
            found.append((other, name))
    return tuple(found)


def _folded(path: str) -> str:
    return path.lower() if path.isascii() else normalize("NFC", normalize("NFD", path).casefold())
