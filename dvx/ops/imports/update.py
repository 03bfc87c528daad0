"""update: imports, and outputs of worktree remotes, brought up to what their sources hold now."""

from __future__ import annotations

import os
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError, UsageError, quoted
from dvx.model.events import Notice, Tell, silent
from dvx.model.imports.database import Query, query_of
from dvx.model.paths import printable, within
from dvx.model.setup.settings import redact
from dvx.model.tracked.origin import Origin, encode_origin, import_of
from dvx.model.tracked.pointer import Pointer, encode_content
from dvx.model.tree import Content
from dvx.ops.data.add import AddOptions
from dvx.ops.data.copy_in import BringOptions, add_to_remote
from dvx.ops.imports.databases import answered
from dvx.ops.imports.records import Arrived, Imported, agree, observed, recorded_source, rewrite_import, take
from dvx.ops.imports.worktree import is_followed, update_output
from dvx.ops.sources.downloads import downloaded, source_of
from dvx.ops.sources.repositories import Sources, tip_of
from dvx.ops.sources.urls import there_of
from dvx.ops.stages.owners import find_owners
from dvx.ops.tracked.index import Index, Tracked, load_index
from dvx.ops.transfer.fetch import bring
from dvx.ops.transfer.provenance import note_source, refuse
from dvx.project import Project
from dvx.store.database import shortened


class UpdateOptions(Struct, frozen=True):
    """How to update imports: to `rev` of other repositories, if it is given; without `download` only records change.

    Outputs of worktree remotes know only `jobs`.
    """

    rev: str = ""
    recursive: bool = False
    download: bool = True
    to_remote: bool = False
    remote: str = ""
    jobs: int = 0


def update(project: Project, targets: Sequence[str], options: UpdateOptions, tell: Tell = silent) -> tuple[Imported, ...]:
    """Bring imports, and outputs of worktree remotes, up to what their sources hold now.

    Raises:
        UnknownTarget: a target goes by no name; nothing is updated then.
        UsageError: an option is not for what is to be updated.
        DvxError: the source cannot be read, if there is one thing to update only; of several the others are updated.
    """
    index = load_index(project)
    pointers, outputs = _chosen(project, index, targets, recursive=options.recursive)
    if outputs:
        _refuse_options(options, outputs[0].output.path)
    done = []
    with Sources(project, jobs=options.jobs) as sources:
        chosen: list[Pointer | Tracked] = [*pointers, *outputs]
        for one in chosen:
            try:
                if isinstance(one, Pointer):
                    done.append(_update(project, one, options, sources, tell))
                elif (found := update_output(project, one, sources, tell)) is not None:
                    done.append(found)
            except DvxError as error:
                if len(chosen) == 1:
                    raise
                path, file = (one.outs[0][0].path, one.path) if isinstance(one, Pointer) else (one.output.path, one.file)
                done.append(Imported(path, file, (), changed=False, error=error.message))
    return tuple(done)


def complete(project: Project, paths: Sequence[str], tell: Tell = silent) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Get what imports recorded and did not download, by the paths of their pointers; what recorded nothing stays as it is.

    A database is not asked: who pulls has not seen the query. Returns the paths, each with the files that belong into Git now.

    Raises:
        DvxError: a source cannot be read, or holds something else by now.
    """
    index = load_index(project)
    done = []
    with Sources(project) as sources:
        for pointer in (index.pointers[path] for path in paths):
            origin = import_of(pointer)
            path = pointer.outs[0][0].path
            if origin is not None and origin.commit:
                note_source(project, origin.url)
                room, inner = bring(sources.open(origin, pointer.path, pinned=True), origin.path, sources, tell)
                content = take(project, room, inner, path, tell, force=False)
                done.append(rewrite_import(project, pointer, Arrived(content, encode_origin(origin))))
            elif origin is None and pointer.deps and "db" in pointer.deps[0].extras:
                hint = f"run `dvx update {quoted(pointer.path)}`"
                tell(Notice(f"`{printable(path)}` comes from a database and has never been got", hint))
            elif origin is None and pointer.deps and _says_something(pointer):
                done.append(_complete_url(project, pointer, sources, tell))
    return tuple((one.path, one.for_git) for one in done)


def _says_something(pointer: Pointer) -> bool:
    dep = pointer.deps[0]
    return dep.content is not None or any(key in dep.extras for key in ("etag", "checksum", "files"))


def _is_import(pointer: Pointer) -> bool:
    return len(pointer.deps) == len(pointer.outs) == 1


def _is_imported(index: Index, tracked: Tracked) -> bool:
    return tracked.owner in index.pointers and _is_import(index.pointers[tracked.owner])


def _chosen(project: Project, index: Index, targets: Sequence[str], *, recursive: bool) -> tuple[list[Pointer], list[Tracked]]:
    """The imports, and the outputs of others: of those in a folder, the ones that an update may bring something to."""
    imports: dict[str, Pointer] = {}
    outputs: dict[str, Tracked] = {}
    updatable = [one for one in index.tracked if one.output.cached and one.output.push]
    for target in targets:
        if recursive and os.path.isdir(os.path.join(project.cwd, target)):
            folder = project.relative(target)
            imports |= {path: one for path, one in index.pointers.items() if _is_import(one) and within(path, folder)}
            others = (one for one in updatable if within(one.file, folder) and not _is_imported(index, one))
            outputs |= {one.output.path: one for one in others if is_followed(project, one)}
            continue
        owners = find_owners(project, index, [target])
        imports |= {path: one for path in owners if (one := index.pointers.get(path)) is not None and _is_import(one)}
        outputs |= {one.output.path: one for one in updatable if one.owner in owners and not _is_imported(index, one)}
    return list(imports.values()), list(outputs.values())


def _refuse_options(options: UpdateOptions, path: str) -> None:
    given = {"rev": options.rev, "no-download": not options.download, "to-remote": options.to_remote, "remote": options.remote}
    wrong = next((word for word, value in given.items() if value), "")
    if wrong:
        raise UsageError(f"`--{wrong}` is for imports, and `{printable(path)}` is none", "leave it out, or update imports alone")


def _update(project: Project, pointer: Pointer, options: UpdateOptions, sources: Sources, tell: Tell) -> Imported:
    origin = import_of(pointer)
    if origin is not None:
        return _update_repo(project, pointer, origin, options, sources, tell)
    if options.rev:
        raise UsageError(f"`--rev` is for other repositories, and `{pointer.path}` is not from one", "leave it out")
    query = query_of(pointer.deps[0])
    if query is not None:
        return _update_db(project, pointer, query, options, sources, tell)
    return _update_url(project, pointer, options, sources, tell)


def _update_repo(
    project: Project, pointer: Pointer, origin: Origin, options: UpdateOptions, sources: Sources, tell: Tell
) -> Imported:
    if options.to_remote or options.remote:
        raise UsageError("what is imported from a repository is kept there", "leave `--to-remote` and `--remote` out")
    wanted = replace(origin, rev=options.rev or origin.rev, commit="")
    output, recorded = pointer.outs[0]
    content = recorded.content
    if (
        content is not None
        and origin.commit
        and wanted.rev == origin.rev
        and tip_of(project, wanted, pointer.path) == origin.commit
    ):
        return Imported(output.path, pointer.path, (), changed=False)
    there = sources.open(wanted, pointer.path)
    if there.commit == origin.commit and wanted.rev == origin.rev and content is not None:
        return Imported(output.path, pointer.path, (), changed=False)
    dep = encode_origin(replace(wanted, commit=there.commit))
    if not options.download:
        return rewrite_import(project, pointer, Arrived(None, dep))
    note_source(project, origin.url)
    room, inner = bring(there, origin.path, sources, tell)
    new = take(project, room, inner, output.path, tell, force=True)
    return rewrite_import(project, pointer, Arrived(new, dep))


def _update_url(project: Project, pointer: Pointer, options: UpdateOptions, sources: Sources, tell: Tell) -> Imported:
    output, recorded = pointer.outs[0]
    source, known = source_of(project, pointer, options.jobs), recorded_source(project, pointer)
    there = source.look()
    entry = there.entry(project.algorithm)
    if entry and recorded.content is not None and agree(known, entry):
        return Imported(output.path, pointer.path, (), changed=False)
    room, inner = downloaded(project, source, there, output.path, sources, tell)
    content = observed(project, room, inner, tell)
    now = entry or encode_content(content)
    if recorded.content is not None and content.digest == recorded.content.digest and agree(known, now):
        return Imported(output.path, pointer.path, (), changed=False)
    if not options.download:
        return rewrite_import(project, pointer, Arrived(None, now))
    note_source(project, source.url)
    content = _taken(project, room, inner, output.path, options, tell)
    return rewrite_import(project, pointer, Arrived(content, now))


def _update_db(
    project: Project, pointer: Pointer, query: Query, options: UpdateOptions, sources: Sources, tell: Tell
) -> Imported:
    """Ask a database again. It tells nothing but the answer, so that all of it comes each time."""
    if not options.download:
        hint = "leave `--no-download` out"
        raise UsageError(f"what the database of `{pointer.path}` answers is not known before it comes", hint)
    output, recorded = pointer.outs[0]
    # others may have written it
    tell(Notice(f"asking the database `{printable(query.connection)}`: {shortened(query.text)}"))
    room, inner = answered(project, query, output.path, sources, tell)
    content = _taken(project, room, inner, output.path, options, tell)
    if recorded.content is not None and recorded.content.digest == content.digest:
        return Imported(output.path, pointer.path, (), changed=False)
    return rewrite_import(project, pointer, Arrived(content, {}))


def _taken(project: Project, room: Project, inner: str, path: str, options: UpdateOptions, tell: Tell) -> Content:
    """Take what came into the cache and the workspace, or send it to a remote."""
    if not options.to_remote:
        return take(project, room, inner, path, tell, force=True)
    settings = project.config.remote(options.remote)
    if not project.config.chose(settings):
        refuse((path,), settings.name, settings.url)
    sent = BringOptions(project.abs(path), options.remote, options.jobs, force=True)
    return add_to_remote(project, room.abs(inner), sent, AddOptions(), tell).added[0].content


def _complete_url(project: Project, pointer: Pointer, sources: Sources, tell: Tell) -> Imported:
    """Take what a URL holds, which must be what was recorded."""
    source, path = source_of(project, pointer, 0), pointer.outs[0][0].path
    there = (there_of(pointer.deps[0]) if source.aware else None) or source.look()
    room, inner = downloaded(project, source, there, path, sources, tell)
    now = there.entry(project.algorithm) or encode_content(observed(project, room, inner, tell))
    if not agree(recorded_source(project, pointer), now):
        text = f"`{printable(redact(source.url))}` holds something else than was recorded"
        raise DvxError(text, f"run `dvx update {quoted(pointer.path)}` to take it")
    note_source(project, source.url)
    return rewrite_import(project, pointer, Arrived(take(project, room, inner, path, tell, force=False), now))
