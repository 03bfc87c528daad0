"""Files that hold values, of params, metrics and plots: which of a source are meant, and their bytes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

from msgspec import Struct

from dvx.errors import NOT_CACHED, DvxError, MissingData, NotCached, quoted
from dvx.formats.data import suffix_of
from dvx.model.digest import Digest
from dvx.model.paths import within
from dvx.model.tree import Content, Tree
from dvx.ops.tracked.index import Index
from dvx.ops.tracked.sources import Source
from dvx.project import Project
from dvx.store.cache import Cache

_DEFAULT_PARAMS = "params.yaml"

_SHARED = ("json", "toml", "yaml", "yml")

Wanted = dict[str, tuple[str, ...] | None]
"""The keys that are wanted of each file; None is the whole file."""


class What(Enum):
    """Which values."""

    PARAMS = "params"
    METRICS = "metrics"


_SUFFIXES = {What.PARAMS: (*_SHARED, "py"), What.METRICS: _SHARED}
"""What counts in a folder."""


class ValueChoice(Struct, frozen=True):
    """Which values of which files: those that the pipelines name, or only `targets` (with `recursive` all named below them).

    `param_deps` leaves out parameters that no stage uses.
    """

    what: What
    targets: tuple[str, ...] = ()
    recursive: bool = False
    param_deps: bool = False


def wanted_params(index: Index, source: Source, choice: ValueChoice) -> Wanted:
    """The parameters that pipelines name, and the default file if there is one."""
    wanted: Wanted = {}
    used = [(file.path, file.keys) for stage in index.stages.values() for file in stage.params]
    if not choice.param_deps:
        used += [(path, None) for pipeline in index.pipelines.values() for path in pipeline.params_files]
        if source.read(_DEFAULT_PARAMS) is not None:
            used.append((_DEFAULT_PARAMS, None))
    for path, keys in used:
        known = wanted.get(path, ())
        wanted[path] = None if keys is None or known is None else tuple(dict.fromkeys((*known, *keys)))
    # of a file that a stage names, what templates take is left out, as in DVC
    taken = [item for pipeline in index.pipelines.values() for item in pipeline.used.items() if item[0] not in wanted]
    for path, keys in taken:
        wanted[path] = tuple(dict.fromkeys((*(wanted.get(path) or ()), *keys)))
    return wanted


def opened(project: Project, source: Source, index: Index, wanted: Wanted, what: What) -> Wanted:
    """The files that are wanted, and for folders those in them whose suffix says that they hold values."""
    found: Wanted = {}
    for path, keys in wanted.items():
        for inner in unpacked(project, index, source, path):
            if inner == path or suffix_of(inner) in _SUFFIXES[what]:
                found[inner] = None if keys is None or found.get(inner, ()) is None else keys
    return found


def narrowed(wanted: Wanted, targets: Iterable[str], *, recursive: bool) -> Wanted:
    """Targets are shown whole, and whether or not a pipeline names them."""
    narrowed: Wanted = {}
    for target in targets:
        below = [path for path in wanted if within(path, target)] if recursive else []
        narrowed |= {path: wanted[path] for path in below} or {target: None}
    return narrowed


def unpacked(project: Project, index: Index, source: Source, path: str) -> list[str]:
    """The files of a folder, in the source or else as it is recorded; or the path itself."""
    below = source.below(path)
    owner = index.owner_of(path)
    content = owner.recorded.content if owner and owner.recorded and owner.output.cached else None
    if not below and owner is not None and content is not None and content.digest.is_tree:
        try:
            entries = _tree(project.cache, content.digest).entries
        except DvxError:
            return [path]
        whole = [f"{owner.output.path}/{entry.path}" for entry in entries]
        below = sorted(one for one in whole if one.startswith(path + "/"))
    return below or [path]


def bytes_of(project: Project, source: Source, index: Index, path: str) -> bytes:
    """The file in the source, or else what the cache has of it.

    Raises:
        NotCached: it is tracked, but in neither.
        MissingData: there is no such file.
        DvxError: it cannot be read; a pipe or device is not.
    """
    try:
        data = source.read(path)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise DvxError(f"`{path}` cannot be read: {why}", f"see what it is: `ls -l {quoted(path)}`") from error
    if data is not None:
        return data
    owner = index.owner_of(path)
    content = owner.recorded.content if owner and owner.recorded and owner.output.cached else None
    if owner is None or content is None:
        raise MissingData(f"`{path}` does not exist")
    try:
        digest = _digest_at(project, content, path[len(owner.output.path) + 1 :])
        if digest is not None:
            return project.cache.read(digest)
    except MissingData:
        shown = project.shown(path)
        raise NotCached(f"`{shown}` {NOT_CACHED}", f"run `dvx pull {quoted(shown)}` to get it") from None
    raise MissingData(f"`{path}` does not exist")


def _digest_at(project: Project, content: Content, inner: str) -> Digest | None:
    if content.files is None:
        return content.digest
    entry = _tree(project.cache, content.digest).by_path.get(inner)
    return entry.digest if entry else None


@lru_cache(maxsize=1)
def _tree(cache: Cache, digest: Digest) -> Tree:
    """One file of a folder is asked for after another."""
    return cache.read_tree(digest)
