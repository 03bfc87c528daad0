"""update: imports brought up to what their sources hold now."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError, UnknownTarget, UsageError, quoted
from dvx.model.events import Tell, silent
from dvx.model.origin import Origin, encode_origin, import_of
from dvx.model.paths import printable, within
from dvx.model.pointer import Pointer, encode_content
from dvx.model.settings import redact
from dvx.model.stage import is_url
from dvx.ops.add import AddOptions
from dvx.ops.bring import BringOptions, add_to_remote
from dvx.ops.elsewhere import Sources, tip_of
from dvx.ops.fetch import bring
from dvx.ops.import_records import TOKENS, Arrived, Imported, downloaded, observed, rewrite_import, take
from dvx.ops.index import Index, load_index
from dvx.ops.owners import find_owners
from dvx.ops.url_source import UrlSource
from dvx.project import Project

_SIZES = frozenset({"size", "nfiles", "isexec", "hash"})


class UpdateOptions(Struct, frozen=True):
    """How to update imports: to `rev` of other repositories, if it is given; without `download` only records change."""

    rev: str = ""
    recursive: bool = False
    download: bool = True
    to_remote: bool = False
    remote: str = ""
    jobs: int = 0


def update(project: Project, targets: Sequence[str], options: UpdateOptions, tell: Tell = silent) -> tuple[Imported, ...]:
    """Bring imports up to what their sources hold now.

    Raises:
        UnknownTarget: a target is no import; nothing is updated then.
        DvxError: the source cannot be read, if there is one import only; of several the others are updated.
    """
    index = load_index(project)
    pointers = _chosen(project, index, targets, recursive=options.recursive)
    done = []
    with Sources(project, jobs=options.jobs) as sources:
        for pointer in pointers:
            try:
                done.append(_update(project, pointer, options, sources, tell))
            except DvxError as error:
                if len(pointers) == 1:
                    raise
                done.append(Imported(pointer.outs[0][0].path, pointer.path, (), changed=False, error=error.message))
    return tuple(done)


def complete(project: Project, paths: Sequence[str], tell: Tell = silent) -> tuple[Imported, ...]:
    """Get what imports recorded and did not download, by the paths of their pointers; what recorded nothing stays as it is.

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
                room, inner = bring(sources.open(origin, pointer.path, pinned=True), origin.path, sources, tell)
                content = take(project, room, inner, path, tell, force=False)
                done.append(rewrite_import(project, pointer, Arrived(content, encode_origin(origin))))
            elif origin is None and pointer.deps and _says_something(pointer):
                done.append(_complete_url(project, pointer, sources, tell))
    return tuple(done)


def _agree(known: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a dependency records what is there now. Sizes say no more than what changes with the content."""
    return all(known.get(key) == value for key, value in now.items() if key in TOKENS and key not in _SIZES)


def _says_something(pointer: Pointer) -> bool:
    dep = pointer.deps[0]
    return dep.content is not None or any(key in dep.extras for key in ("etag", "checksum", "files"))


def _is_import(pointer: Pointer) -> bool:
    return len(pointer.deps) == len(pointer.outs) == 1


def _chosen(project: Project, index: Index, targets: Sequence[str], *, recursive: bool) -> list[Pointer]:
    found: dict[str, Pointer] = {}
    for target in targets:
        if recursive and os.path.isdir(os.path.join(project.cwd, target)):
            folder = project.relative(target)
            found |= {path: one for path, one in index.pointers.items() if _is_import(one) and within(path, folder)}
            continue
        for owner in find_owners(project, index, [target]):
            pointer = index.pointers.get(owner)
            if pointer is None or not _is_import(pointer):
                hint = "`dvx import` and `dvx import-url` make imports; `dvx repro` updates stages, `dvx commit` other data"
                raise UnknownTarget(f"`{printable(target)}` is no import", hint)
            found[owner] = pointer
    return list(found.values())


def _update(project: Project, pointer: Pointer, options: UpdateOptions, sources: Sources, tell: Tell) -> Imported:
    origin = import_of(pointer)
    if origin is not None:
        return _update_repo(project, pointer, origin, options, sources, tell)
    if options.rev:
        raise UsageError(f"`--rev` is for other repositories, and `{pointer.path}` is not from one", "leave it out")
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
    room, inner = bring(there, origin.path, sources, tell)
    new = take(project, room, inner, output.path, tell, force=True)
    return rewrite_import(project, pointer, Arrived(new, dep))


def _update_url(project: Project, pointer: Pointer, options: UpdateOptions, sources: Sources, tell: Tell) -> Imported:
    output, recorded = pointer.outs[0]
    source, known = _source_of(project, pointer, options.jobs), _known(pointer)
    there = source.look()
    entry = there.entry(project.algorithm)
    if entry and recorded.content is not None and _agree(known, entry):
        return Imported(output.path, pointer.path, (), changed=False)
    room, inner = downloaded(project, source, there, output.path, sources, tell)
    content = observed(project, room, inner, tell)
    now = entry or encode_content(content)
    if recorded.content is not None and content.digest == recorded.content.digest and _agree(known, now):
        return Imported(output.path, pointer.path, (), changed=False)
    if not options.download:
        return rewrite_import(project, pointer, Arrived(None, now))
    if options.to_remote:
        sent = BringOptions(project.abs(output.path), options.remote, options.jobs, force=True)
        content = add_to_remote(project, room.abs(inner), sent, AddOptions(), tell).added[0].content
    else:
        content = take(project, room, inner, output.path, tell, force=True)
    return rewrite_import(project, pointer, Arrived(content, now))


def _complete_url(project: Project, pointer: Pointer, sources: Sources, tell: Tell) -> Imported:
    """Take what a URL holds, which must be what was recorded."""
    source, path = _source_of(project, pointer, 0), pointer.outs[0][0].path
    there = source.look()
    room, inner = downloaded(project, source, there, path, sources, tell)
    now = there.entry(project.algorithm) or encode_content(observed(project, room, inner, tell))
    if not _agree(_known(pointer), now):
        text = f"`{printable(redact(source.url))}` holds something else than was recorded"
        raise DvxError(text, f"run `dvx update {quoted(pointer.path)}` to take it")
    return rewrite_import(project, pointer, Arrived(take(project, room, inner, path, tell, force=False), now))


def _source_of(project: Project, pointer: Pointer, jobs: int) -> UrlSource:
    """The place that an import came from."""
    dep = pointer.deps[0]
    if "db" in dep.extras:
        raise DvxError(f"`{pointer.path}` was imported from a database, which dvx cannot read", "update it with DVC")
    options = dep.extras.get("fs_config") or {}
    if not isinstance(options, Mapping):
        raise DvxError(f"`fs_config` of `{pointer.path}` is no mapping", "write `NAME: VALUE` below it")
    # inside the project it is a project path, else as it is written
    url = dep.path if is_url(dep.path) or dep.path.startswith(("/", "../")) else project.abs(dep.path)
    return UrlSource(project, url, project.abs(pointer.workdir), {str(key): str(options[key]) for key in options}, jobs)


def _known(pointer: Pointer) -> dict[str, Any]:
    """What an import recorded of its source."""
    dep = pointer.deps[0]
    return {**dep.extras, **encode_content(dep.content)}
