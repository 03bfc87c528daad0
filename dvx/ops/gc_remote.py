"""gc of a remote: what nothing needs that is known here."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from dvx.errors import DvxError, MissingData, quoted
from dvx.model.digest import Digest
from dvx.model.gc import GcPlan, Stored, plan_gc
from dvx.ops import gc_packs
from dvx.store.crowd import each
from dvx.store.objects import digest_of
from dvx.store.remote_objects import RemoteObjects

_ASKED = 8


def plan(objects: RemoteObjects, used: AbstractSet[Digest], lacking: Iterable[Digest], horizon: float) -> GcPlan:
    """What may go; `lacking` are needed trees that the cache has not, so their files are looked up at the remote.

    Raises:
        DvxError: what to keep cannot be known, or the remote does not list what it has.
    """
    remote = objects.remote
    listing = list(remote.listing(""))
    if not listing:
        _check_empty(objects, used)
    found = ((digest_of(listed.name), listed) for listed in listing)
    stored = [Stored(digest, listed.size, listed.modified) for digest, listed in found if digest is not None]
    trees = {one.digest for one in stored if one.digest.is_tree}
    young = {one.digest for one in stored if one.digest in trees and one.digest not in used and one.modified > horizon}
    asked = sorted(trees & {*lacking, *young})
    more = set().union(*each(lambda digest: _files_of(objects, digest), asked, remote.jobs))
    loose = plan_gc(stored, used | more, horizon)
    if objects.packs is None:
        return loose
    staying = {one.digest for one in stored} - {one.digest for one in loose.objects}
    packed = gc_packs.plan(remote, objects.packs, used | more, staying, horizon)
    return replace(loose, kept=loose.kept + packed.kept, young=loose.young + packed.young, packs=packed.fates)


def remove(objects: RemoteObjects, plan: GcPlan) -> None:
    """Remove what was planned: all trees, then the files."""
    remote = objects.remote
    for wave in (plan.trees, plan.files):
        for _ in each(remote.remove, [stored.digest.object_name for stored in wave], remote.jobs):
            pass
    if objects.packs is not None:
        gc_packs.carry_out(remote, objects.packs, plan.packs)


def _check_empty(objects: RemoteObjects, used: AbstractSet[Digest]) -> None:
    """Refuse a listing that shows nothing where there is something: whoever believed it would know of no tree there."""
    there = objects.remote.sizes([digest.object_name for digest in sorted(used)[:_ASKED]])
    if there:
        name = quoted(objects.remote.name)
        text = f"the remote `{objects.remote.name}` lists nothing, although it has `{min(there)}`"
        raise DvxError(text, f"check that you may list it: `dvx remote test {name}`")


def _files_of(objects: RemoteObjects, digest: Digest) -> set[Digest]:
    try:
        return {entry.digest for entry in objects.read_tree(digest)[0].entries}
    except MissingData:
        return set()
    except DvxError as error:
        hint = f"run `dvx fsck --remote {quoted(objects.remote.name)}` first"
        raise DvxError(f"what to keep at `{objects.remote.name}` cannot be known: {error.message}", hint) from error
