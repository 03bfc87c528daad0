"""get, get-url, list-url: data from elsewhere that is only copied; nothing is recorded, and no project is needed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import DvxError, MissingData, NotARepository, UnknownTarget
from dvx.git import Git
from dvx.model.dialect import NATIVE
from dvx.model.digest import Digest
from dvx.model.events import Tell, silent
from dvx.model.origin import Origin
from dvx.model.paths import printable
from dvx.ops.elsewhere import Sources
from dvx.ops.index import load_index
from dvx.ops.pull import bring
from dvx.ops.steps import connect
from dvx.ops.url_source import There, UrlSource
from dvx.project import Project
from dvx.store import files
from dvx.store.scratch import Scratch

_INCOMING = ".dvx-incoming"


class GetOptions(Struct, frozen=True):
    """Where data is copied to (`out` as typed; the name of the source if it is empty); `force` replaces what is there."""

    out: str = ""
    force: bool = False
    jobs: int = 0
    fs_config: Mapping[str, str] = field(default_factory=dict)


def get(cwd: str, origin: Origin, options: GetOptions, tell: Tell = silent) -> str:
    """Copy a path of another repository to where the user stands (`cwd`), files of Git and tracked data alike; returns the place.

    Raises:
        GitError: the repository cannot be read.
        UnknownTarget: it has no such revision or path.
        DvxError: there is something at the place.
    """
    name = (
        os.path.basename(os.path.normpath(origin.path)) if origin.path.strip("/.") else os.path.basename(origin.url.rstrip("/"))
    )
    target = _target(cwd, name, options)
    with _incoming(cwd, target) as home, Sources(home) as sources:
        room, inner = bring(sources.open(origin, as_it_is=True), origin.path, sources, tell)
        if not inner:
            files.remove_tree(os.path.join(room.root, room.dialect.folder))
        _put(room.abs(inner), target, force=options.force)
    return target


@contextlib.contextmanager
def opened(cwd: str, origin: Origin) -> Iterator[tuple[Project, str]]:
    """The project in another repository that a path belongs to, and the path in it, until the end of the block.

    Raises:
        GitError: the repository cannot be read.
        UnknownTarget: it has no such revision.
    """
    with _incoming(cwd, os.path.join(cwd, "elsewhere")) as home, Sources(home) as sources:
        yield sources.open(origin, as_it_is=True).at(origin.path)


def top_of(cwd: str, origin: Origin) -> tuple[str, str]:
    """A folder to run `git` in, and the repository of an origin as `git` can be told it."""
    place = os.path.normpath(os.path.join(cwd, os.path.expanduser(origin.url)))
    git = Git.find(place) if os.path.isdir(place) else None
    return cwd, git.top if git is not None else origin.url


def url_of(cwd: str, origin: Origin) -> str:
    """Where another repository keeps the object of a path.

    Raises:
        UnknownTarget: the path is no tracked data, or there is no remote.
    """
    with opened(cwd, origin) as (project, inner):
        remote = project.config.remote()
        return f"{connect(project, remote, 0).url.rstrip('/')}/{_digest(project, inner, origin).object_name}"


def get_url(cwd: str, url: str, options: GetOptions, tell: Tell = silent) -> str:
    """Copy what is at a URL to where the user stands; returns the place.

    Raises:
        MissingData: nothing is there.
        RemoteError: it cannot be reached.
        DvxError: there is something at the place.
    """
    with _home(cwd) as project:
        source = UrlSource(project, url, cwd, options.fs_config, options.jobs)
        target = _target(cwd, source.name, options)
        there = source.look()
        with _incoming(cwd, target) as home:
            place = os.path.join(home.root, "data")
            source.download(there, place, tell)
            _put(place, target, force=options.force)
    return target


def list_url(cwd: str, url: str, fs_config: Mapping[str, str]) -> There:
    """What a URL holds. Raises like `get_url`."""
    with _home(cwd) as project:
        return UrlSource(project, url, cwd, fs_config).look()


def _target(cwd: str, name: str, options: GetOptions) -> str:
    target = os.path.normpath(os.path.join(cwd, options.out or name))
    if options.out and os.path.isdir(target) and not options.force:
        target = os.path.join(target, name)
    if os.path.lexists(target) and not options.force:
        shown = printable(os.path.relpath(target, cwd))
        raise DvxError(f"`{shown}` already exists", "choose another name with `-o`, or write `--force` to replace it")
    return target


def _digest(project: Project, path: str, origin: Origin) -> Digest:
    tracked = load_index(project).owner_of(path)
    content = tracked.recorded.content if tracked is not None and tracked.recorded is not None else None
    if tracked is None or content is None:
        raise UnknownTarget(f"`{printable(origin.path)}` is no tracked data", "files of Git have no URL at a remote")
    if tracked.output.path == path:
        return content.digest
    inner = path[len(tracked.output.path) + 1 :]
    entry = project.cache.read_tree(content.digest).by_path.get(inner)
    if entry is None:
        raise MissingData(f"`{printable(origin.path)}` is no file of `{tracked.output.path}`")
    return entry.digest


def _put(place: str, target: str, *, force: bool) -> None:
    """Give what is complete its name."""
    files.make_folder(os.path.dirname(target))
    if force and os.path.lexists(target):
        files.move(target, f"{place}.old")
    files.move_new(place, target)


@contextlib.contextmanager
def _home(cwd: str) -> Iterator[Project]:
    """The project that the user stands in, for its remotes; one without anything where they stand in none."""
    try:
        yield Project.find(cwd)
    except NotARepository:
        yield Project.open(cwd, NATIVE, cwd)


@contextlib.contextmanager
def _incoming(cwd: str, target: str) -> Iterator[Project]:
    """A project of nobody's, in a folder beside the target that is gone afterwards."""
    parent = os.path.join(os.path.dirname(target), _INCOMING)
    scratch = Scratch(parent)
    try:
        folder = scratch.new()
        files.make_folder(folder)
        yield replace(Project.open(folder, NATIVE, folder), cwd=cwd)
    finally:
        scratch.close()
        with contextlib.suppress(OSError):
            files.remove_folder(parent)
