"""commit: record what the workspace holds now, for pointers and stages; nothing is run."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import DvxError, MissingData, quoted
from dvx.formats import edit_yaml
from dvx.model.events import Tell, silent
from dvx.model.imports.dataset import is_dataset
from dvx.model.paths import join, printable
from dvx.model.pipelines.evidence import evidence
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.stage import Stage, is_url
from dvx.model.pipelines.staleness import Cause, changes, exact, loose
from dvx.model.tracked.pointer import Output, Pointer, Recorded, stage_checksum
from dvx.model.tree import Content, holds
from dvx.ops.data.partial_add import store_parts
from dvx.ops.data.status import find_owners
from dvx.ops.stages.checks import check_outputs, check_synced
from dvx.ops.stages.git_outputs import InGit
from dvx.ops.stages.observation import Observer
from dvx.ops.stages.owners import for_git
from dvx.ops.stages.recording import record_run
from dvx.ops.stages.running_lock import recording
from dvx.ops.tracked.gitignore import ignore
from dvx.ops.tracked.index import Index, SelectOptions, select
from dvx.ops.tracked.pipeline_files import check_graph
from dvx.ops.tracked.pointers import record
from dvx.ops.tracked.text_files import change_all
from dvx.ops.tracked.unreadable import load_for
from dvx.ops.transfer.provenance import note_made
from dvx.ops.workspace.detach import detach, unshared
from dvx.ops.workspace.links import relink
from dvx.ops.workspace.observe import observe, store
from dvx.project import Project

Confirm = Callable[[str, tuple[str, ...]], bool]
_Parts = Mapping[str, tuple[str, ...]]


class CommitOptions(Struct, frozen=True):
    """What to record. `confirm(owner, changes)` is asked for what changed since it was recorded; None refuses, `force` agrees.

    With `share`, workspace files become links to the cache where the configuration says so.
    """

    targets: tuple[str, ...] = ()
    select: SelectOptions = field(default_factory=SelectOptions)
    force: bool = False
    share: bool = True
    confirm: Confirm | None = None


class CommitResult(Struct, frozen=True):
    """Pointers and stages whose record changed, and the files that belong into Git now."""

    recorded: tuple[str, ...]
    for_git: tuple[str, ...]


def commit(project: Project, options: CommitOptions, tell: Tell = silent) -> CommitResult:
    """Record the targets (all without targets). A target inside a tracked directory renews just that part of it.

    Raises:
        UnknownTarget: a target names nothing that is tracked.
        DvxError: something changed and nobody agreed, or a stage is running; nothing is recorded then.
        MissingData: an output, or a dependency of a stage, does not exist.
    """

    def search(index: Index) -> set[str]:
        return find_owners(project, index, options.targets, options.select)

    index = load_for(project, options.targets if options.select == SelectOptions() else (), search, tell)
    order = check_graph(project, index).order()
    owners = search(index)
    parts = _parts(project, index, options)
    observer = Observer(project, index.datasets, tell)
    stages = [index.stages[owner] for owner in order if owner in owners and owner in index.stages]
    pointers = [pointer for path, pointer in index.pointers.items() if path in owners]
    observer.preload([(stage, index.state(stage)) for stage in stages])
    if not options.force:
        _agree(project, index, (pointers, stages), observer, options.confirm)
    for stage in stages:
        check_outputs(project, stage, InGit(project, [stage]))
        with recording(project, stage, tell):
            pass  # one that is running is refused before anything is recorded
    own = [] if options.share else unshared(project, _outputs(pointers, stages))
    done = _record_pointers(project, pointers, parts, options, tell)
    for stage in stages:
        done[stage.address] = _record_stage(project, stage, observer, options, tell)
    detach(project, own)
    changed_files = {path for changed in done.values() for path in changed}
    return CommitResult(tuple(owner for owner, changed in done.items() if changed), for_git(project, changed_files))


def _outputs(pointers: Sequence[Pointer], stages: Sequence[Stage]) -> list[str]:
    outs = [output for pointer in pointers for output, _ in pointer.outs]
    return [output.path for output in (*outs, *(output for stage in stages for output in stage.outs))]


def _parts(project: Project, index: Index, options: CommitOptions) -> _Parts:
    """Directories of pointers of which only parts are meant: path -> paths in it."""
    whole: set[str] = set()
    found: dict[str, tuple[str, ...]] = {}
    for target in options.targets:
        if target in index.stages or index.owner_of(project.relative(target)) is None:
            continue
        for selected in select(project, index, [target], replace(options.select, with_deps=False)):
            path = selected.tracked.output.path
            if selected.inner and selected.tracked.owner in index.pointers:
                found[path] = (*found.get(path, ()), selected.inner)
            else:
                whole.add(path)
    return {path: inners for path, inners in found.items() if path not in whole}


def _agree(
    project: Project,
    index: Index,
    owners: tuple[Sequence[Pointer], Sequence[Stage]],
    observer: Observer,
    confirm: Confirm | None,
) -> None:
    same = exact if project.dialect.exact_params else loose
    asked = {pointer.path: _pointer_changes(pointer, observer) for pointer in owners[0]}
    for stage in owners[1]:
        locked = index.state(stage)
        found = changes(stage, locked, observer.state(stage, locked), (), same)
        asked[stage.address] = tuple(str(reason) for reason in found if reason.cause is not Cause.ALWAYS)
    for owner, why in asked.items():
        if why and (confirm is None or not confirm(owner, why)):
            shown = ", ".join(why[:5]) + (", ..." if len(why) > 5 else "")
            raise DvxError(f"`{printable(owner)}` is not as it was recorded: {shown}", "Use `-f|--force` to force.")


def _pointer_changes(pointer: Pointer, observer: Observer) -> tuple[str, ...]:
    found = []
    for output, recorded in pointer.outs:
        now = observer.content(output.path, recorded.content)
        if now is None:
            found.append(f"deleted `{printable(output.path)}`")
        elif recorded.content is None or not holds(now, recorded.content, observer.dialect):
            found.append(f"{'new' if recorded.content is None else 'modified'} `{printable(output.path)}`")
    return tuple(found)


def _record_pointers(
    project: Project, pointers: Sequence[Pointer], parts: _Parts, options: CommitOptions, tell: Tell
) -> dict[str, list[str]]:
    """Objects of all pointers first, then the links and ignore files, the pointers last."""
    outs = [out for pointer in pointers for out in pointer.outs]
    for output, _ in outs:
        if output.path not in parts and not os.path.exists(project.abs(output.path)):
            raise MissingData(f"`{printable(output.path)}` does not exist", "restore it, or `remove` its pointer")
    contents = _take(project, outs, parts, tell)
    project.cache.barrier()
    cached = {output.path: contents[output.path] for output, _ in outs if output.cached}
    before = {recorded.content.digest for _, recorded in outs if recorded.content is not None}
    note_made(project, (content.digest for content in cached.values() if content.digest not in before))
    if options.share:
        relink(project, {path: content for path, content in cached.items() if path not in parts})
    ignored = ignore(project, cached)
    changed = change_all(project, {pointer.path: _edit(project, pointer, contents) for pointer in pointers})
    done = {pointer.path: [pointer.path] if pointer.path in changed else [] for pointer in pointers}
    if ignored:
        done.setdefault(pointers[0].path, []).extend(ignored)
    return done


def _take(project: Project, outs: Sequence[tuple[Output, Recorded]], parts: _Parts, tell: Tell) -> dict[str, Content]:
    whole = [output.path for output, _ in outs if output.cached and output.path not in parts]
    contents = store(project, whole, tell)
    for output, recorded in outs:
        if output.path in parts and recorded.content is not None:
            contents[output.path] = store_parts(project, output, recorded.content, parts[output.path], tell)
    seen = observe(project, [output.path for output, _ in outs if output.path not in contents], tell)
    return contents | {path: content for path, content in seen.items() if content is not None}


def _edit(project: Project, pointer: Pointer, contents: Mapping[str, Content]) -> Callable[[str], str]:
    def edit(document: Any) -> None:
        for entry in document.get("outs") or ():
            content = contents.get(join(pointer.workdir, entry["path"]))
            if content is not None:
                record(project, entry, content)
        if document.get("md5") and document.get("deps"):
            document["md5"] = stage_checksum(document)
        elif document.get("md5"):
            # of data that nothing was made from, DVC takes any for wrong
            del document["md5"]

    return lambda old: edit_yaml(old, edit)


def _record_stage(project: Project, stage: Stage, observer: Observer, options: CommitOptions, tell: Tell) -> list[str]:
    state = observer.state(stage)
    _check_inputs(stage, state)
    with recording(project, stage, tell):
        return record_run(project, stage, state, tell, share=options.share)[1]


def _check_inputs(stage: Stage, state: StageState) -> None:
    for dep, seen in state.deps.items():
        if is_dataset(dep):
            check_synced(stage, seen)
        elif not evidence(seen):
            hint = f"make it, or run `dvx checkout {quoted(dep)}` if it is tracked"
            hint = "check the URL; `dvx list-url` shows what a place holds" if is_url(dep) else hint
            raise MissingData(f"`{printable(dep)}`, which the stage `{stage.address}` depends on, does not exist", hint)
    for file in stage.params:
        if file.keys is None and file.path not in state.params:
            text = f"`{printable(file.path)}`, which the stage `{stage.address}` depends on, does not exist"
            raise MissingData(text, f"make it, or mend the path in `{stage.file}`")
        lacking: Collection[str] = [key for key in file.keys or () if key not in state.params[file.path]]
        if lacking:
            named = ", ".join(f"`{key}`" for key in lacking)
            raise DvxError(f"`{file.path}` lacks {named}, which the stage `{stage.address}` needs", "add it there")
