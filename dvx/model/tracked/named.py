"""Named: the objects that pointer and lock files name, read without regard to pipelines.

Made for deciding what may go: it takes files of both dialects and of old versions, and raises where it is in doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import SchemaError
from dvx.model.dialect import DIALECTS
from dvx.model.digest import LEGACY, TREE_SUFFIX, Digest
from dvx.model.paths import join, parent

_KEYS = ("md5", "xxh128", "sha256", "blake3")
_POINTERS = tuple(dialect.pointer_suffix for dialect in DIALECTS)
_LOCKS = tuple(dialect.lock for dialect in DIALECTS)
_PIPELINES = tuple(dialect.pipeline for dialect in DIALECTS)


class Named(Struct, frozen=True, order=True):
    """An object, the path that holds it, and the remote that its output asks for; `size` in bytes where it is recorded.

    A `locked` one is named by a lock, so the pipeline says whether it is kept in the cache.
    """

    path: str
    digest: Digest
    size: int | None = None
    remote: str = ""
    locked: bool = False


def names_objects(name: str) -> bool:
    """Whether a file of this name is a pointer or a lock, in either dialect."""
    return name in _LOCKS or (name.endswith(_POINTERS) and name not in _POINTERS)


def is_pointer(name: str) -> bool:
    """Whether a file of this name is a pointer, in either dialect."""
    return names_objects(name) and name not in _LOCKS


def is_pipeline(name: str) -> bool:
    """Whether a file of this name is a pipeline, in either dialect."""
    return name in _PIPELINES


def declared_in(document: Any, file: str) -> Iterator[tuple[str, bool]]:
    """The outputs in a loaded pipeline file, by the paths that its lock gives them, and whether they are kept in the cache.

    Templates stay as they are written; what is no pipeline declares nothing.
    """
    stages = document.get("stages") if isinstance(document, Mapping) else None
    for stage in stages.values() if isinstance(stages, Mapping) else ():
        body: Any = stage.get("do", stage) if isinstance(stage, Mapping) else None
        for kind in ("outs", "metrics", "plots") if isinstance(body, Mapping) else ():
            rows = body.get(kind)
            for row in rows if isinstance(rows, list) else ():
                for path, flags in (row if isinstance(row, Mapping) else {row: None}).items():
                    cached = not isinstance(flags, Mapping) or flags.get("cache") is not False
                    yield join(parent(file), str(path)), cached


def named_in(document: Any, file: str) -> tuple[Named, ...]:
    """The objects that a loaded pointer or lock file names.

    An `md5` without a `hash` beside it may be of either kind that DVC knows; both are named then.

    Raises:
        SchemaError: it is no such document, or names something that is no hash.
    """
    if document is None:
        return ()
    top = _mapping(document, ())
    folder = parent(file)
    if file.rpartition("/")[2] not in _LOCKS:
        wdir = top.get("wdir", ".")
        return tuple(_outputs(top, join(folder, wdir) if isinstance(wdir, str) else folder, ()))
    # the first version had the stages at the top
    stages = _mapping(top.get("stages") or {}, ("stages",)) if "schema" in top or "stages" in top else top
    return tuple(
        replace(named, locked=True)
        for name, stage in stages.items()
        for named in _outputs(_mapping(stage, (name,)), folder, ("stages", name))
    )


def _outputs(owner: Mapping[str, Any], folder: str, where: tuple[str | int, ...]) -> Iterator[Named]:
    outs = owner.get("outs")
    if outs is None:
        return
    if not isinstance(outs, list):
        raise SchemaError("a list is expected", (*where, "outs"))
    for number, raw in enumerate(outs):
        place = (*where, "outs", number)
        entry = _mapping(raw, place)
        if entry.get("cache") is False and str(entry.get("md5", "")).endswith(TREE_SUFFIX):
            continue  # no cache ever had it
        path = join(folder, str(entry.get("path", "")))
        yield from _entry(entry, path, place)
        parts = entry.get("files")
        for part in parts if isinstance(parts, list) else ():
            inner = _mapping(part, (*place, "files"))
            yield from _entry(inner, f"{path}/{inner.get('relpath', '')}", (*place, "files"), entry)


def _entry(
    entry: Mapping[str, Any], path: str, where: tuple[str | int, ...], whole: Mapping[str, Any] | None = None
) -> Iterator[Named]:
    size, remote = entry.get("size"), (whole or entry).get("remote")
    for key in _KEYS:
        value = entry.get(key)
        if value in (None, ""):
            continue
        for algorithm in _algorithms(key, (whole or entry).get("hash")):
            try:
                digest = Digest(algorithm, str(value).lower())
            except SchemaError as error:
                raise SchemaError(error.message, (*where, key)) from None
            known = type(size) is int and not digest.is_tree
            yield Named(path, digest, size if known else None, remote if isinstance(remote, str) else "")


def _algorithms(key: str, named: object) -> tuple[str, ...]:
    if key != "md5" or named == "md5":
        return (key,)
    return (LEGACY,) if named == LEGACY else ("md5", LEGACY)


def _mapping(value: Any, where: tuple[str | int, ...]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SchemaError("a mapping is expected", where)
    return value
