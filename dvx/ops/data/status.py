"""status: what changed since it was recorded, of pointers and of stages."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError, GraphError, UnknownTarget
from dvx.model.events import Notice, Tell, silent
from dvx.model.imports.dataset import is_dataset
from dvx.model.paths import printable, within
from dvx.model.pipelines.stage import Stage
from dvx.model.pipelines.staleness import Cause, changes, exact, loose
from dvx.model.tracked.pointer import Pointer
from dvx.model.tree import holds
from dvx.ops.stages.observation import Observer
from dvx.ops.tracked.index import Index, SelectOptions, select
from dvx.ops.tracked.pipeline_files import check_graph, name_of_place
from dvx.ops.tracked.unreadable import load_for
from dvx.project import Project

_PLAIN = SelectOptions()
_DEPS = "changed deps"
_OUTS = "changed outs"
_STATES = {
    Cause.DEP_NEW: "modified",
    Cause.DEP_MODIFIED: "modified",
    Cause.DEP_DELETED: "deleted",
    Cause.DEP_UNSYNCED: "not in sync",
    Cause.OUT_NEW: "modified",
    Cause.OUT_MODIFIED: "modified",
    Cause.OUT_DELETED: "deleted",
    Cause.OUT_NOT_CACHED: "not in cache",
    Cause.PARAM_NEW: "new",
    Cause.PARAM_MODIFIED: "modified",
    Cause.PARAM_DELETED: "deleted",
}


class StatusRow(Struct, frozen=True):
    """One change: `what` (`changed deps`, `changed outs`, `changed command`...), and for paths the `subject` and its `state`.

    `key` is the parameter within the file `subject`; empty when the file as a whole is new.
    """

    what: str
    subject: str = ""
    state: str = ""
    key: str = ""


class Status(Struct, frozen=True):
    """The changes of each pointer and stage that has some, by its path or address; `empty` if nothing is tracked at all."""

    changed: Mapping[str, tuple[StatusRow, ...]]
    empty: bool


CompareSources = Callable[[Project, Sequence[Pointer], Tell], Mapping[str, tuple[str, str]]]
"""By the path of each import's pointer that can be updated: what its source is called, and its state."""


def status(
    project: Project,
    targets: Sequence[str] = (),
    tell: Tell = silent,
    options: SelectOptions = _PLAIN,
    compare_sources: CompareSources | None = None,
) -> Status:
    """What changed of the targets, of everything without any. Where one is an output, others of its stage are left out.

    `compare_sources` says of imports whether they can be updated.

    Raises:
        FormatError: the project's files are wrong.
        UnknownTarget: a target names nothing that is tracked.
    """

    def search(index: Index) -> set[str]:
        return {*_wanted(project, index, targets, options)}

    # what folders, patterns and needs mean depends on all files
    index = load_for(project, targets if options == _PLAIN else (), search, tell)
    order = _order(project, index, tell)
    wanted = _wanted(project, index, targets, options)
    observer = Observer(project, index.datasets, tell)
    stages = [stage for address, stage in index.stages.items() if address in wanted]
    with contextlib.suppress(DvxError, OSError):
        # in one go; what cannot be looked at is found out one by one
        observer.preload([(stage, index.state(stage)) for stage in stages])
    rows = {
        stage.address: _rows_of(
            stage.address, partial(_stage_rows, project, index, stage, observer, tell), tell, wanted[stage.address]
        )
        for stage in stages
    }
    pointers = {path: pointer for path, pointer in index.pointers.items() if path in wanted}
    imports = [pointer for pointer in pointers.values() if pointer.deps]
    states = compare_sources(project, imports, tell) if imports and compare_sources else {}
    for path, pointer in pointers.items():
        sources = (StatusRow(_DEPS, *states[path]),) if path in states else ()
        look = partial(_pointer_rows, pointer, observer)
        rows[path] = (*sources, *_rows_of(path, look, tell, wanted[path]))
    changed = {owner: rows[owner] for owner in sorted(rows, key=lambda owner: order.get(owner, 0)) if rows[owner]}
    return Status(changed, empty=not index.pointers and not index.stages)


def _order(project: Project, index: Index, tell: Tell) -> dict[str, int]:
    """The place of each pointer and stage in the order of the pipeline; all are looked at, though they may not go together."""
    try:
        return {address: number for number, address in enumerate(check_graph(project, index).order())}
    except GraphError as error:
        tell(Notice(error.message, error.hint))
        return {}


def _rows_of(
    owner: str, look: Callable[[], Iterable[StatusRow]], tell: Tell, outs: frozenset[str] | None
) -> tuple[StatusRow, ...]:
    """The rows of one pointer or stage, of its outputs only these. That one of its paths cannot be looked at is told, and stops
    no other."""
    try:
        return tuple(row for row in look() if outs is None or row.what != _OUTS or row.subject in outs)
    except DvxError as error:
        tell(Notice(f"`{printable(owner)}` could not be compared: {error.message}", error.hint))
    except OSError as error:
        place = printable(os.fsdecode(error.filename)) if error.filename else "a file"
        tell(Notice(f"`{printable(owner)}` could not be compared: `{place}`: {(error.strerror or str(error)).lower()}"))
    return (StatusRow("could not be compared"),)


def as_json(changed: Mapping[str, Iterable[StatusRow]]) -> dict[str, list[Any]]:
    """The shape that DVC prints: {owner: [{"changed deps": {path: state}}, {"changed outs": {...}}, "changed command"]}."""
    document: dict[str, list[Any]] = {}
    for owner, rows in changed.items():
        groups: dict[str, dict[str, Any]] = {}
        words = []
        for row in rows:
            if not row.subject:
                words.append(row.what)
            elif row.key:
                groups.setdefault(row.what, {}).setdefault(row.subject, {})[row.key] = row.state
            else:
                groups.setdefault(row.what, {})[row.subject] = row.state
        document[owner] = [*({what: subjects} for what, subjects in groups.items()), *words]
    return document


def find_owners(project: Project, index: Index, targets: Sequence[str], options: SelectOptions) -> set[str]:
    """The pointers, by path, and stages, by address, that targets mean; all of them without targets. Raises UnknownTarget."""
    return {*_wanted(project, index, targets, options)}


def _wanted(project: Project, index: Index, targets: Sequence[str], options: SelectOptions) -> dict[str, frozenset[str] | None]:
    """For each owner that targets mean, its outputs that they name, as they are shown; None for all of them."""
    if not targets:
        return dict.fromkeys((*index.pointers, *index.stages))
    found: dict[str, frozenset[str] | None] = {}
    alone = replace(options, with_deps=False)
    for target in targets:
        if target in index.stages:
            found[target] = None
            continue
        try:
            selected = select(project, index, [target], alone)
        except UnknownTarget:
            path = project.relative(target)
            below = {stage.address for stage in index.stages.values() if stage.file == path or within(stage.file, path)}
            if not below:
                raise
            found |= dict.fromkeys(below)
            continue
        for one in selected:
            before = found.get(one.tracked.owner, frozenset())
            named = name_of_place(project, one.tracked.output.path)
            found[one.tracked.owner] = None if before is None else before | {named}
    if options.with_deps:
        found = {**dict.fromkeys(check_graph(project, index).upstream(set(found))), **found}
    return found


def _pointer_rows(pointer: Pointer, observer: Observer) -> Iterable[StatusRow]:
    for output, recorded in pointer.outs:
        content = recorded.content
        now = observer.content(output.path, content)
        if content is not None and output.cached and not observer.in_cache(content):
            yield StatusRow(_OUTS, output.path, "not in cache")
        elif now is None:
            yield StatusRow(_OUTS, output.path, "deleted")
        elif content is None:
            if not recorded.extras:
                yield StatusRow(_OUTS, output.path, "modified")
        elif not holds(now, content, observer.dialect):
            yield StatusRow(_OUTS, output.path, "modified")
    if pointer.checksum != pointer.computed:
        yield StatusRow("changed checksum")


def _stage_rows(project: Project, index: Index, stage: Stage, observer: Observer, tell: Tell) -> Iterable[StatusRow]:
    if stage.frozen:
        tell(Notice(f"the stage `{stage.address}` is frozen; changes of its dependencies are not looked at"))
    locked = index.state(stage)
    same = exact if project.dialect.exact_params else loose
    found = changes(stage, locked, observer.state(stage, locked), observer.missing(stage, locked), same)
    rows = []
    if stage.frozen and stage.always:
        rows.append(StatusRow(Cause.ALWAYS.value))
    if stage.frozen and locked is not None and locked.command != observer.state(stage, locked).command:
        rows.append(StatusRow(Cause.COMMAND.value))
    for reason in found:
        if reason.cause in (Cause.PARAM_NEW, Cause.PARAM_MODIFIED, Cause.PARAM_DELETED):
            file, _, key = reason.subject.partition(":")
            if locked is None or file not in locked.params:
                rows.append(
                    StatusRow(_DEPS, name_of_place(project, file), "new" if os.path.exists(project.abs(file)) else "deleted")
                )
            else:
                rows.append(StatusRow(_DEPS, name_of_place(project, file), _STATES[reason.cause], key))
        elif reason.cause is Cause.DEP_NEW and is_dataset(reason.subject):
            rows.append(StatusRow(_DEPS, reason.subject, "new"))
        elif reason.cause in _STATES:
            what = _OUTS if reason.cause.name.startswith("OUT") else _DEPS
            rows.append(StatusRow(what, name_of_place(project, reason.subject), _STATES[reason.cause]))
        else:
            rows.append(StatusRow(reason.cause.value))
    return dict.fromkeys(rows)
