"""Steps of a transfer: what one remote and the cache lack of each other, planned and done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import Corrupted, DvxError, MissingData, UnsafePath
from dvx.model.digest import Digest
from dvx.model.events import Notice, Tell
from dvx.model.transfer import Item, TransferPlan, TransferResult, Wanted, gather, plan_transfer
from dvx.model.tree import Tree, decode_tree
from dvx.project import Project
from dvx.store import copy
from dvx.store.remote import Remote, open_remote
from dvx.store.verify import Check


class Step(Struct, frozen=True):
    """The part of a transfer that concerns one remote, by its name and URL; both are empty where none is needed.

    `known` are tree objects that were read from it to plan; `spoiled` are paths whose tree is unusable, and why.
    """

    remote: str
    url: str
    plan: TransferPlan
    known: Mapping[Digest, bytes] = field(default_factory=dict)
    spoiled: tuple[tuple[str, str], ...] = ()


class Difference(Struct, frozen=True):
    """What some paths need, and what of it a remote lacks; `spoiled` are paths whose tree is unusable, and why."""

    wanted: Wanted
    absent: frozenset[Digest]
    spoiled: tuple[tuple[str, str], ...] = ()


class _Trees(Struct, frozen=True):
    """Trees that could be read, the bytes of those that came from the remote, and why others cannot be used."""

    usable: dict[Digest, Tree] = field(default_factory=dict)
    known: dict[Digest, bytes] = field(default_factory=dict)
    spoiled: dict[Digest, str] = field(default_factory=dict)


class Remotes:
    """The remotes of a project, each opened once. `chosen` is what an empty name stands for."""

    def __init__(self, project: Project, chosen: str, jobs: int) -> None:
        self._project = project
        self._chosen = chosen
        self._jobs = jobs
        self._opened: dict[str, Remote] = {}

    def open(self, name: str) -> Remote:
        """A remote by name.

        Raises:
            UnknownTarget: there is none of that name, or no default one.
            ConfigError: its configuration is wrong.
        """
        if name not in self._opened:
            settings = self._project.config.remote(name or self._chosen)
            for option in ("version_aware", "worktree"):
                if settings.options.get(option, "").lower() == "true":
                    raise DvxError(f"the remote `{settings.name}` has `{option}`, which is not supported")
            jobs = self._jobs or int(settings.options.get("jobs") or 0)
            self._opened[name] = open_remote(settings.name, settings.url, settings.options, jobs)
        return self._opened[name]


def compare(project: Project, remote: Remote, items: Sequence[Item], tell: Tell) -> Difference:
    """What `items` need and the remote lacks. The remote is asked; nothing is remembered."""
    trees, lacking = _read_trees(project, items, tell)
    absent_trees = remote.missing([digest.object_name for digest in lacking])
    _read_more(trees, [digest for digest in lacking if digest.object_name not in absent_trees], remote)
    wanted = gather(_usable(items, trees), trees.usable)
    return Difference(wanted, _absent(project, wanted, remote), _reasons(items, trees))


def push_step(project: Project, remote: Remote, items: Sequence[Item], tell: Tell) -> Step:
    """What a push to the remote has to copy. Compares like `compare`."""
    found = compare(project, remote, items, tell)
    plan = plan_transfer(found.wanted, found.absent, project.cache.missing(found.absent))
    return Step(remote.name, remote.url, plan, {}, found.spoiled)


def fetch_step(project: Project, remote: Callable[[], Remote], items: Sequence[Item], tell: Tell) -> Step:
    """What the cache lacks of what `items` need. `remote` is called only if it lacks anything."""
    trees, lacking = _read_trees(project, items, tell)
    if lacking:
        _read_more(trees, lacking, remote())
    wanted = replace(gather(_usable(items, trees), trees.usable), children={})
    needs = {**wanted.files, **wanted.trees}
    absent = {digest for digest, need in needs.items() if not project.cache.has(digest, need.size)}
    plan = plan_transfer(wanted, absent, {digest for digest in wanted.trees if digest not in trees.usable})
    spoiled = _reasons(items, trees)
    if not absent and not spoiled:
        return Step("", "", plan)
    return Step(remote().name, remote().url, plan, trees.known, spoiled)


def push(project: Project, step: Step, remote: Remote, tell: Tell) -> TransferResult:
    """Do a step of a push; raises like `store.copy.upload`."""
    return copy.upload(project.cache, remote, step.plan, tell) + TransferResult(failed=step.spoiled)


def fetch(project: Project, step: Step, remote: Remote, tell: Tell) -> TransferResult:
    """Do a step of a fetch; raises like `store.copy.download`."""
    return copy.download(project.cache, remote, step.plan, step.known, tell) + TransferResult(failed=step.spoiled)


def _absent(project: Project, wanted: Wanted, remote: Remote) -> frozenset[Digest]:
    """Objects that the remote lacks, or has in another size than the cache: those were cut off."""
    names = {digest.object_name: digest for digest in wanted.objects()}
    sizes = remote.sizes(names.keys())
    absent = set()
    for name, digest in names.items():
        size = sizes.get(name)
        if size is None or _local_size(project, digest, size) != size:
            absent.add(digest)
    return frozenset(absent)


def _local_size(project: Project, digest: Digest, default: int) -> int:
    try:
        return os.stat(project.cache.path(digest)).st_size
    except OSError:
        return default


def _read_trees(project: Project, items: Iterable[Item], tell: Tell) -> tuple[_Trees, list[Digest]]:
    """The trees of `items` that the cache has, and the names of the others."""
    found = _Trees()
    lacking = []
    for digest in dict.fromkeys(item.content.digest for item in items if item.content.digest.is_tree):
        try:
            found.usable[digest] = project.cache.read_tree(digest)
        except MissingData:
            lacking.append(digest)
        except Corrupted as error:
            tell(Notice(error.message))
            lacking.append(digest)
        except UnsafePath as error:
            found.spoiled[digest] = error.message
    return found, lacking


def _read_more(found: _Trees, lacking: Sequence[Digest], remote: Remote) -> None:
    """Add the trees that a remote has."""
    with ThreadPoolExecutor(remote.jobs) as pool:
        for digest, answer in zip(lacking, pool.map(partial(_read_tree, remote), lacking), strict=True):
            if isinstance(answer, str):
                found.spoiled[digest] = answer
            elif answer is not None:
                found.usable[digest], found.known[digest] = answer


def _read_tree(remote: Remote, digest: Digest) -> tuple[Tree, bytes] | str | None:
    """A verified tree and its bytes, why it cannot be used, or None if the remote has none."""
    try:
        data = remote.read(digest.object_name)
        check = Check(digest)
        check.feed(data)
        check.finish()
        return decode_tree(data, digest.algorithm), data
    except MissingData:
        return None
    except (Corrupted, UnsafePath) as error:
        return error.message


def _usable(items: Iterable[Item], trees: _Trees) -> list[Item]:
    return [item for item in items if item.content.digest not in trees.spoiled]


def _reasons(items: Iterable[Item], trees: _Trees) -> tuple[tuple[str, str], ...]:
    return tuple((item.path, trees.spoiled[item.content.digest]) for item in items if item.content.digest in trees.spoiled)
