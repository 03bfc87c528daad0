"""Steps of a transfer: what one remote and the cache lack of each other, planned and done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import DvxError, MissingData
from dvx.model.digest import Digest, digest_bytes
from dvx.model.events import Tell, TransferPlanned
from dvx.model.transfer.plan import ChosenPath, TransferPlan, TransferResult, Wanted, gather, plan_transfer
from dvx.model.tree import Tree
from dvx.ops.sources.connections import connect
from dvx.ops.tracked.reach import Reach
from dvx.project import Project
from dvx.store.remotes import copy, pack_copy
from dvx.store.remotes.listed import Listed
from dvx.store.remotes.packs import Packs
from dvx.store.remotes.remote import Remote
from dvx.store.remotes.remote_objects import Looked, RemoteObjects
from dvx.store.remotes.versioned import VersionedRemote, is_versioned, open_versioned


class RemoteDifference(Struct, frozen=True):
    """What some paths need, and what of it a remote lacks; `spoiled` are paths whose tree is unusable, and why.

    `old` is what the remote has had for long, and `told` what it tells of hashes, as `remote_objects.Looked` says; `items` are
    the paths with their contents.
    """

    wanted: Wanted
    absent: frozenset[Digest]
    spoiled: tuple[tuple[str, str], ...] = ()
    old: frozenset[Digest] = frozenset()
    items: tuple[ChosenPath, ...] = ()
    told: Mapping[Digest, Listed] = field(default_factory=dict)


class Step(Struct, frozen=True):
    """The part of a transfer that concerns one remote, by its name and URL; both are empty where none is needed.

    `known` are tree objects that were read from it to plan; `spoiled` are paths whose tree is unusable, and why. `requests` is
    about how many will be sent. `unconfirmed` are paths whose data the user has to agree to send there. What a push finds there
    and relies on is in `found`.
    """

    remote: str
    url: str
    plan: TransferPlan
    known: Mapping[Digest, bytes] = field(default_factory=dict)
    spoiled: tuple[tuple[str, str], ...] = ()
    requests: int = 0
    unconfirmed: tuple[str, ...] = ()
    found: RemoteDifference | None = None


class Remotes:
    """The remotes of a project, each opened once, by the only way to open one. `chosen` is what an empty name stands for."""

    def __init__(self, project: Project, chosen: str, jobs: int) -> None:
        self._project = project
        self._chosen = chosen
        self._jobs = jobs
        self._opened: dict[str, RemoteObjects] = {}
        self._versioned: dict[str, VersionedRemote] = {}

    def open(self, name: str) -> RemoteObjects:
        """A remote by name.

        Raises:
            UnknownTarget: there is none of that name, or no default one.
            ConfigError: its configuration is wrong.
        """
        settings = self._project.config.remote(name or self._chosen)
        if is_versioned(settings.options):
            text = f"the remote `{settings.name}` keeps versions of files, not objects: only push, fetch and pull work with it"
            raise DvxError(text, "choose another remote")
        if settings.name not in self._opened:
            self._opened[settings.name] = _objects(self._project, connect(self._project, settings, self._jobs))
        return self._opened[settings.name]

    def versioned(self, name: str) -> VersionedRemote | None:
        """A remote by name, if it keeps versions; others are not opened. Raises like `open`."""
        settings = self._project.config.remote(name or self._chosen)
        if not is_versioned(settings.options):
            return None
        if settings.name not in self._versioned:
            aware = replace(settings, options={**settings.options, "version_aware": "true"})
            opened = open_versioned(settings.name, settings.url, lambda: connect(self._project, aware, self._jobs))
            self._versioned[settings.name] = opened
        return self._versioned[settings.name]


def _objects(project: Project, remote: Remote) -> RemoteObjects:
    if not (project.dialect.packs and remote.lists):
        return RemoteObjects(remote)
    label = digest_bytes(remote.name.encode("utf-8", "surrogateescape"), "xxh128").hex[:16]
    packs = Packs(remote, project.algorithm, os.path.join(project.state, "packs", label))
    return RemoteObjects(remote, packs, packing=project.config.flag("core.pack", True))


def compare(project: Project, reach: Reach, remote: RemoteObjects, items: Sequence[ChosenPath], tell: Tell) -> RemoteDifference:
    """What `items` need and the remote lacks. The remote is asked; nothing is remembered."""

    def trees() -> Iterator[tuple[Digest, Tree]]:
        named = _trees(items)
        yield from reach.here(named)
        lacking = reach.doubts.keys() & named
        for digest, tree, _ in reach.there(remote, lacking - remote.missing(lacking)):
            yield digest, tree

    wanted, spoiled = _gather(reach, items, trees())
    looked = remote.look(wanted.objects(), tell)
    absent = _lacking(project, looked)
    return RemoteDifference(wanted, absent, spoiled, frozenset(looked.old - absent), tuple(items), looked.told)


def fetch_step(project: Project, reach: Reach, objects: Callable[[], RemoteObjects], items: Sequence[ChosenPath]) -> Step:
    """What the cache lacks of what `items` need. `objects` is called only if it lacks anything."""
    known: dict[Digest, bytes] = {}

    def trees() -> Iterator[tuple[Digest, Tree]]:
        named = _trees(items)
        yield from reach.here(named)
        for digest, tree, data in reach.there(objects(), named) if reach.doubts.keys() & named else ():
            known[digest] = data
            yield digest, tree

    wanted, spoiled = _gather(reach, items, trees())
    needs = {**wanted.files, **wanted.trees}
    absent = {digest for digest, need in needs.items() if not project.cache.has(digest, need.size)}
    plan = plan_transfer(replace(wanted, children={}), absent, reach.doubts.keys())
    if not absent and not spoiled:
        return Step("", "", plan)
    remote = objects().remote
    return Step(remote.name, remote.url, plan, known, spoiled, plan.count - len(known))


def fetch(project: Project, step: Step, objects: RemoteObjects, tell: Tell) -> TransferResult:
    """Do a step of a fetch; raises like `store.remotes.copy.download`."""
    announce("fetch", step, tell)
    packed = pack_copy.download(project.cache, objects, step.plan.files, tell)
    rest = replace(step.plan, files=tuple(need for need in step.plan.files if need.digest not in packed.done))
    result = copy.download(project.cache, objects.remote, rest, step.known, tell)
    # what is wrong in its pack may lie beside it, too; if it does not, it is not merely missing
    wrong = {need.path: packed.wrong[need.digest] for need in rest.files if need.digest in packed.wrong}
    spoiled = tuple((path, wrong[path]) for path in result.missing if path in wrong)
    result = replace(result, missing=tuple(path for path in result.missing if path not in wrong))
    return TransferResult(len(packed.done), packed.bytes) + result + TransferResult(failed=(*spoiled, *step.spoiled))


def announce(task: str, step: Step, tell: Tell) -> None:
    """Say what will be copied."""
    if step.plan.count:
        tell(TransferPlanned(task, step.remote, step.plan.count, step.plan.bytes, step.requests))


def _lacking(project: Project, looked: Looked) -> frozenset[Digest]:
    """Objects that the remote lacks, or has by themselves in another size than the cache: those were cut off."""
    cut = {digest for digest, size in looked.sizes.items() if _local_size(project, digest, size) != size}
    return frozenset(looked.absent | cut)


def _local_size(project: Project, digest: Digest, default: int) -> int:
    try:
        return os.stat(project.cache.path(digest)).st_size
    except OSError:
        return default


def _trees(items: Iterable[ChosenPath]) -> list[Digest]:
    return list(dict.fromkeys(item.content.digest for item in items if item.content.digest.is_tree))


def _gather(
    reach: Reach, items: Sequence[ChosenPath], trees: Iterable[tuple[Digest, Tree]]
) -> tuple[Wanted, tuple[tuple[str, str], ...]]:
    """What `items` need, and the paths whose tree is there but cannot be used, with the reason. One tree is held at a time."""
    wanted = gather(items, trees)
    why = {digest: error.message for digest, error in reach.doubts.items() if not isinstance(error, MissingData)}
    usable = {digest: need for digest, need in wanted.trees.items() if digest not in why}
    spoiled = [(item.path, why[item.content.digest]) for item in items if item.content.digest in why]
    return replace(wanted, trees=usable), tuple(spoiled)
