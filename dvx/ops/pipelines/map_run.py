"""A stage with `map`: what came of unchanged items is kept, what came of equal ones is restored, the others run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import Corrupted, DvxError, MissingData
from dvx.model.canonical import json_sorted
from dvx.model.events import Notice, Tell, silent
from dvx.model.imports.dataset import KEY
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.map_items import MapItem, item_stage, items_of, variables_of
from dvx.model.pipelines.stage import Stage
from dvx.model.tracked.pointer import Recorded
from dvx.model.tree import Content, Entry, Tree
from dvx.ops.stages.runcache import find_runs
from dvx.ops.workspace.checkout import arrange
from dvx.ops.workspace.observe import look
from dvx.project import Project
from dvx.store import files


class Piece(Struct, frozen=True):
    """An item to run: the stage that it is, what was seen of its inputs, and the variables that its command gets."""

    item: MapItem
    stage: Stage
    state: StageState
    variables: Mapping[str, str]


def prepare_items(
    project: Project,
    stage: Stage,
    states: tuple[StageState, StageState | None],
    left_of: Callable[[Piece], StageState | None],
    tell: Tell,
    *,
    fresh: bool,
) -> list[Piece]:
    """Leave in the output folder what need not be made again; returns what is left to run.

    `states` are what the stage reads now, and what it read and made last; with `fresh` everything runs. `left_of` answers what
    an earlier run that was killed left of an item.
    """
    seen, locked = states
    inputs = _inputs(project, stage)
    items = items_of(stage, inputs)
    entries: list[Entry] = []
    left: list[Piece] = []
    kept = {} if fresh else _kept(project, stage, seen, locked, inputs)
    for key, item in items.items():
        below = kept.get(item.inner)
        if below:
            entries += below
            continue
        piece = _piece(stage, item, seen, inputs.get(key))
        known = None if fresh else _known(project, piece, left_of(piece), tell)
        if known is None:
            left.append(piece)
        else:
            entries += known
    arrange(project, stage.outs[0].path, entries, tell)
    if len(left) < len(items):
        tell(Notice(f"`{stage.address}`: {len(items) - len(left)} of {len(items)} items are known already"))
    for piece in left:
        files.make_folder(os.path.dirname(project.abs(piece.item.out)))
    return left


def _inputs(project: Project, stage: Stage) -> dict[str, Entry]:
    """The files of the folder that is mapped over, by their paths in it."""
    over = stage.map.over if stage.map else ()
    if not isinstance(over, str):
        return {}
    seen = look(project, over, silent, project.algorithm)
    if seen is None or seen.tree is None:
        raise DvxError(f"`{over}`, which the stage `{stage.address}` maps over, is no folder", "name a folder, or give a list")
    return seen.tree.by_path


def _piece(stage: Stage, item: MapItem, seen: StageState, entry: Entry | None) -> Piece:
    alone = item_stage(stage, item)
    deps = {dep: seen.deps[dep] for dep in alone.deps if dep in seen.deps}
    if entry is not None and stage.map is not None:
        path = f"{stage.map.over}/{item.key}"
        deps[path] = Recorded(path, Content(entry.digest, entry.size, None, entry.executable))
    return Piece(item, alone, replace(seen, deps=deps, outs={}, env=alone.run.env), variables_of(stage, item))


def _kept(
    project: Project, stage: Stage, seen: StageState, locked: StageState | None, inputs: Mapping[str, Entry]
) -> dict[str, list[Entry]]:
    """Files that were made of items that are as they were, by the output path of the item; only with all else unchanged."""
    over = stage.map.over if stage.map else ()
    if locked is None or not isinstance(over, str):
        return {}
    if _rest(locked, over) != _rest(seen, over):
        return {}
    before = _tree(project, locked.deps.get(over))
    made = _tree(project, locked.outs.get(stage.outs[0].path))
    if before is None or made is None:
        return {}
    same = {item.inner for key, item in items_of(stage, before.by_path).items() if inputs.get(key) == before.by_path[key]}
    found: dict[str, list[Entry]] = {}
    lost = set()
    for entry in made.entries:
        inner = next((above for above in _upwards(entry.path) if above in same), None)
        if inner is not None:
            found.setdefault(inner, []).append(entry)
            if not project.cache.has(entry.digest, entry.size):
                lost.add(inner)
    return {inner: entries for inner, entries in found.items() if inner not in lost}


def _rest(state: StageState, over: str) -> str:
    """All that an item was made from but itself, to be compared."""
    deps = {
        path: recorded.extras.get(KEY) or str(recorded.content and recorded.content.digest)
        for path, recorded in state.deps.items()
        if path != over
    }
    return json_sorted([state.command, deps, state.params, state.env])


def _upwards(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]


def _tree(project: Project, recorded: Recorded | None) -> Tree | None:
    content = recorded.content if recorded else None
    if content is None or not content.digest.is_tree:
        return None
    try:
        return project.cache.read_tree(content.digest)
    except (MissingData, Corrupted):
        return None


def _known(project: Project, piece: Piece, left: StageState | None, tell: Tell) -> list[Entry] | None:
    """The files that an earlier run of the item made, their paths seen from the output folder; `left` is one that was killed."""
    for run in (left,) if left else find_runs(project, piece.stage, piece.state, tell):
        recorded = run.outs[piece.item.out]
        content = recorded.content
        if content is None or not project.cache.has(content.digest, content.size):
            continue
        if not content.digest.is_tree:
            return [Entry(piece.item.inner, content.digest, content.size, content.executable)]
        tree = _tree(project, recorded)
        if tree is not None and all(project.cache.has(entry.digest, entry.size) for entry in tree.entries):
            return [replace(entry, path=f"{piece.item.inner}/{entry.path}") for entry in tree.entries]
    return None
