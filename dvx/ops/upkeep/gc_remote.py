"""gc of a remote: what nothing needs that is known here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from msgspec.structs import replace

from dvx.errors import DvxError, quoted
from dvx.model.digest import Digest
from dvx.model.events import Tell
from dvx.model.pipelines.runcache import is_run_name, outdated
from dvx.model.transfer.claims import KEPT_SECONDS, is_claim_name
from dvx.model.upkeep.gc import GcPlan, PackFate, Stored, Used, plan_gc
from dvx.ops.tracked.reach import Reach
from dvx.ops.transfer.claims import Claimed, wait
from dvx.ops.upkeep import gc_packs
from dvx.ops.upkeep.gc_packs import Moment
from dvx.store.objects import digest_of
from dvx.store.remotes.claims import listed, removing, sweep
from dvx.store.remotes.crowd import each
from dvx.store.remotes.listed import Listed
from dvx.store.remotes.remote import Remote
from dvx.store.remotes.remote_objects import RemoteObjects

_ASKED = 8
_AT_ONCE = 32


def plan(objects: RemoteObjects, reach: Reach, named: AbstractSet[Digest], horizon: float) -> GcPlan:
    """What may go; `named` are the objects that something names. Trees that the cache has not are read from the remote.

    Raises:
        DvxError: what to keep cannot be known, or the remote does not list what it has.
    """
    remote = objects.remote
    listing = list(remote.listing(""))
    needed = reach.closure(named)
    if not listing:
        _check_empty(objects, needed)
    found = ((digest_of(one.name), one) for one in listing)
    stored = [Stored(digest, one.size, one.modified) for digest, one in found if digest is not None]
    trees = {one.digest for one in stored if one.digest.is_tree}
    young = {one.digest for one in stored if one.digest in trees and one.digest not in needed and one.modified > horizon}
    claimed = Claimed(objects)
    claimed.read(horizon, [one for one in listing if is_claim_name(one.name)])
    held = claimed.of(one.digest for one in stored) - needed
    staying_trees = trees & (young | held)
    reach.load(trees & (named | staying_trees), objects)
    used = reach.used(named, staying_trees) | held
    runs = ((one.name, one.size, one.modified) for one in listing if is_run_name(one.name))
    loose = replace(plan_gc(stored, used, horizon), runs=tuple(outdated(runs, time.time())))
    if objects.packs is None:
        return loose
    packed = gc_packs.plan(remote, objects.packs, used, claimed, Moment(time.time(), horizon))
    kept, young_ones = loose.kept + packed.kept, loose.young + packed.young
    return replace(loose, kept=kept, young=young_ones, packs=packed.fates, unsure=loose.unsure + packed.unsure)


def remove(objects: RemoteObjects, reach: Reach, plan: GcPlan, grace: float, tell: Tell) -> GcPlan:
    """Remove what was planned: all trees, then the files; returns what was removed.

    What was written or claimed in the last `grace` seconds, by the clock of the remote, stays: that is looked at again for
    every few objects.
    """
    remote = objects.remote
    waiting = partial(wait, remote.name, tell)
    claimed = Claimed(objects)
    trees, gone, spared = {stored.digest for stored in plan.trees}, set[Digest](), Used(frozenset())
    horizon = float("inf")
    for wave in (plan.trees, plan.files):
        rest = [stored.digest for stored in wave]
        while rest:
            batch, rest = rest[: _AT_ONCE * remote.jobs], rest[_AT_ONCE * remote.jobs :]
            with removing(remote, waiting) as announced:
                horizon = min(horizon, announced.now - grace)
                claimed.read(horizon)
                spared |= reach.used((), reach.load(claimed.of(trees), objects))
                there = remote.found([digest.object_name for digest in batch])
                old = {digest for digest in batch if _is_old(there.get(digest.object_name), horizon)}
                due = sorted(digest for digest in old - claimed.of(old) if digest not in spared)
                done = _remove(remote, due, announced.holds)
            gone |= done
        # a tree that came back after a power cut would name files that did not
        remote.flush()
    for _ in each(remote.remove, plan.runs, remote.jobs):
        pass
    _sweep_claims(remote, grace, waiting)
    packs: list[PackFate] = []
    if objects.packs is not None:
        gc_packs.pack_anew(remote, objects.packs, plan.packs)
        packs = [fate for fate in plan.packs if not fate.final]
    finals = [fate for fate in plan.packs if fate.final]
    if objects.packs is not None and finals:
        with removing(remote, waiting) as announced:
            horizon = min(horizon, announced.now - grace)
            claimed.read(horizon)
            spared |= reach.used((), reach.load(claimed.of(trees), objects))
            used = spared | {place.digest for fate in finals for place in fate.kept}
            names, moment = {fate.name for fate in finals}, Moment(announced.now, horizon)
            for fate in gc_packs.plan(remote, objects.packs, used, claimed, moment, names).fates:
                if fate.final and fate.name in names and announced.holds():
                    objects.packs.remove(fate.name)
                    packs.append(fate)
    return plan.only(gone, packs)


def _sweep_claims(remote: Remote, grace: float, waiting: Callable[[], None]) -> None:
    """Remove claims that ended long ago."""
    before = time.time() - grace - KEPT_SECONDS
    if any(one.modified < before for one in listed(remote)):
        with removing(remote, waiting) as announced:
            sweep(remote, listed(remote), announced.now - grace - KEPT_SECONDS)


def _is_old(listed: Listed | None, horizon: float) -> bool:
    return listed is not None and listed.modified <= horizon


def _remove(remote: Remote, digests: Sequence[Digest], may_go_on: Callable[[], bool]) -> set[Digest]:
    """Remove objects while that is allowed; the next `gc` removes the others. Returns those that are gone."""

    def one(digest: Digest) -> bool:
        if not may_go_on():
            return False
        remote.remove(digest.object_name)
        return True

    return {digest for digest, is_gone in zip(digests, each(one, digests, remote.jobs), strict=True) if is_gone}


def _check_empty(objects: RemoteObjects, used: AbstractSet[Digest]) -> None:
    """Refuse a listing that shows nothing where there is something: whoever believed it would know of no tree there."""
    there = objects.remote.sizes([digest.object_name for digest in sorted(used)[:_ASKED]])
    if there:
        name = quoted(objects.remote.name)
        text = f"the remote `{objects.remote.name}` lists nothing, although it has `{min(there)}`"
        raise DvxError(text, f"check that you may list it: `dvx remote test {name}`")
