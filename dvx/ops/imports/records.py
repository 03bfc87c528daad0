"""What imports record: pointers that say where their data comes from; and data from elsewhere on its way into the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from dvx.errors import DvxError, FormatError
from dvx.formats import dump_yaml, edit_yaml, load_yaml
from dvx.model.events import Tell
from dvx.model.paths import parent, printable
from dvx.model.tracked.pointer import Output, Pointer, encode_content, encode_output, stage_checksum
from dvx.model.tree import Content
from dvx.ops.sources.repositories import sharing
from dvx.ops.sources.urls import There, there_of
from dvx.ops.stages.owners import for_git
from dvx.ops.tracked.gitignore import ignore
from dvx.ops.tracked.index import Index
from dvx.ops.tracked.pointer_text import read_pointer
from dvx.ops.tracked.pointers import renew_checksum, set_content
from dvx.ops.tracked.text_files import change_yaml, text_of
from dvx.ops.workspace.checkout import restore
from dvx.ops.workspace.observe import Seen, look, store
from dvx.project import Project

TOKENS = ("etag", "checksum", "version_id", "files", "md5", "xxh128", "sha256", "blake3", "size", "nfiles", "isexec", "hash")
"""The fields of an entry that say what a path holds, in whatever terms."""
_OWN = ("desc", "type", "labels", "meta", "remote")
_SIZES = frozenset({"size", "nfiles", "isexec", "hash"})


class Imported(Struct, frozen=True):
    """What was imported or updated: its path and pointer, and the files that belong into Git now. `changed` unless it was so.

    Outputs of stages, which are updated too, have a lock in the place of the pointer. `error` says why something could not be
    updated, where others were.
    """

    path: str
    pointer: str
    for_git: tuple[str, ...]
    changed: bool = True
    error: str = ""


class Arrived(Struct, frozen=True):
    """What came: its content, None where nothing was to come, and the dependency's entry."""

    content: Content | None
    dep: Mapping[str, Any]


def write_import(project: Project, path: str, arrived: Arrived, *, bare: bool = False, push: bool = True) -> Imported:
    """Write the pointer of a new import; a `bare` one records nothing but where it would come from.

    What is not to be pushed is kept by its source.
    """
    folder = parent(path)
    out = encode_output(Output(path, push=push), arrived.content, folder)
    if arrived.content is None:
        out = {"hash": project.algorithm, **out}
    document: dict[str, Any] = {"frozen": True, "deps": [dict(arrived.dep)], "outs": [out]}
    if not bare:
        document = {"md5": stage_checksum(document), **document}
    ignored = ignore(project, [path])
    pointer = path + project.dialect.pointer_suffix
    with project.lock(pointer):
        project.write(pointer, _written(project, pointer, document))
    return Imported(path, pointer, for_git(project, [*ignored, pointer]))


def _written(project: Project, pointer: str, document: dict[str, Any]) -> str:
    """The text of a new import's pointer. Of the one before stays what a person wrote, its order and its comments."""
    old = text_of(project, pointer)
    try:
        known = load_yaml(old, pointer)
        before = read_pointer(old.encode("utf-8", "surrogateescape"), pointer, project.dialect)
    except FormatError:
        return dump_yaml(document)
    if not isinstance(known, Mapping):
        return dump_yaml(document)
    (out,) = document["outs"]
    kept: Mapping[str, Any] = next((one for one in known["outs"] if one.get("path") == out["path"]), {}) if before.outs else {}
    out |= {key: kept[key] for key in _OWN if key in kept}
    whole = {**document, **{key: known[key] for key in ("desc", "meta") if key in known}}
    return edit_yaml(old, lambda edited: _become(edited, whole), pointer)


def _become(old: Any, new: Mapping[str, Any]) -> None:
    """Let an entry say what `new` says, in the order that it has."""
    for key, value in new.items():
        known = old.get(key)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            _become(known, value)
        elif isinstance(value, list) and isinstance(known, list) and len(value) == len(known):
            for place, (one, other) in enumerate(zip(known, value, strict=True)):
                if isinstance(one, Mapping) and isinstance(other, Mapping):
                    _become(one, other)
                elif one != other:
                    known[place] = other
        elif key not in old or known != value:
            old[key] = value
    _drop(old, [key for key in old if key not in new])


def rewrite_import(project: Project, pointer: Pointer, arrived: Arrived) -> Imported:
    """Write what an update found into a pointer; the rest of it stays as it is."""

    def edit(document: Any) -> None:
        dep, out = document["deps"][0], document["outs"][0]
        if "repo" in arrived.dep:
            _set(dep["repo"], arrived.dep["repo"])
        else:
            _drop(dep, [key for key in TOKENS if key not in arrived.dep])
            _set(dep, arrived.dep)
        if arrived.content is not None:
            set_content(out, arrived.content)
        else:
            _drop(out, [key for key in TOKENS if key != "hash"])
        renew_checksum(document)

    change_yaml(project, pointer.path, edit)
    return Imported(pointer.outs[0][0].path, pointer.path, for_git(project, [pointer.path]))


def observed(project: Project, room: Project, inner: str, tell: Tell) -> Content:
    """What lies in a room, which is not taken into the cache."""
    seen = look(room, inner, tell, project.algorithm)
    if seen is None:
        raise DvxError(f"`{printable(inner)}` went away while it was looked at", "run the command again")
    return seen.content


def take(project: Project, room: Project, inner: str, path: str, tell: Tell, *, force: bool) -> Content:
    """Take what lies in a room into the cache, and put it at a path of the workspace.

    Raises:
        DvxError: something else is there, and no `force` (with it, that goes to the trash if no store has it).
    """
    content = store(sharing(project, room), [inner], tell)[inner]
    there = None if force else look(project, path, tell, project.algorithm)
    if there is not None and there.content.digest != content.digest and not _is_begun(project, there, content):
        raise taken(path)
    project.cache.barrier()
    restore(project, {path: content}, tell, force=force)
    return content


def recorded_source(project: Project, pointer: Pointer) -> dict[str, Any]:
    """What an import from a URL or path recorded of its source; a folder is one thing, also where it is listed file by file,
    unless versions are named.
    """
    dep = pointer.deps[0]
    known = there_of(dep)
    if known is not None:
        return {**dep.extras, **known.entry(project.algorithm)}
    rows = dep.extras.get("files")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) and "relpath" in row for row in rows):
        return {**dep.extras, **encode_content(dep.content)}
    sizes = {str(row["relpath"]): row.get("size") for row in rows}
    key = "etag" if any("etag" in row for row in rows) else "checksum"
    tokens = {str(row["relpath"]): str(row[key]) for row in rows if key in row}
    return {**dep.extras, **There(True, sizes, tokens, key).entry(project.algorithm)}


def agree(known: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a dependency records what is there now. Sizes say no more than what changes with the content."""
    return all(known.get(key) == value for key, value in now.items() if key in TOKENS and key not in _SIZES)


def _is_begun(project: Project, there: Seen, content: Content) -> bool:
    """Whether a folder holds nothing but files of what is to come: what an interrupted import left."""
    if there.tree is None or not content.digest.is_tree:
        return False
    whole = project.cache.read_tree(content.digest).by_path
    return all(one.path in whole and whole[one.path].digest == one.digest for one in there.tree.entries)


def is_left(project: Project, index: Index, path: str, tell: Tell) -> bool:
    """Whether data may be what an import left that was interrupted before it wrote the pointer: another's, all in the cache."""
    there = look(project, path, tell, project.algorithm)
    owner = index.by_path.get(path)
    before = owner.recorded.content if owner is not None and owner.recorded is not None else None
    if there is None or before is None or there.content.digest == before.digest:
        return False
    entries = there.tree.entries if there.tree else ()
    digests = [entry.digest for entry in entries] if there.tree else [there.content.digest]
    return all(project.cache.has(digest) for digest in digests)


def taken(path: str) -> DvxError:
    """The error that something is at the place of an import."""
    hint = "choose another name with `-o`, or write `--force` to replace it"
    return DvxError(f"`{printable(path)}` already exists", hint)


def _set(entry: Any, fields: Mapping[str, Any]) -> None:
    for key, value in fields.items():
        if entry.get(key) != value:
            entry[key] = value


def _drop(entry: Any, keys: list[str]) -> None:
    for key in keys:
        entry.pop(key, None)
