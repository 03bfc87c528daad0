"""push and fetch where a remote keeps files under their own names: pointers and locks say which version holds what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from dvx.errors import MissingData
from dvx.model.digest import Digest
from dvx.model.events import Tell
from dvx.model.tracked.pointer import Recorded
from dvx.model.transfer.plan import ChosenPath, Need, TransferPlan, TransferResult
from dvx.model.transfer.versioned import Version, tree_of, version_of
from dvx.model.tree import Tree, tree_content
from dvx.ops.tracked.reach import Reach
from dvx.ops.transfer.plans import Step
from dvx.ops.transfer.provenance import refuse, unconfirmed
from dvx.project import Project
from dvx.store.remotes import copy
from dvx.store.remotes.versioned import VersionedRemote
from dvx.store.remotes.versioned_objects import Targets, VersionSources


class Work(Struct, frozen=True):
    """What a step does beside its plan: the paths that objects go to, the versions that have them, both by their names.

    `items` are the outputs whose pointers and locks are written after a push.
    """

    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sources: Mapping[str, tuple[str, Version]] = field(default_factory=dict)
    items: tuple[ChosenPath, ...] = ()


class _File(Struct, frozen=True):
    """One file of an output, and its version at the remote if one is recorded."""

    path: str
    digest: Digest
    size: int | None
    version: Version | None


class _Found(Struct, frozen=True):
    """The files of some outputs, the trees that could not be had, and paths whose tree cannot be used."""

    files: list[_File] = field(default_factory=list)
    missing: list[Need] = field(default_factory=list)
    spoiled: list[tuple[str, str]] = field(default_factory=list)


def keep_trees(project: Project, records: Iterable[Recorded]) -> None:
    """Make the cache hold the tree of each directory that is listed file by file, or empty: no remote has that as an object."""
    kept = False
    for recorded in records:
        content = recorded.content
        rows = recorded.extras.get("files", () if content and content.files == 0 else None)
        if rows is None or content is None or project.cache.has(content.digest):
            continue
        tree = tree_of(rows, content.digest.algorithm)
        known, data = tree_content(tree or Tree(()), project.dialect, content.digest.algorithm)
        if known.digest == content.digest:
            project.cache.put(data, content.digest)
            kept = True
    if kept:
        project.cache.barrier()


def plan_push(
    project: Project, reach: Reach, versioned: VersionedRemote, records: Mapping[ChosenPath, Recorded]
) -> tuple[Step, Work]:
    """What the remote has no version of, or none any more. It is asked; nothing is remembered."""
    found = _files(reach, records, versioned.remote.name)
    known = {(file.path, file.version.id) for file in found.files if file.version}
    there = versioned.existing(known) if known else set()
    lacking = [file for file in found.files if file.version is None or (file.path, file.version.id) not in there]
    sizes = project.cache.sizes({file.digest for file in lacking})
    targets: dict[Digest, dict[str, None]] = {}
    for file in lacking:
        targets.setdefault(file.digest, {})[file.path] = None
    needs = [Need(digest, min(paths), sizes.get(digest)) for digest, paths in targets.items()]
    missing = (*(need for need in needs if need.digest not in sizes), *found.missing)
    plan = TransferPlan(tuple(need for need in needs if need.digest in sizes), missing=missing)
    remote = versioned.remote
    requests = len(known) + sum(len(targets[need.digest]) for need in plan.files)
    reach.load(item.content.digest for item in records)
    paths = unconfirmed(project, remote.name, tuple(records), plan.files, reach.named)
    step = Step(remote.name, remote.url, plan, spoiled=tuple(found.spoiled), requests=requests, unconfirmed=paths)
    return step, Work({digest.object_name: tuple(sorted(paths)) for digest, paths in targets.items()}, items=tuple(records))


def push(project: Project, step: Step, work: Work, versioned: VersionedRemote, tell: Tell) -> TransferResult:
    """Do a step of a push; what got a version is recorded, also where the rest failed. Raises like `push_plans.push`."""
    refuse(step.unconfirmed, step.remote, step.url)
    if step.plan.files:
        versioned.check()
    objects = Targets(versioned, work.targets)
    try:
        result = copy.upload(project.cache, objects, step.plan, tell)
    finally:
        from dvx.ops.transfer.versioned_records import record_versions

        record_versions(project, step.remote, work.items, objects.made)
    return result + TransferResult(failed=step.spoiled)


def plan_fetch(
    project: Project, reach: Reach, versioned: VersionedRemote, records: Mapping[ChosenPath, Recorded]
) -> tuple[Step, Work]:
    """What the cache lacks; what has no recorded version is missing, whatever the remote holds."""
    found = _files(reach, records, versioned.remote.name)
    needs: dict[Digest, Need] = {}
    sources: dict[Digest, tuple[str, Version]] = {}
    for file in found.files:
        if file.digest in needs or not project.cache.has(file.digest, file.size):
            needs.setdefault(file.digest, Need(file.digest, file.path, file.size))
            if file.version is not None:
                sources.setdefault(file.digest, (file.path, file.version))
    missing = (*(need for need in needs.values() if need.digest not in sources), *found.missing)
    plan = TransferPlan(tuple(need for need in needs.values() if need.digest in sources), missing=missing)
    remote = versioned.remote
    name, url = (remote.name, remote.url) if needs or missing or found.spoiled else ("", "")
    step = Step(name, url, plan, spoiled=tuple(found.spoiled), requests=plan.count)
    return step, Work(sources={digest.object_name: source for digest, source in sources.items()})


def fetch(project: Project, step: Step, work: Work, versioned: VersionedRemote, tell: Tell) -> TransferResult:
    """Do a step of a fetch; raises like `store.remotes.copy.download`."""
    result = copy.download(project.cache, VersionSources(versioned, work.sources), step.plan, {}, tell)
    return result + TransferResult(failed=step.spoiled)


def _files(reach: Reach, records: Mapping[ChosenPath, Recorded], remote: str) -> _Found:
    found = _Found()
    for item, recorded in records.items():
        digest = item.content.digest
        if not digest.is_tree:
            version = version_of(recorded.extras, remote)
            found.files.append(_File(item.path, digest, item.content.size, version))
            continue
        rows = {row["relpath"]: row for row in recorded.extras.get("files") or ()}
        for _, tree in reach.here([digest]):
            for entry in tree.below(item.inner) if item.inner else tree.entries:
                row = rows.get(entry.path, {})
                size = entry.size if entry.size is not None else row.get("size")
                found.files.append(_File(f"{item.path}/{entry.path}", entry.digest, size, version_of(row, remote)))
        if isinstance(reach.doubts.get(digest), MissingData):
            found.missing.append(Need(digest, item.path))
        elif digest in reach.doubts:
            found.spoiled.append((item.path, reach.doubts[digest].message))
    return found
