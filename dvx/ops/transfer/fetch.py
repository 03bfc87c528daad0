"""fetch: data from remotes, and what was imported from the repositories that keep it, into the cache."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dvx.errors import DvxError, MissingData
from dvx.model.events import Tell, silent
from dvx.model.paths import overlap
from dvx.model.setup.settings import redact
from dvx.model.transfer.plan import TransferResult
from dvx.ops.tracked.index import SelectOptions, load_index, select
from dvx.ops.tracked.reach import Reach
from dvx.ops.transfer.plans import fetch as copy_step
from dvx.ops.transfer.plans import fetch_step
from dvx.ops.transfer.provenance import note_source
from dvx.ops.transfer.scope import ChosenRevisions, Import, SyncOptions, find_scope
from dvx.ops.transfer.sync import Direction, SyncPlan, demand, plan_fetch, transfer
from dvx.ops.workspace.checkout import recorded, restore
from dvx.ops.workspace.observe import store
from dvx.project import Project
from dvx.store.remotes.remote import open_remote
from dvx.store.remotes.remote_objects import RemoteObjects

if TYPE_CHECKING:
    from dvx.ops.sources.repositories import Elsewhere, Sources

_DEEPEST = 8


def fetch(project: Project, plan: SyncPlan, tell: Tell = silent, root: str = "", depth: int = 0) -> TransferResult:
    """Do what was planned, and get what other repositories keep; raises like `transfer`, after the imports were fetched.

    Of a project that is a copy, `root` is where it stands; `depth` is through how many repositories the data came so far.
    """
    if depth == 0:
        for url in dict.fromkeys(step.url for step in plan.steps if step.plan.count):
            note_source(project, url)
    if not plan.imports:
        return _transfer(project, plan, tell)
    # loads Git, which others do without
    from dvx.ops.sources.repositories import Sources

    result = TransferResult()
    with Sources(project, root, plan.options.jobs) as sources:
        for one in plan.imports:
            if depth == 0:
                note_source(project, one.url)
            try:
                result += _fetch_import(project, one, sources, tell, depth)
            except DvxError as error:
                result += TransferResult(failed=((one.path, error.message),))
    project.cache.barrier()
    return result + _transfer(project, plan, tell)


def _transfer(project: Project, plan: SyncPlan, tell: Tell) -> TransferResult:
    result = transfer(project, plan, tell)
    if plan.options.revisions == ChosenRevisions() or not (result.failed or result.missing or result.withheld):
        return result
    # loads Git
    from dvx.ops.transfer.branch_remotes import fetch_elsewhere

    return fetch_elsewhere(project, plan, result, tell)


def bring(there: Elsewhere, path: str, sources: Sources, tell: Tell, depth: int = 0) -> tuple[Project, str]:
    """Put what another repository holds at `path` into a folder of its own, files of Git and tracked data alike.

    Returns that folder as a project that shares the cache of `there`, and the path in it.

    Raises:
        UnknownTarget: there is nothing at that path.
        MissingData: the repository has no data for it any more.
    """
    from dvx.ops.sources.git_files import copy_files
    from dvx.ops.sources.repositories import room_of

    if depth > _DEEPEST:
        raise DvxError(f"`{path}` was imported through more than {_DEEPEST} repositories", "import it from where it was made")
    source, inner = there.at(path)
    room = room_of(source, sources.new())
    index = load_index(source)
    if any(overlap(inner, tracked.output.path) for tracked in index.tracked):
        targets = (source.abs(inner),) if inner else ()
        options = SyncOptions(targets, jobs=sources.jobs, select=SelectOptions(recursive=True))
        original = there.original_of(source)
        if original is not None:
            _take_from_cache(source, original, options)
        plan = plan_fetch(source, options)
        demand(fetch(source, plan, tell, original.root if original else "", depth + 1), Direction.FETCH)
        contents, only = recorded(select(source, index, options.targets, options.select))
        restore(room, contents, tell, only=only, force=True)
    copy_files(there, source, index, inner, room)
    there.demand(room, inner, path)
    if not inner:
        # all of it, as one folder
        top, name = os.path.split(room.root)
        return replace(room, root=top, cwd=top), name
    return room, inner


def _take_from_cache(source: Project, original: Project, options: SyncOptions) -> None:
    """Copy what the cache of a repository on this machine has; nothing is written there. What it lacks is at its remotes."""
    objects = RemoteObjects(open_remote("cache", os.path.abspath(original.cache.root), {}))
    for items in find_scope(source, options).items.values():
        with contextlib.suppress(DvxError):
            step = fetch_step(source, Reach(source.cache, mend=True), lambda: objects, items)
            if step.remote:
                copy_step(source, step, objects, silent)


def _fetch_import(project: Project, one: Import, sources: Sources, tell: Tell, depth: int) -> TransferResult:
    """Take imported data into the cache, as it was when it was imported."""
    from dvx.ops.sources.repositories import sharing

    if one.origin is None:
        # loads what speaks to stores
        from dvx.ops.sources.downloads import versions_brought

        room, inner = versions_brought(project, one.pointer, sources, tell)
    else:
        there = sources.open(one.origin, one.pointer.path, pinned=True)
        room, inner = bring(there, one.origin.path, sources, tell, depth)
    found = store(replace(sharing(project, room), algorithm=one.content.digest.algorithm), [inner], tell)[inner]
    if found.digest != one.content.digest:
        when = "at that commit" if one.origin else "in that version"
        text = f"`{redact(one.url)}` holds something else {when} than what was imported"
        raise MissingData(text, "run `dvx update` to take it")
    return TransferResult(copied=found.files or 1, bytes=found.size or 0)
