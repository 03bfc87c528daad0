"""gc of a remote: what nothing needs that is known here."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor

from dvx.errors import DvxError, MissingData, quoted
from dvx.model.digest import Digest
from dvx.model.gc import GcPlan, Stored, plan_gc
from dvx.model.tree import decode_tree
from dvx.store.objects import digest_of
from dvx.store.remote import Remote
from dvx.store.verify import Check


def plan(remote: Remote, used: AbstractSet[Digest], lacking: Iterable[Digest], horizon: float) -> GcPlan:
    """What may go; `lacking` are needed trees that the cache has not, so their files are looked up at the remote.

    Raises:
        DvxError: a tree that says what to keep cannot be read.
    """
    found = ((digest_of(listed.name), listed) for listed in remote.listing(""))
    stored = [Stored(digest, listed.size, listed.modified) for digest, listed in found if digest is not None]
    trees = {one.digest for one in stored if one.digest.is_tree}
    young = {one.digest for one in stored if one.digest in trees and one.digest not in used and one.modified > horizon}
    asked = sorted(trees & {*lacking, *young})
    with ThreadPoolExecutor(remote.jobs) as pool:
        more = set().union(*pool.map(lambda digest: _files_of(remote, digest), asked))
    return plan_gc(stored, used | more, horizon)


def remove(remote: Remote, plan: GcPlan) -> None:
    """Remove what was planned: all trees, then the files."""
    with ThreadPoolExecutor(remote.jobs) as pool:
        for wave in (plan.trees, plan.files):
            for _ in pool.map(remote.remove, [stored.digest.object_name for stored in wave]):
                pass


def _files_of(remote: Remote, digest: Digest) -> set[Digest]:
    try:
        data = remote.read(digest.object_name)
    except MissingData:
        return set()
    try:
        check = Check(digest)
        check.feed(data)
        check.finish()
        return {entry.digest for entry in decode_tree(data, digest.algorithm).entries}
    except DvxError as error:
        hint = f"run `dvx fsck --remote {quoted(remote.name)}` first"
        raise DvxError(f"what to keep at `{remote.name}` cannot be known: {error.message}", hint) from error
