"""GcPlan: which objects of a store may go, and in which order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import UsageError
from dvx.model.digest import Digest
from dvx.model.transfer.pack import Pack, Packed

_UNITS = {"": 86_400, "d": 86_400, "h": 3_600, "m": 60, "s": 1, "w": 7 * 86_400}
_AGE = re.compile(r"(\d+(?:\.\d+)?)([dhmsw]?)")


class Stored(Struct, frozen=True):
    """An object in a store; `size` in bytes, `modified` in seconds since the epoch. Its file has so many `names` there."""

    digest: Digest
    size: int
    modified: float
    names: int = 1


class Used(Struct, frozen=True):
    """What must stay: `objects`, and all files of the algorithms `unknown`, since a tree that cannot be read may name them."""

    objects: AbstractSet[Digest]
    unknown: frozenset[str] = frozenset()

    def __contains__(self, digest: Digest) -> bool:
        return digest in self.objects or (digest.algorithm in self.unknown and not digest.is_tree)

    def __or__(self, more: AbstractSet[Digest] | Used) -> Used:
        if isinstance(more, Used):
            return Used(self.objects | more.objects, self.unknown | more.unknown)
        return Used(self.objects | more, self.unknown)


class PackFate(Struct, frozen=True):
    """What becomes of a pack of `size` bytes, or of half a one, whose name has its suffix.

    If it is `final`, it goes, and those of its objects that are needed, `kept`, lie in others that stay. If not, these are to be
    packed anew. `gone` counts its unneeded objects.
    """

    name: str
    size: int
    kept: tuple[Packed, ...] = ()
    gone: int = 0
    final: bool = False


class GcPlan(Struct, frozen=True):
    """What goes, `trees` before `files`; then `packs`. `kept` counts what is needed, `young` what is not but may become so.

    `unsure` counts those of the kept ones of which nobody can know whether they are needed. `runs` are
    entries of the run-cache that go.
    """

    trees: tuple[Stored, ...] = ()
    files: tuple[Stored, ...] = ()
    kept: int = 0
    young: int = 0
    packs: tuple[PackFate, ...] = ()
    unsure: int = 0
    runs: tuple[str, ...] = ()

    @property
    def objects(self) -> tuple[Stored, ...]:
        """All that goes, in order."""
        return (*self.trees, *self.files)

    @property
    def size(self) -> int:
        """How many bytes that frees."""
        return sum(stored.size for stored in self.objects) + sum(pack.size for pack in self.packs if pack.final)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.objects or self.packs or self.runs)

    def only(self, digests: AbstractSet[Digest], packs: Iterable[PackFate] = ()) -> GcPlan:
        """The part of this plan that removes some of `digests`, and does no more to packs than `packs` say."""
        trees = tuple(stored for stored in self.trees if stored.digest in digests)
        files = tuple(stored for stored in self.files if stored.digest in digests)
        shown = {(pack.name, pack.final) for pack in packs}
        return replace(self, trees=trees, files=files, packs=tuple(one for one in self.packs if (one.name, one.final) in shown))


def plan_gc(stored: Iterable[Stored], used: Used, horizon: float) -> GcPlan:
    """Plan the removal of all that is not `used` and was not touched after `horizon` (seconds since the epoch).

    Trees go first: while a tree is there, so are its files. For that to hold, `used` has the files of every tree that stays,
    of those that are merely young, too.
    """
    trees: list[Stored] = []
    files: list[Stored] = []
    kept = young = unsure = 0
    for one in stored:
        if one.digest in used:
            kept += 1
            unsure += one.digest not in used.objects and one.modified <= horizon
        elif one.modified > horizon:
            young += 1
        else:
            (trees if one.digest.is_tree else files).append(one)
    return GcPlan(tuple(sorted(trees, key=_by_name)), tuple(sorted(files, key=_by_name)), kept, young, unsure=unsure)


def pack_fates(
    held: Mapping[Pack, Sequence[Packed]], used: Used, horizon: float, only: AbstractSet[str] | None = None
) -> list[PackFate]:
    """What becomes of packs, or of `only` some by name; those that stay as they are have no fate.

    A pack goes when all that is needed of it lies in others that stay and, as itself, were written before `horizon` (seconds
    since the epoch): whoever looked for something before they were there has found it by now. One of which less than half is
    needed is packed anew, but for what another has already.
    """
    needed = {pack: tuple(place for place in places if place.digest in used) for pack, places in held.items()}
    old = [pack for pack in held if pack.modified <= horizon]
    copies = Counter(place.digest for places in needed.values() for place in places)
    old_copies = Counter(place.digest for pack in old for place in needed[pack])
    share = {pack: sum(place.size for place in needed[pack]) / max(1, pack.size) for pack in old}
    fates: list[PackFate] = []
    # the least needed first: of two that have the same, the one that was packed anew stays
    for pack in sorted(old, key=lambda pack: (share[pack], pack.name)):
        if only is not None and pack.name not in only:
            continue
        kept = needed[pack]
        alone = tuple(place for place in kept if copies[place.digest] == 1)
        gone = len(held[pack]) - len(kept)
        if all(old_copies[place.digest] > 1 for place in kept):
            fates.append(PackFate(pack.name, pack.size, kept, gone, final=True))
            for count in (copies, old_copies):
                count.subtract(place.digest for place in kept)
        elif share[pack] < 0.5 and alone:
            fates.append(PackFate(pack.name, pack.size, alone, gone))
    return fates


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
