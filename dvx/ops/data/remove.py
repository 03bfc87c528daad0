"""remove: stop tracking data, and take stages out of the pipeline.

The file that names a thing goes last, so that a command that was killed can be run again; of several targets, those that are
done already are then passed over. One that fails puts the texts back; data that went with `outs` is in the cache or the trash.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from dvx.errors import DvxError, UnknownTarget
from dvx.formats import edit_yaml, load_yaml, remove_from_lock
from dvx.model.events import Tell, silent
from dvx.model.kept import read_kept
from dvx.model.paths import join, parent
from dvx.model.pipelines.stage import Pipeline
from dvx.model.tracked.pointer import Output
from dvx.ops.stages.owners import find_owners, for_git
from dvx.ops.tracked.gitignore import files_for, unignore
from dvx.ops.tracked.index import Index
from dvx.ops.tracked.text_files import text_of
from dvx.ops.tracked.unreadable import load_for
from dvx.ops.workspace.checkout import clear
from dvx.ops.workspace.protect import free
from dvx.ops.workspace.rollback import Rollback, check_removable, check_writable
from dvx.project import Project
from dvx.store import files


class RemoveResult(Struct, frozen=True):
    """The pointers and stages that are gone, and the files that belong into Git now."""

    removed: tuple[str, ...]
    for_git: tuple[str, ...]


def remove(project: Project, targets: Sequence[str], tell: Tell = silent, *, outs: bool = False) -> RemoveResult:
    """Forget the targets. Their data stays, as files of their own; with `outs` it goes, to the trash where no store has it.

    Raises:
        UnknownTarget: a target is no pointer and no stage.
        DvxError: a stage is one of several that a template generates.
    """
    begun = _begun(project, targets)

    def search(index: Index) -> tuple[str, ...]:
        return find_owners(project, index, [target for target in targets if not (begun and _is_gone(project, index, target))])

    index = load_for(project, targets, search, tell)
    owners = search(index)
    plans = {file: _definitions(pipeline, owners) for file, pipeline in index.pipelines.items()}
    outputs = [tracked.output for tracked in index.tracked if tracked.owner in owners]
    ignored = [output.path for output in outputs if output.cached]
    texts = [path for file, names in plans.items() if names for path in (file, _lock_beside(project, file))]
    texts += [*files_for(project, ignored), *(owner for owner in owners if owner in index.pointers)]
    check_writable(project, texts)
    check_removable(project, [output.path for output in outputs] if outs else [])
    if len(owners) > 1:
        files.write_atomic(_note(project), json.dumps(list(targets)).encode())
    with Rollback(project, tell, forgets=not outs) as back:
        back.keep(texts)
        _settle_data(project, outputs, tell, outs=outs)
        changed = list(unignore(project, ignored))
        for file, names in plans.items():
            if names:
                changed += _remove_stages(project, index, file, names)
        for pointer in owners:
            if pointer in index.pointers:
                project.drop(pointer)
                changed.append(pointer)
    files.remove(_note(project))
    there = [path for path in changed if os.path.exists(project.abs(path))]
    return RemoveResult(owners, for_git(project, there, set(changed) - set(there)))


def _note(project: Project) -> str:
    """Where the targets stand while they are removed."""
    return os.path.join(project.state, "remove.json")


def _begun(project: Project, targets: Sequence[str]) -> bool:
    """Whether the same command was cut short."""
    try:
        return bool(read_kept(files.read_note(_note(project))) == list(targets))
    except (FileNotFoundError, ValueError):
        return False


def _is_gone(project: Project, index: Index, target: str) -> bool:
    try:
        find_owners(project, index, [target])
    except UnknownTarget:
        return True
    return False


def _definitions(pipeline: Pipeline, owners: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The definitions of a file to delete, each with the stages that it makes."""
    chosen = {name for name, stage in pipeline.stages.items() if stage.address in owners}
    found = {}
    for group, members in pipeline.groups.items():
        if chosen.intersection(members) and not chosen.issuperset(members):
            one = min(chosen.intersection(members))
            hint = f"remove all of them by the name `{group}`, or take the item out of `{pipeline.file}`"
            raise DvxError(f"the stage `{one}` is one of several that a template generates", hint)
        if members and chosen.issuperset(members):
            found[group] = tuple(members)
    grouped = {name for members in found.values() for name in members}
    return found | {name: (name,) for name in pipeline.stages if name in chosen - grouped}


def _settle_data(project: Project, outputs: Iterable[Output], tell: Tell, *, outs: bool) -> None:
    paths = [output.path for output in outputs]
    if not outs:
        free(project, paths)
        return
    clear(project, paths, tell)


def _remove_stages(project: Project, index: Index, file: str, names: dict[str, tuple[str, ...]]) -> list[str]:
    """Take definitions out of a pipeline file, after their entries in the lock beside it."""
    lock = _lock_beside(project, file)
    changed = [file]
    if lock in index.locks:
        with project.lock(lock):
            old = text_of(project, lock)
            new = old
            for name in (name for members in names.values() for name in members):
                new = remove_from_lock(new, name)
            if new != old:
                _write(project, lock, new)
                changed.append(lock)
    with project.lock(file):
        _write(project, file, _without(text_of(project, file), names, file))
    return changed


def _lock_beside(project: Project, file: str) -> str:
    return join(parent(file), project.dialect.lock)


def _without(text: str, names: Iterable[str], file: str) -> str:
    """The pipeline file without some stages; empty if it then says nothing."""
    document = load_yaml(text, file)
    left = set(document["stages"]) - set(names)
    if not left and set(document) == {"stages"}:
        return ""

    def edit(document: Any) -> None:
        for name in names:
            document["stages"].pop(name, None)
        if not document["stages"]:
            del document["stages"]

    return edit_yaml(text, edit, file)


def _write(project: Project, path: str, text: str) -> None:
    if text:
        project.write(path, text)
    else:
        project.drop(path)
