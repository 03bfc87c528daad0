"""Output and Pointer: what an author declared of a path, and what a `.dvx` file says; entries in and out.

An entry is the mapping that a pointer or lock holds for one path; both files are made of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import Corrupted, SchemaError, UnsafePath, nearest
from dvx.model.dialect import Dialect
from dvx.model.digest import LEGACY, Digest, digest_bytes
from dvx.model.imports.dataset import KEY as DATASET
from dvx.model.paths import check_path, is_outside, join, parent, relative, within
from dvx.model.transfer.versioned import tree_of
from dvx.model.tree import Content, tree_content

_SHOWN = 60


class OutputKind(Enum):
    """What an output is for."""

    DATA = "data"
    METRIC = "metric"
    PLOT = "plot"


class Output(Struct, frozen=True):
    """What the author declared of an output; `path` is relative to the project.

    `annotations` keeps `desc`, `type`, `labels`, `meta`; `plot` the properties of a plot.
    """

    path: str
    kind: OutputKind = OutputKind.DATA
    cached: bool = True
    persist: bool = False
    push: bool = True
    remote: str = ""
    annotations: Mapping[str, Any] = field(default_factory=dict)
    plot: Any = None


class Recorded(Struct, frozen=True):
    """One entry: a path, its content if known, and fields that are kept but not read (`cloud`, `etag`, `files`, `repo`...)."""

    path: str
    content: Content | None
    extras: Mapping[str, Any] = field(default_factory=dict)


class Pointer(Struct, frozen=True):
    """One pointer file. `path` is the file's own, relative to the project.

    `deps` is empty but for imports. `checksum` is the recorded stage checksum and `computed` what it should be: none without
    dependencies.
    """

    path: str
    outs: tuple[tuple[Output, Recorded], ...]
    deps: tuple[Recorded, ...] = ()
    frozen: bool = False
    workdir: str = ""
    checksum: str = ""
    computed: str = ""


_ANNOTATIONS = ("desc", "type", "labels", "meta")
_FLAGS = ("cache", "persist", "remote", "push")
_EXTRAS = ("etag", "checksum", "version_id", "cloud", "files", "fs_config")
_DEP_EXTRAS = ("repo", "db")
_TOP = ("md5", "wdir", "deps", "outs", "frozen", "locked", "always_changed", "desc", "meta")
_UNHASHED = frozenset({"desc", "type", "labels", "meta", "locked", "frozen", "metric", "persist", "isexec", "size", "nfiles"})


def decode_pointer(document: Any, path: str, dialect: Dialect) -> Pointer:
    """Read a loaded pointer file.

    Raises:
        SchemaError: an unknown key, a value of the wrong kind, or an output that leaves the project.
    """
    top = _mapping(document, ())
    known = pointer_keys(dialect)
    _known(top, known["top"], ())
    workdir = join(parent(path), _text(top.get("wdir", "."), ("wdir",)))
    outs = []
    for index, raw in enumerate(_sequence(top.get("outs"), ("outs",))):
        where = ("outs", index)
        entry = _mapping(raw, where)
        _known(entry, known["out"], where)
        recorded = decode_entry(entry, workdir, dialect, where)
        if within(path, recorded.path):
            raise SchemaError(f"the output `{recorded.path}` holds its own pointer", (*where, "path"))
        outs.append((_output(entry, recorded.path, where), recorded))
    deps = []
    for index, raw in enumerate(_sequence(top.get("deps"), ("deps",))):
        where = ("deps", index)
        entry = _mapping(raw, where)
        _known(entry, known["dep"], where)
        deps.append(decode_entry(entry, workdir, dialect, where, outside=True))
    return Pointer(
        path=path,
        outs=tuple(outs),
        deps=tuple(deps),
        frozen=boolean(top, "frozen" if "frozen" in top else "locked", False, ()),
        workdir=workdir,
        checksum=str(top.get("md5") or ""),
        computed=stage_checksum(top) if deps else "",
    )


def pointer_keys(dialect: Dialect) -> Mapping[str, tuple[str, ...]]:
    """The keys that a pointer may have: at the top, in an output and in a dependency."""
    hashed = ("path", "hash", "size", "nfiles", "isexec", *dialect.algorithms)
    return {"top": _TOP, "out": (*hashed, *_EXTRAS, *_FLAGS, *_ANNOTATIONS), "dep": (*hashed, *_EXTRAS, *_DEP_EXTRAS)}


def decode_entry(
    entry: Mapping[str, Any], folder: str, dialect: Dialect, where: tuple[str | int, ...], *, outside: bool = False
) -> Recorded:
    """Read one entry whose path is written relative to `folder`.

    With `outside`, the path may be a URL, absolute, or leave the project; it is then kept as written. It is empty for what
    comes from a database.
    """
    extras = {key: entry[key] for key in (*_EXTRAS, *_DEP_EXTRAS, DATASET) if entry.get(key) is not None}
    if outside and "db" in extras and "path" not in entry:
        return Recorded("", None, extras)
    written = _text(entry.get("path"), (*where, "path"))
    path = join(folder, written)
    # in another repository it is seen from the top of that
    if outside and ("repo" in entry or "://" in written or written.startswith("/") or is_outside(path)):
        path = written
    else:
        try:
            check_path(path)
        except UnsafePath as error:
            raise SchemaError(error.message, (*where, "path")) from None
    return Recorded(path, _content(entry, dialect, where), extras)


def encode_content(content: Content | None) -> dict[str, Any]:
    """The hash fields of an entry as a pointer orders them: digest, `size`, `nfiles`, `isexec`, `hash`."""
    if content is None:
        return {}
    fields: dict[str, Any] = {content.digest.algorithm.removesuffix("-dos2unix"): content.digest.hex}
    if content.size is not None:
        fields["size"] = content.size
    if content.files is not None:
        fields["nfiles"] = content.files
    if content.executable:
        fields["isexec"] = True
    if content.digest.algorithm != LEGACY:
        fields["hash"] = content.digest.algorithm
    return fields


def encode_lock_entry(path: str, content: Content | None, extras: Mapping[str, Any]) -> dict[str, Any]:
    """An entry as a lock orders its fields: `path`, `hash`, digest, `size`, `nfiles`, `isexec`, extras; `path` is as written.

    A directory that is known by its digest is not listed file by file, too.
    """
    fields = encode_content(content)
    name = fields.pop("hash", None)
    head: dict[str, Any] = {"path": path}
    if name is not None:
        head["hash"] = name
    return head | fields | {key: value for key, value in extras.items() if key != "files" or content is None}


def encode_output(output: Output, content: Content | None, folder: str) -> dict[str, Any]:
    """A new entry of a pointer file in `folder`, in the order in which one is written."""
    fields = encode_content(content) | {"path": relative(output.path, folder)}
    fields |= {key: output.annotations[key] for key in _ANNOTATIONS if output.annotations.get(key)}
    if not output.cached:
        fields["cache"] = False
    if output.persist:
        fields["persist"] = True
    if output.remote:
        fields["remote"] = output.remote
    if not output.push:
        fields["push"] = False
    return fields


def stage_checksum(document: Mapping[str, Any]) -> str:
    """The `md5` that a pointer with dependencies carries over itself (source: DVC's format, stage checksum)."""
    bare = {key: value for key, value in document.items() if key not in ("md5", "meta", "desc")}
    if bare.get("wdir") == ".":
        del bare["wdir"]
    text = json.dumps(_without(bare), sort_keys=True)
    return digest_bytes(text.encode(), "md5").hex


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without(item) for key, item in value.items() if key not in _UNHASHED}
    if isinstance(value, list):
        return [_without(item) for item in value]
    return value


def _content(entry: Mapping[str, Any], dialect: Dialect, where: tuple[str | int, ...]) -> Content | None:
    algorithm = _algorithm(entry, dialect, where)
    value = entry.get(algorithm.removesuffix("-dos2unix"))
    if value is None or value == "":
        return _listed(entry.get("files"), algorithm, dialect, (*where, "files"))
    try:
        digest = Digest(algorithm, str(value).lower())
    except SchemaError as error:
        raise SchemaError(error.message, where) from None
    size, files = entry.get("size"), entry.get("nfiles")
    for key, number in (("size", size), ("nfiles", files)):
        if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 0):
            raise SchemaError(f"`{key}` is no count: `{number}`", (*where, key))
    return Content(digest, size, files if digest.is_tree else None, entry.get("isexec") is True)


def _listed(rows: Any, algorithm: str, dialect: Dialect, where: tuple[str | int, ...]) -> Content | None:
    """The content of a directory that is listed file by file, if all digests are there."""
    if rows is None:
        return None
    try:
        tree = tree_of(_sequence(rows, where), algorithm)
    except (Corrupted, UnsafePath) as error:
        raise SchemaError(error.message, where) from None
    if tree is None:
        return None
    content = tree_content(tree, dialect, algorithm)[0]
    return content if all(entry.size is not None for entry in tree.entries) else replace(content, size=None)


def _algorithm(entry: Mapping[str, Any], dialect: Dialect, where: tuple[str | int, ...]) -> str:
    named = entry.get("hash")
    if named is None and dialect.algorithm == "md5":
        return LEGACY
    if named is None:
        return next((name for name in dialect.algorithms if entry.get(name)), dialect.algorithm)
    if named not in dialect.algorithms:
        raise SchemaError(f"unknown hash `{named}`", (*where, "hash"), nearest(str(named), dialect.algorithms))
    return str(named)


def _output(entry: Mapping[str, Any], path: str, where: tuple[str | int, ...]) -> Output:
    return Output(
        path=path,
        cached=boolean(entry, "cache", True, where),
        persist=boolean(entry, "persist", False, where),
        push=boolean(entry, "push", True, where),
        remote=_text(entry.get("remote") or "", (*where, "remote")),
        annotations={key: entry[key] for key in _ANNOTATIONS if entry.get(key)},
    )


def boolean(entry: Mapping[str, Any], key: str, default: bool, where: tuple[str | int, ...]) -> bool:
    """A flag of an entry; raises SchemaError when it is no boolean."""
    value = entry.get(key, default)
    if not isinstance(value, bool):
        raise SchemaError(f"`{key}` is `true` or `false`, not `{value}`", (*where, key))
    return value


def _known(entry: Mapping[str, Any], known: Sequence[str], where: tuple[str | int, ...]) -> None:
    for key in entry:
        if key not in known:
            raise SchemaError(f"unknown key `{key}`", (*where, str(key)), nearest(str(key), known))


def _mapping(value: Any, where: tuple[str | int, ...]) -> Mapping[str, Any]:
    if value is None and not where:
        return {}
    if not isinstance(value, Mapping):
        raise SchemaError(f"a mapping is expected, not `{_short(value)}`", where)
    return value


def _sequence(value: Any, where: tuple[str | int, ...]) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise SchemaError(f"a list is expected, not `{_short(value)}`", where)
    return value


def _text(value: Any, where: tuple[str | int, ...]) -> str:
    if not isinstance(value, str):
        raise SchemaError("a text is expected" if value is not None else f"`{where[-1]}` is missing", where)
    return value


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
