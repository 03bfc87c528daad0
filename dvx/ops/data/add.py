"""add: track files and folders."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct, field

from dvx.errors import MissingData, UsageError, quoted
from dvx.model.events import Notice, Tell, silent
from dvx.model.paths import ancestors, parent, printable
from dvx.model.tracked.pointer import Output
from dvx.model.tree import Content, Entry
from dvx.ops.data.partial_add import store_parts
from dvx.ops.stages.owners import for_git
from dvx.ops.tracked.conflicts import Conflicts
from dvx.ops.tracked.gitignore import ignore
from dvx.ops.tracked.ignore import Ignore
from dvx.ops.tracked.index import Index, Tracked
from dvx.ops.tracked.pointer_text import read_pointer
from dvx.ops.tracked.pointers import recorded_in
from dvx.ops.tracked.text_files import change_all, change_text
from dvx.ops.tracked.trackable import check_git, check_target
from dvx.ops.transfer.provenance import note_made
from dvx.ops.workspace.detach import detach, is_linked, unshared
from dvx.ops.workspace.links import Placer, relink
from dvx.ops.workspace.observe import look, refuse_stale, store
from dvx.project import Project
from dvx.store import files


class AddOptions(Struct, frozen=True):
    """How to add. `targets` may be patterns with `glob`; `annotations` are `desc`, `type`, `labels` and `meta` of the pointers.

    Without `commit` nothing enters the cache; without `share` workspace files never become links to it.
    """

    glob: bool = False
    commit: bool = True
    share: bool = True
    annotations: Mapping[str, Any] = field(default_factory=dict)


class Added(Struct, frozen=True):
    """One tracked path and its pointer file; `changed` unless both were so before."""

    path: str
    pointer: str
    content: Content
    changed: bool


class AddResult(Struct, frozen=True):
    """What was added, and the files that belong into Git now."""

    added: tuple[Added, ...]
    for_git: tuple[str, ...]


_PLAIN = AddOptions()


def add(project: Project, targets: Sequence[str], tell: Tell = silent, options: AddOptions = _PLAIN) -> AddResult:
    """Store what `targets` (as typed) hold, and write a pointer file beside each.

    Of a target inside a tracked directory, the directory's pointer records just that part anew.

    Raises:
        DvxError: a target does not exist, is tracked by Git or by a stage, or overlaps with what is tracked.
    """
    conflicts = Conflicts(project)
    index = conflicts.index
    named = _expand(project, targets) if options.glob else targets
    paths = _outermost(project, dict.fromkeys(project.relative(target) for target in named))
    conflicts.demand_clear(map(parent, paths))
    parts = _parts(index, paths)
    if parts and not options.commit:
        raise UsageError("a part of a tracked directory needs the cache", "write the whole directory, or leave `--no-commit` out")
    whole = [path for path in paths if parts.keys().isdisjoint(ancestors(path))]
    for path in whole:
        check_target(project, index, path)
    check_git(project, whole)
    own = [] if options.share else unshared(project, paths)
    contents = _take(project, whole, tell, options)
    for path in (path for path in whole if contents[path].digest.is_tree and not contents[path].files):
        if (rule := Ignore(project).hiding(path)) is not None:
            text = f"no file of `{printable(path)}` is tracked: `{rule}` ignores what it holds"
            tell(Notice(text, f"change that line, then run `dvx add {quoted(path)}` again"))
    ignored = ignore(project, whole)
    added = _record(project, {path: contents[path] for path in whole}, options)
    added += [_record_parts(project, index.by_path[path], inners, tell, options) for path, inners in parts.items()]
    detach(project, own)
    return AddResult(tuple(added), for_git(project, {*ignored, *(item.pointer for item in added if item.changed)}))


def described(desc: str, kind: str, labels: Sequence[str], meta: Sequence[str]) -> dict[str, Any]:
    """What a pointer keeps for people and programs; `meta` are words such as `key=value`.

    Raises:
        UsageError: one of them has no `=`.
    """
    values = {}
    for word in meta:
        key, sign, value = word.partition("=")
        if not key or not sign:
            raise UsageError(f"`--meta {word}` is not `KEY=VALUE`", "write for example `--meta source=sensor-3`")
        values[key] = value
    given = {"desc": desc, "type": kind, "labels": list(labels), "meta": values}
    return {name: value for name, value in given.items() if value}


def _expand(project: Project, targets: Iterable[str]) -> list[str]:
    """The files and folders that match; dvx's own files and what Git's are called are left out."""
    found: list[str] = []
    for target in targets:
        matched = glob.glob(target, root_dir=project.cwd, recursive=True)
        chosen = [name for name in sorted(matched) if not _is_own(project, os.path.basename(name.rstrip("/")))]
        if not chosen:
            raise MissingData(f"nothing matches `{printable(target)}`", "write the pattern in quotes, as seen from this folder")
        found += chosen
    return found


def _is_own(project: Project, name: str) -> bool:
    return project.dialect.is_machinery(name) or name in (project.dialect.ignore, ".gitignore", ".gitattributes")


def _outermost(project: Project, paths: Iterable[str]) -> list[str]:
    """Those that lie in no folder among them: a folder is tracked with all that it holds."""
    folders = {path for path in paths if os.path.isdir(project.abs(path))}
    return [path for path in paths if folders.isdisjoint(ancestors(path))]


def _parts(index: Index, paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Directories with a pointer of their own of which only parts are meant: path -> paths in it."""
    found: dict[str, tuple[str, ...]] = {}
    for path in paths:
        tracked = index.owner_of(path)
        if tracked is None or tracked.output.path == path or tracked.owner not in index.pointers:
            continue
        if tracked.recorded is not None and tracked.recorded.content is not None and tracked.recorded.content.digest.is_tree:
            directory = tracked.output.path
            found[directory] = (*found.get(directory, ()), path[len(directory) + 1 :])
    return found


def _take(project: Project, paths: Sequence[str], tell: Tell, options: AddOptions) -> dict[str, Content]:
    if not options.commit:
        found = {path: seen for path in paths if (seen := look(project, path, tell, project.algorithm)) is not None}
        for seen in found.values():
            refuse_stale(project, seen)
        return {path: seen.content for path, seen in found.items()}
    contents = store(project, paths, tell)
    project.cache.barrier()
    note_made(project, (content.digest for content in contents.values()))
    if options.share:
        relink(project, contents)
        _unlink(project, contents)
    return contents


def _unlink(project: Project, contents: Mapping[str, Content]) -> None:
    """Make files of links to other files, as DVC does: they are tracked on their own from now on."""
    made = {path: content for path, content in contents.items() if not content.digest.is_tree}
    made = {path: content for path, content in made.items() if os.path.islink(project.abs(path))}
    made = {path: content for path, content in made.items() if not is_linked(project, project.abs(path))}
    if made:
        with Placer(project) as placer:
            for path, content in made.items():
                placer.place(Entry(path, content.digest, content.size, content.executable))


def _record(project: Project, contents: Mapping[str, Content], options: AddOptions) -> list[Added]:
    pointers = {path: path + project.dialect.pointer_suffix for path in contents}
    changed = frozenset(change_all(project, {pointers[path]: _edit(project, path, contents[path], options) for path in contents}))
    return [Added(path, pointer, contents[path], pointer in changed) for path, pointer in pointers.items()]


def _edit(project: Project, path: str, content: Content, options: AddOptions) -> Callable[[str], str]:
    output = Output(path, annotations=options.annotations)
    return partial(recorded_in, project, path + project.dialect.pointer_suffix, output, content)


def _record_parts(project: Project, tracked: Tracked, inners: Sequence[str], tell: Tell, options: AddOptions) -> Added:
    path, pointer = tracked.output.path, tracked.file
    output = Output(path, annotations=options.annotations)
    # what is stored now, before the lock is held, is not read again
    store(project, [f"{path}/{inner}" for inner in inners if os.path.lexists(project.abs(f"{path}/{inner}"))], tell)
    with project.lock(pointer):
        outs = read_pointer(files.read(project.abs(pointer)), pointer, project.dialect).outs
        recorded = next((recorded.content for output, recorded in outs if output.path == path), None)
        if recorded is None:
            raise MissingData(f"`{printable(pointer)}` records no content any more", f"run `dvx add {quoted(path)}`")
        content = store_parts(project, tracked.output, recorded, inners, tell)
        project.cache.barrier()
        note_made(project, [content.digest])
        changed = change_text(project, pointer, partial(recorded_in, project, pointer, output, content))
    if options.share:
        tree = project.cache.read_tree(content.digest)
        entries = {entry.path: entry for inner in inners for entry in tree.below(inner)}.values()
        fresh = {f"{path}/{one.path}": Content(one.digest, one.size, executable=one.executable) for one in entries}
        relink(project, fresh)
        _unlink(project, fresh)
    return Added(path, pointer, content, changed)
