"""The run-cache in remotes: earlier runs of stages, copied with the objects that they name.

An entry follows only when all its objects are there. Entries whose objects are gone everywhere are no error: the run-cache
is a help, not a record.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError, SchemaError
from dvx.formats import load_yaml
from dvx.model.dialect import Dialect
from dvx.model.digest import Digest
from dvx.model.events import Notice, Tell
from dvx.model.pipelines.runcache import run_key, run_value
from dvx.model.tracked.pointer import decode_entry
from dvx.model.transfer.plan import ChosenPath, TransferResult
from dvx.ops.tracked.index import load_index
from dvx.ops.tracked.reach import Reach
from dvx.ops.transfer import plans, push_plans
from dvx.ops.transfer.plans import Step
from dvx.project import Project
from dvx.store import files
from dvx.store.remotes.remote_objects import RemoteObjects

_FOLDER = "runs"


class _Run(Struct, frozen=True):
    """An entry: its name in every store, its bytes, and what came out of the run."""

    name: str
    data: bytes
    items: tuple[ChosenPath, ...]

    @property
    def digests(self) -> set[Digest]:
        """What came out of the run; files of folders are left out."""
        return {item.content.digest for item in self.items}


def push(project: Project, objects: RemoteObjects, tell: Tell) -> TransferResult:
    """Copy the entries that a remote lacks, and what it lacks of their objects."""
    found = [_parse(project, name, files.read(_place(project, name)), tell) for name in _local(project)]
    runs = [run for run in found if run is not None]
    reach = Reach(project.cache, mend=True)
    step = _without_missing(push_plans.push_step(project, reach, objects, _items(runs), tell))
    result = replace(push_plans.push(project, step, objects, tell), missing=(), withheld=())
    remote = objects.remote
    there = set(remote.names(_FOLDER))
    new = [run for run in runs if run.name not in there]
    absent = objects.missing(reach.closure(digest for run in new for digest in run.digests))
    ready = [run for run in new if absent.isdisjoint(reach.closure(run.digests))]
    for run in ready:
        remote.upload(_place(project, run.name), run.name)
    remote.flush()
    return replace(result, copied=result.copied + len(ready))


def fetch(project: Project, objects: RemoteObjects, tell: Tell) -> TransferResult:
    """Copy what the cache lacks of the objects of all entries at the remote, and the entries that have all of theirs then.

    Outputs that Git keeps need none.
    """
    here = set(_local(project))
    remote = objects.remote
    names = [name for name in remote.names(_FOLDER) if name.count("/") == 3]
    found = [
        _parse(project, name, files.read(_place(project, name)) if name in here else remote.read(name), tell) for name in names
    ]
    runs = [run for run in found if run is not None]
    reach = Reach(project.cache, mend=True)
    step = _without_missing(plans.fetch_step(project, reach, lambda: objects, _items(runs)))
    result = _fetch_objects(project, step, objects, tell)
    loose = _uncached(project)
    new = [run for run in runs if run.name not in here and _is_whole(project, reach, run, loose)]
    for run in new:
        files.write_atomic(_place(project, run.name), run.data)
    return replace(result, copied=result.copied + len(new))


def _is_whole(project: Project, reach: Reach, run: _Run, loose: AbstractSet[str]) -> bool:
    needed = [item.content.digest for item in run.items if item.path not in loose]
    return all(map(project.cache.has, reach.closure(needed)))


def _uncached(project: Project) -> set[str]:
    """The outputs that Git keeps, as stages write them: they are at hand, and DVC pushes no objects of them."""
    stages = load_index(project).stages.values()
    return {stage.written[output.path] for stage in stages for output in stage.outs if not output.cached}


def _fetch_objects(project: Project, step: Step, objects: RemoteObjects, tell: Tell) -> TransferResult:
    if not step.remote:
        return TransferResult()
    return replace(plans.fetch(project, step, objects, tell), missing=())


def _without_missing(step: Step) -> Step:
    return replace(step, plan=replace(step.plan, missing=(), withheld=()))


def _items(runs: Iterable[_Run]) -> list[ChosenPath]:
    return list(dict.fromkeys(item for run in runs for item in run.items))


def _local(project: Project) -> list[str]:
    top = project.cache.runs
    found = []
    for folder, _, names in files.walk_folders(top):
        inside = os.path.relpath(folder, top).replace(os.sep, "/")
        found += [f"{_FOLDER}/{inside}/{name}" for name in names if not name.startswith(".")]
    return sorted(name for name in found if name.count("/") == 3)


def _place(project: Project, name: str) -> str:
    return project.cache.kept(name)


def _parse(project: Project, name: str, data: bytes, tell: Tell) -> _Run | None:
    """An entry whose name is the hash of what it says; others are told of and left alone."""
    _, _, key, value = name.split("/")
    try:
        entry: Any = load_yaml(data.decode(), name)
        items = tuple(_items_of(entry, project.dialect))
        if (run_key(entry), run_value(entry)) != (key, value):
            raise SchemaError("its hash is not its name", ())
    except (DvxError, UnicodeDecodeError) as error:
        tell(Notice(f"the run-cache entry `{name}` is left alone: {error}"))
        return None
    return _Run(name, data, items)


def _items_of(entry: Any, dialect: Dialect) -> Iterator[ChosenPath]:
    """What came out of a run; paths are as written, relative to wherever the stage worked."""
    outs = entry.get("outs") if isinstance(entry, dict) else None
    if not isinstance(outs, list) or not all(isinstance(out, dict) for out in outs):
        raise SchemaError("it is no record of a run", ())
    for index, out in enumerate(outs):
        recorded = decode_entry(out, "", dialect, ("outs", index), outside=True)
        if recorded.content is not None:
            yield ChosenPath(recorded.path, recorded.content)
