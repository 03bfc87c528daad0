"""migrate: rewrite a project in another hash, or as a native one. History stays as it is.

Objects come first, then the files that name them, under new names where the dialect changes. With the configuration of the new
dialect the project is what it will be; what is left then is to remove the old files. Interrupted, the same command goes on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import Corrupted, MissingData, UnsafePath, UsageError, nearest
from dvx.git.index import forget
from dvx.model.dialect import DIALECTS, NATIVE, Dialect
from dvx.model.digest import Digest, new_hasher
from dvx.model.events import Tell
from dvx.model.kept import convert_kept, read_kept
from dvx.model.paths import check_paths
from dvx.model.setup.ini import parse, render
from dvx.model.tracked.pointer import Recorded
from dvx.model.upkeep.undo_facts import Stays
from dvx.ops.setup.configuration import PRIVATE
from dvx.ops.setup.trust import carry_over
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.reach import Reach
from dvx.ops.tracked.sources import Workspace
from dvx.ops.upkeep.migrate_files import Rewriter, counterpart
from dvx.ops.workspace.rehash import Rehash
from dvx.project import Project
from dvx.store import files
from dvx.store.cache import Cache
from dvx.store.stats import StatCache


class MigrateOptions(Struct, frozen=True):
    """An empty `algorithm` is the usual one of the dialect; with `native` a DVC repository becomes a native one."""

    algorithm: str = ""
    native: bool = False


class Migration(Struct, frozen=True):
    """What is to be done: objects to rehash, files (old and new path) to write, and old files that wait for their removal.

    `absent` objects of outputs are not here.
    """

    dialect: str
    algorithm: str
    objects: int
    bytes: int
    absent: int
    files: tuple[tuple[str, str], ...]
    stale: tuple[str, ...] = ()


def plan(project: Project, options: MigrateOptions) -> Migration:
    """What `migrate` would do; changes nothing.

    Raises:
        UsageError: the dialect does not know the hash.
    """
    return _plan(project, _target(project, options), Reach(project.cache))


def migrate(project: Project, options: MigrateOptions, tell: Tell) -> Migration:
    """Do it; returns what was done. Raises like `plan`, and:

    Raises:
        Corrupted: an object is broken.
        MissingData: the data of a path is nowhere here, and its hash has no place in the new dialect.
    """
    target, reach = _target(project, options), Reach(project.cache)
    try:
        return _migrate(project, target, reach, tell)
    finally:
        target.cache.discard()
        target.stats.close()


def _plan(project: Project, target: Project, reach: Reach) -> Migration:
    index = load_index(project)
    wanted = _objects(project, target, reach, _recorded(index))
    outputs = _objects(project, target, reach, (one.recorded for one in index.tracked if one.recorded and one.output.cached))
    there = {digest for digest in wanted if project.cache.has(digest)}
    size = sum(os.stat(project.cache.path(digest)).st_size for digest in there)
    moved = tuple(_files(project, index, target.dialect)) if wanted or target.dialect is not project.dialect else ()
    stale = tuple(old for old, _ in _stale(project)) if target.dialect is project.dialect else ()
    return Migration(target.dialect.name, target.algorithm, len(there), size, len(outputs - there), moved, stale)


def _migrate(project: Project, target: Project, reach: Reach, tell: Tell) -> Migration:
    todo = _plan(project, target, reach)
    if todo.files or target.algorithm != project.algorithm:
        _rewrite(project, target, reach, todo, tell)
    _finish(project, target, sorted({*(new for _, new in todo.files), *_begun(project)}))
    files.remove(_note(project))
    return todo


def _rewrite(project: Project, target: Project, reach: Reach, todo: Migration, tell: Tell) -> None:
    """Objects, then the files that name them, then the configuration."""
    index = load_index(project)
    _copy_ignores(project, target.dialect)
    rehash = Rehash(project, target, reach, tell)
    rehash.objects(digest for digest in _objects(project, target, reach, _recorded(index)) if not digest.is_tree)
    rewriter = Rewriter(project, target, index, rehash)
    texts = {new: rewriter.text(old) for old, new in todo.files}
    target.cache.barrier()
    project.undo.note(Stays("the files as they were before are in Git"))
    if target.dialect is project.dialect:
        files.write_atomic(_note(project), json.dumps(sorted({*texts, *_begun(project)})).encode())
    for new, data in texts.items():
        if Workspace(project).read(new) != data:
            files.write_atomic(project.abs(new), data)
    _write_config(project, target)


def _note(project: Project) -> str:
    """Where it stands, within one dialect, which files are rewritten and then staged."""
    return os.path.join(project.state, "migrate.json")


def _begun(project: Project) -> list[str]:
    """The files that a migration rewrote which was cut short."""
    try:
        paths = convert_kept(read_kept(files.read_note(_note(project))), list[str])
        check_paths(paths)
    except (FileNotFoundError, ValueError, UnsafePath):
        return []
    return [path for path in paths if os.path.exists(project.abs(path))]


def _target(project: Project, options: MigrateOptions) -> Project:
    """The project as it will be, which does not exist yet."""
    dialect = NATIVE if options.native else project.dialect
    algorithm = options.algorithm or (project.algorithm if dialect is project.dialect else dialect.algorithm)
    if algorithm not in dialect.algorithms:
        more = " (with `--native` more are possible)" if dialect is not NATIVE and algorithm in NATIVE.algorithms else ""
        hint = nearest(algorithm, dialect.algorithms) or f"choose one of {', '.join(dialect.algorithms)}{more}"
        raise UsageError(f"a {dialect.name} repository cannot use the hash `{algorithm}`", hint)
    new_hasher(algorithm)
    if dialect is project.dialect:
        return replace(project, algorithm=algorithm)
    state = os.path.join(project.root, dialect.folder, dialect.state_folder)
    directory = project.config.get("cache.dir") or os.path.join(project.root, dialect.folder, "cache")
    cache = Cache(directory, group_shared=project.config.get("cache.shared") == "group")
    stats = StatCache(os.path.join(state, "stats.db"))
    return replace(project, dialect=dialect, algorithm=algorithm, cache=cache, stats=stats, state=state)


def _objects(project: Project, target: Project, reach: Reach, named: Iterable[Recorded]) -> set[Digest]:
    """The objects that have another name, or place, in the target."""
    tops = {recorded.content.digest for recorded in named if recorded.content is not None}
    if target.dialect is project.dialect:
        tops = {digest for digest in tops if digest.algorithm != target.algorithm}
    found = reach.closure(tops)
    for error in reach.doubts.values():
        if not isinstance(error, MissingData):
            raise Corrupted(error.message, "run `dvx fsck` first") if isinstance(error, Corrupted) else error
    return found


def _recorded(index: Index) -> Iterator[Recorded]:
    for tracked in index.tracked:
        if tracked.recorded is not None:
            yield tracked.recorded
    for stage in index.stages.values():
        state = index.state(stage)
        yield from state.deps.values() if state else ()


def _files(project: Project, index: Index, dialect: Dialect) -> Iterator[tuple[str, str]]:
    """Pointers, pipelines and locks, by their old and new path; where the dialect stays, those that name old hashes."""
    pipelines = index.pipelines if dialect is not project.dialect else ()
    for path in (*index.pointers, *pipelines, *index.locks):
        yield path, counterpart(path, project.dialect, dialect)


def _copy_ignores(project: Project, dialect: Dialect) -> None:
    """First, since they say what belongs to a folder."""
    if dialect is project.dialect:
        return
    for path in _ignore_files(project, project.dialect):
        new = path.removesuffix(project.dialect.ignore) + dialect.ignore
        files.write_atomic(project.abs(new), files.read(project.abs(path)))


def _ignore_files(project: Project, dialect: Dialect) -> list[str]:
    source = Workspace(project)
    found: list[str] = []

    tracked_paths = {tracked.output.path for tracked in load_index(project).tracked}

    def inside(folder: str, _: dict[str, bytes]) -> set[str]:
        path = f"{folder}/{dialect.ignore}" if folder else dialect.ignore
        if source.read(path) is not None:
            found.append(path)
        return tracked_paths

    source.machinery(inside)
    return found


def _write_config(project: Project, target: Project) -> None:
    """The last file to be written: from now on the project is the target."""
    changes = target.dialect is not project.dialect
    for name, mode in (("config.local", PRIVATE), ("config", None)):
        old = os.path.join(project.root, project.dialect.folder, name)
        text = files.read(old).decode() if os.path.exists(old) else ""
        if name == "config" and len(target.dialect.algorithms) > 1:
            text = render(parse(text, old).put("core", "hash", target.algorithm))
        new = os.path.join(project.root, target.dialect.folder, name)
        if changes and name == "config":
            files.write_atomic(os.path.join(os.path.dirname(new), ".gitignore"), b"/config.local\n/tmp\n/cache\n")
        if text and (changes or name == "config"):
            files.write_atomic(new, text.encode(), mode=mode)
        if text and changes and name == "config.local":
            carry_over(project.config, project.root, target.dialect)


def _finish(project: Project, target: Project, written: list[str]) -> None:
    """Remove the files of the other dialect that have a counterpart, and tell Git of all."""
    now = replace(target, config=project.config)
    stale = dict(_stale(now))
    if project.git is not None:
        own = [f"{target.dialect.folder}/config", f"{target.dialect.folder}/.gitignore"] if written or stale else []
        project.git.stage([*written, *(new for new in stale.values() if not new.endswith("config.local")), *own])
        forget(project.git, list(stale))
    # the configuration goes last: it says that there is something to remove
    for old in sorted(stale, key=lambda path: path.endswith("/config")):
        if old.endswith("/.gitignore"):
            files.write_atomic(project.abs(old), b"*\n")  # the old cache stays, for old commits
        else:
            files.remove(project.abs(old))


def _stale(project: Project) -> Iterator[tuple[str, str]]:
    """Files of the other dialect that a migration has left, and what came in their place."""
    for other in DIALECTS:
        folder, new = other.folder, project.dialect
        if other is new or not all(os.path.exists(project.abs(f"{one}/config")) for one in (folder, new.folder)):
            continue
        old = replace(project, dialect=other)
        index = load_index(old)
        pairs = [(path, counterpart(path, other, new)) for path in (*index.pointers, *index.pipelines, *index.locks)]
        pairs += [(path, path.removesuffix(other.ignore) + new.ignore) for path in _ignore_files(old, other)]
        pairs += [(f"{folder}/{name}", f"{new.folder}/{name}") for name in (".gitignore", "config.local", "config")]
        yield from ((path, place) for path, place in pairs if all(os.path.exists(project.abs(one)) for one in (path, place)))
