"""Steps of a push: what one remote lacks, planned and sent; what it has already stays there for whoever will pull."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from dvx.model.digest import Digest
from dvx.model.events import Tell
from dvx.model.transfer.claims import claimed
from dvx.model.transfer.pack import pack_groups
from dvx.model.transfer.plan import ChosenPath, Need, TransferPlan, TransferResult, Wanted, plan_transfer, without
from dvx.ops.tracked.reach import Reach
from dvx.ops.transfer.claims import Reliance, claim
from dvx.ops.transfer.plans import RemoteDifference, Step, announce, compare
from dvx.ops.transfer.provenance import refuse, unconfirmed
from dvx.project import Project
from dvx.store.remotes import copy, pack_copy
from dvx.store.remotes.remote_objects import RemoteObjects


def push_step(project: Project, reach: Reach, objects: RemoteObjects, items: Sequence[ChosenPath], tell: Tell) -> Step:
    """What a push to the remote has to copy. Compares like `compare`."""
    found = compare(project, reach, objects, items, tell)
    plan = _plan(project, found.wanted, found.absent)
    paths = unconfirmed(project, objects.remote.name, items, (*plan.files, *plan.trees), found.wanted.children)
    return Step(objects.remote.name, objects.remote.url, plan, {}, found.spoiled, _requests(objects, plan), paths, found)


def push(project: Project, step: Step, objects: RemoteObjects, tell: Tell) -> TransferResult:
    """Do a step of a push.

    Raises:
        RemoteError: the remote cannot be reached.
        DvxError: the user has to agree first that data goes to this remote.
    """
    refuse(step.unconfirmed, step.remote, step.url)
    if step.found is not None:
        step = _relying(project, step, step.found, objects, tell)
    announce("push", step, tell)
    packed = pack_copy.upload(project.cache, objects, step.plan.files, tell)
    tried = packed.done | packed.refused.keys()
    rest = replace(step.plan, files=tuple(need for need in step.plan.files if need.digest not in tried))
    result = copy.upload(project.cache, objects.remote, without(rest, packed.refused.keys()), tell)
    if packed.failure is not None and not (packed.done or result.copied):
        raise packed.failure
    refused = tuple((need.path, packed.refused[need.digest]) for need in step.plan.files if need.digest in packed.refused)
    return TransferResult(len(packed.done), packed.bytes, refused) + result + TransferResult(failed=step.spoiled)


def _relying(project: Project, step: Step, found: RemoteDifference, objects: RemoteObjects, tell: Tell) -> Step:
    """The step after what is there already was claimed; what is gone by then is to be sent, too."""
    absent, old = found.absent, found.old
    # a tree that is gone no longer stands for its files: they are claimed by themselves then
    while gone := claim(objects, Reliance(old, claimed(found.wanted, absent, old)), tell):
        absent, old = absent | gone, old - gone
    if absent == found.absent:
        return step
    plan = _plan(project, found.wanted, absent)
    needs = (*plan.files, *plan.trees)
    refuse(unconfirmed(project, step.remote, found.items, needs, found.wanted.children), step.remote, step.url)
    return replace(step, plan=plan, requests=_requests(objects, plan))


def _plan(project: Project, wanted: Wanted, absent: AbstractSet[Digest]) -> TransferPlan:
    sizes = project.cache.sizes(absent)
    plan = plan_transfer(wanted, absent, absent - sizes.keys())
    return replace(plan, files=_sized(plan.files, sizes), trees=_sized(plan.trees, sizes))


def _sized(needs: Iterable[Need], sizes: Mapping[Digest, int]) -> tuple[Need, ...]:
    return tuple(replace(need, size=sizes[need.digest]) for need in needs)


def _requests(objects: RemoteObjects, plan: TransferPlan) -> int:
    """About how many requests a push needs: two for a pack, one for what goes alone."""
    groups = list(pack_groups((need, need.size or 0) for need in plan.files)) if objects.packing else []
    return 2 * len(groups) + plan.count - sum(len(group) for group in groups)
