"""gc of the packs of a remote, in two runs.

The first packs anew what is needed of a pack that is mostly unneeded. The old pack goes in a later run, when what replaced it is
as old as the grace. So what lies at the remote says all: nothing is noted there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct

from dvx.errors import Corrupted, DvxError, quoted
from dvx.model.digest import Digest
from dvx.model.transfer.pack import Pack, Packed
from dvx.model.upkeep.ages import DAY
from dvx.model.upkeep.gc import PackFate, Used, pack_fates
from dvx.ops.transfer.claims import Claimed
from dvx.store.remotes.packs import Packs, read_packed
from dvx.store.remotes.remote import Remote

_AT_ONCE = 4


class PackCount(Struct, frozen=True):
    """What becomes of packs; how many of their objects stay as needed, or as young; `unsure` is as in `GcPlan`."""

    fates: tuple[PackFate, ...] = ()
    kept: int = 0
    young: int = 0
    unsure: int = 0


class Moment(Struct, frozen=True):
    """How late it is, and when something must have been written at the latest to go (seconds since the epoch)."""

    now: float
    horizon: float


def plan(
    remote: Remote,
    packs: Packs,
    used: Used,
    claimed: Claimed,
    moment: Moment,
    only: AbstractSet[str] | None = None,
) -> PackCount:
    """What becomes of each pack, or of `only` some by name. What is claimed is used, too.

    Half a pack goes after a day at the earliest: somebody may be writing the other half.

    Raises:
        DvxError: it cannot be known what a pack holds.
    """
    listed, strays = packs.listing()
    horizon, abandoned = moment.horizon, min(moment.horizon, moment.now - DAY)
    held = {pack: _objects(remote, packs, pack) for pack in listed}
    used = used | claimed.of(place.digest for places in held.values() for place in places)
    halves = [PackFate(one.name.rpartition("/")[2], one.size, final=True) for one in strays if one.modified <= abandoned]
    kept = sum(place.digest in used for places in held.values() for place in places)
    young = sum(place.digest not in used for pack, places in held.items() if pack.modified > horizon for place in places)
    unsure = sum(place.digest in used and place.digest not in used.objects for places in held.values() for place in places)
    return PackCount((*pack_fates(held, used, horizon, only), *halves), kept, young, unsure)


def pack_anew(remote: Remote, packs: Packs, fates: Iterable[PackFate]) -> None:
    """Write what is needed of packs that are to go later into new ones."""
    try:
        for fate in fates:
            if not fate.final:
                packs.write(_bytes(packs, fate.name, fate.kept))
    finally:
        remote.discard()


def _objects(remote: Remote, packs: Packs, pack: Pack) -> list[Packed]:
    try:
        return list(packs.places(pack))
    except Corrupted as error:
        hint = f"run `dvx fsck --remote {quoted(remote.name)}` first"
        raise DvxError(f"what to keep at `{remote.name}` cannot be known: {error.message}", hint) from error


def _bytes(packs: Packs, name: str, places: Sequence[Packed]) -> list[tuple[Digest, bytes]]:
    found: dict[Digest, bytes] = {}
    take: Callable[[Digest, bytes], None] = found.__setitem__
    wrong = read_packed(packs, {place.digest: (name, place) for place in places}, _AT_ONCE, take)
    if wrong:
        raise Corrupted(next(iter(wrong.values())), "run `dvx fsck --remote` first")
    return [(place.digest, found[place.digest]) for place in places]
