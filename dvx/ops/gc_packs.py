"""gc of the packs of a remote, in two phases.

What is mostly unneeded is condemned: what is needed of it is packed anew, and a mark is put beside it. From then on, nobody
relies on it, but it can still be read. Once the mark is as old as the grace, the pack goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet

from msgspec import Struct

from dvx.errors import Corrupted, DvxError, quoted
from dvx.model.digest import Digest
from dvx.model.gc import PackFate, Used, pack_fate
from dvx.model.pack import CONDEMNED, INDEX, PACK, PACK_BYTES, Packed
from dvx.ops.claiming import Claimed
from dvx.store.packs import Pack, Packs, read_packed
from dvx.store.remote import Remote

_AT_ONCE = 4


class PackCount(Struct, frozen=True):
    """What becomes of packs; how many of their objects stay as needed, or as young; `unsure` is as in `GcPlan`."""

    fates: tuple[PackFate, ...] = ()
    kept: int = 0
    young: int = 0
    unsure: int = 0


def plan(
    remote: Remote,
    packs: Packs,
    used: Used,
    loose: AbstractSet[Digest],
    horizon: float,
    claimed: Claimed,
) -> PackCount:
    """What becomes of each pack; `loose` are objects that lie at the remote by themselves. What is claimed is used, too.

    Raises:
        DvxError: it cannot be known what a pack holds.
    """
    holding = [(pack, _objects(remote, packs, pack)) for pack in packs.listed()]
    used = used | claimed.of(place.digest for _, places in holding for place in places)
    staying: set[Digest] = {place.digest for pack, places in holding if pack.condemned is None for place in places} | loose
    fates: list[PackFate] = []
    kept = young = unsure = 0
    for pack, places in holding:
        fate: PackFate | None = None
        if pack.condemned is not None:
            lost = tuple(place for place in places if place.digest in used and place.digest not in staying)
            if lost or pack.condemned <= horizon:
                fate = PackFate(pack.name, pack.size, lost, len(places) - len(lost), final=not lost)
        elif pack.modified <= horizon:
            fate = pack_fate(pack.name, ((place, place.digest in used) for place in places))
        else:
            young += sum(place.digest not in used for place in places)
        kept += sum(place.digest in used for place in places) if pack.condemned is None else 0
        unsure += sum(place.digest in used and place.digest not in used.objects for place in places)
        fates += [fate] if fate is not None else []
    return PackCount(tuple(fates), kept, young, unsure)


def carry_out(remote: Remote, packs: Packs, fates: tuple[PackFate, ...], horizon: float) -> tuple[PackFate, ...]:
    """Do what was planned, but for packs that are younger than `horizon` by the clock of the remote; returns what was done.

    Interrupted at any point, no object is lost, and the next run goes on. What was claimed after the plan was made can still be
    read, for as long as any unneeded object stays.
    """
    # also so that nothing is packed anew under the name of what is to go
    there = {pack.name: pack for pack in packs.listed()}
    due = tuple(fate for fate in fates if fate.name in there and _is_due(there[fate.name], fate, horizon))
    for fate in due:
        if not fate.final:
            for part in _parts(fate.kept):
                packs.write(_bytes(packs, fate.name, part))
            remote.put(b"", packs.file(fate.name, CONDEMNED))
            remote.flush()
    for fate in due:
        if fate.final:
            for suffix in (INDEX, PACK, CONDEMNED):
                remote.remove(packs.file(fate.name, suffix))
    return due


def _is_due(pack: Pack, fate: PackFate, horizon: float) -> bool:
    """Whether a pack is old enough; one that was condemned, and is needed again, is packed anew at any age."""
    if pack.condemned is None:
        return pack.modified <= horizon and not fate.final
    return pack.condemned <= horizon or not fate.final


def _objects(remote: Remote, packs: Packs, pack: Pack) -> list[Packed]:
    try:
        return list(packs.places(pack))
    except Corrupted as error:
        hint = f"run `dvx fsck --remote {quoted(remote.name)}` first"
        raise DvxError(f"what to keep at `{remote.name}` cannot be known: {error.message}", hint) from error


def _parts(places: tuple[Packed, ...]) -> Iterator[list[Packed]]:
    part: list[Packed] = []
    room = PACK_BYTES
    for place in places:
        if part and place.size > room:
            yield part
            part, room = [], PACK_BYTES
        part.append(place)
        room -= place.size
    if part:
        yield part


def _bytes(packs: Packs, name: str, places: list[Packed]) -> list[tuple[Digest, bytes]]:
    found: dict[Digest, bytes] = {}
    take: Callable[[Digest, bytes], None] = found.__setitem__
    wrong = read_packed(packs, {place.digest: (name, place) for place in places}, _AT_ONCE, take)
    if wrong:
        raise Corrupted(next(iter(wrong.values())), "run `dvx fsck --remote` first")
    return [(place.digest, found[place.digest]) for place in places]
