"""GcPlan: which objects of a store may go, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from msgspec import Struct

from dvx.errors import UsageError
from dvx.model.digest import Digest

_UNITS = {"": 86_400, "d": 86_400, "h": 3_600, "m": 60, "s": 1, "w": 7 * 86_400}
_AGE = re.compile(r"(\d+(?:\.\d+)?)([dhmsw]?)")


class Stored(Struct, frozen=True):
    """An object in a store; `size` in bytes, `modified` in seconds since the epoch."""

    digest: Digest
    size: int
    modified: float


class GcPlan(Struct, frozen=True):
    """What goes, `trees` before `files`. `kept` counts what is needed, `young` what is not but may become so."""

    trees: tuple[Stored, ...] = ()
    files: tuple[Stored, ...] = ()
    kept: int = 0
    young: int = 0

    @property
    def objects(self) -> tuple[Stored, ...]:
        """All that goes, in order."""
        return (*self.trees, *self.files)

    @property
    def size(self) -> int:
        """How many bytes that frees."""
        return sum(stored.size for stored in self.objects)

    def only(self, digests: AbstractSet[Digest]) -> GcPlan:
        """The part of this plan that removes some of `digests`."""
        trees = tuple(stored for stored in self.trees if stored.digest in digests)
        files = tuple(stored for stored in self.files if stored.digest in digests)
        return GcPlan(trees, files, self.kept, self.young)


def plan_gc(stored: Iterable[Stored], used: AbstractSet[Digest], horizon: float) -> GcPlan:
    """Plan the removal of all that is not `used` and was not touched after `horizon` (seconds since the epoch).

    Trees go first: while a tree is there, so are its files. For that to hold, `used` has the files of every tree that stays,
    of those that are merely young, too.
    """
    trees: list[Stored] = []
    files: list[Stored] = []
    kept = young = 0
    for one in stored:
        if one.digest in used:
            kept += 1
        elif one.modified > horizon:
            young += 1
        else:
            (trees if one.digest.is_tree else files).append(one)
    return GcPlan(tuple(sorted(trees, key=_by_name)), tuple(sorted(files, key=_by_name)), kept, young)


def parse_age(text: str) -> float:
    """`14d`, `12h`, `0`: an age in seconds; a bare number counts days.

    Raises:
        UsageError: it is none.
    """
    match = _AGE.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"`{text}` is no age", "write for example `14d`, `12h` or `0`")
    return float(match[1]) * _UNITS[match[2]]


def _by_name(stored: Stored) -> Digest:
    return stored.digest
