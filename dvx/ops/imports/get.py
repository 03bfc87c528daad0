"""get, get-url, list-url: data from elsewhere that is only copied; nothing is recorded, and no project is needed."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from dvx.errors import DvxError, MissingData, NotARepository, UnknownTarget, UsageError, quoted
from dvx.model.dialect import NATIVE
from dvx.model.digest import Digest
from dvx.model.events import Tell, silent
from dvx.model.paths import printable, within
from dvx.model.setup.settings import redact
from dvx.model.tracked.origin import Origin
from dvx.model.tree import Tree
from dvx.ops.sources.repositories import Sources
from dvx.ops.sources.urls import There, UrlSource
from dvx.ops.tracked.ignore import BUILT_IN
from dvx.ops.tracked.index import load_index
from dvx.ops.transfer.fetch import bring
from dvx.ops.transfer.plans import Remotes
from dvx.project import Project
from dvx.store import files
from dvx.store.remotes.remote_objects import RemoteObjects
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
        UnknownTarget: it has no such revision, path or remote.
        DvxError: there is something at the place.
    """
    name = (
        os.path.basename(os.path.normpath(origin.path)) if origin.path.strip("/.") else os.path.basename(origin.url.rstrip("/"))
    )
    target = _target(cwd, name, options)
    with _incoming(cwd, os.path.dirname(target)) as home, Sources(home, jobs=options.jobs) as sources:
        there = sources.open(origin, as_it_is=True)
        there.demand_remote(origin.path)
        room, inner = bring(there, origin.path, sources, tell)
        _put(room.abs(inner), target, force=options.force)
    return target


@contextlib.contextmanager
def opened(cwd: str, origin: Origin) -> Iterator[tuple[Project, str]]:
    """The project in another repository that a path belongs to, and the path in it, until the end of the block.

    Raises:
        GitError: the repository cannot be read.
        UnknownTarget: it has no such revision or remote.
    """
    with _incoming(cwd) as home, Sources(home) as sources:
        there = sources.open(origin, as_it_is=True)
        there.demand_remote(origin.path)
        yield there.at(origin.path)


def url_of(cwd: str, origin: Origin) -> str:
    """Where another repository keeps the object of a path.

    Raises:
        UnknownTarget: the path is no tracked data, or there is no remote.
        MissingData: the remote does not have it, or has it only as a part of a pack.
    """
    with opened(cwd, origin) as (project, inner):
        tracked = load_index(project).owner_of(inner)
        if tracked is None or tracked.recorded is None or tracked.recorded.content is None:
            raise UnknownTarget(f"`{printable(origin.path)}` is no tracked data", "files of Git have no URL at a remote")
        objects = Remotes(project, "", 0).open(tracked.output.remote)
        digest = tracked.recorded.content.digest
        if tracked.output.path != inner:
            digest = _digest_in(objects.read_tree(digest)[0], inner[len(tracked.output.path) + 1 :], origin.path)
        _demand_alone(objects, digest, origin)
        return f"{objects.remote.url.rstrip('/')}/{digest.object_name}"


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
        with _incoming(cwd, os.path.dirname(target)) as home:
            place = os.path.join(home.root, "data")
            source.download(there, place, tell)
            _put(place, target, force=options.force)
    return target


def list_url(cwd: str, url: str, fs_config: Mapping[str, str]) -> There:
    """What a URL holds. Raises like `get_url`."""
    with _home(cwd) as project:
        return UrlSource(project, url, cwd, fs_config).look()


@contextlib.contextmanager
def nowhere() -> Iterator[str]:
    """A folder for what is to be got for a moment; it is gone afterwards."""
    with _incoming("") as home:
        yield home.root


def _target(cwd: str, name: str, options: GetOptions) -> str:
    if not name and not options.out:
        raise UsageError("what is to be got has no name of its own", "say where to put it")
    target = os.path.normpath(os.path.join(cwd, options.out or name))
    if os.path.isdir(target) and (options.out or not name):
        target = os.path.join(target, name)
    shown = printable(os.path.relpath(target, cwd))
    if os.path.lexists(target):
        if not options.force:
            raise DvxError(f"`{shown}` already exists", "choose another name, or write `--force` to replace it")
        _check_replaceable(target, cwd, shown)
    return target


def _check_replaceable(target: str, cwd: str, shown: str) -> None:
    """Refuse to replace what nobody means to: a folder with a repository or the user in it, a device."""
    if not BUILT_IN.isdisjoint(target.split(os.sep)):
        raise UsageError(f"`{shown}` is a file of Git's or dvx's own", "choose another name")
    if os.path.isdir(target) and not os.path.islink(target):
        if within(cwd, target) or not BUILT_IN.isdisjoint(os.listdir(target)):
            raise UsageError(f"`{shown}` is where you stand, or holds a repository", "choose another name")
    elif not os.path.islink(target) and not os.path.isfile(target):
        raise UsageError(f"`{shown}` is neither a file nor a folder", "choose another name")


def _digest_in(tree: Tree, inner: str, path: str) -> Digest:
    entry = tree.by_path.get(inner)
    if entry is None:
        raise MissingData(
            f"`{printable(path)}` is not a tracked file, nor a whole tracked folder", "`dvx ls` shows what there is"
        )
    return entry.digest


def _demand_alone(objects: RemoteObjects, digest: Digest, origin: Origin) -> None:
    """Refuse what does not lie at the remote by itself, so that it has no URL."""
    if not objects.remote.missing([digest.object_name]):
        return
    path, remote = printable(origin.path), objects.remote.name
    if objects.missing([digest]):
        raise MissingData(f"`{path}` is missing at the remote `{remote}`", "run `dvx push` in its repository")
    hint = f"run `dvx get {quoted(redact(origin.url))} {quoted(origin.path)}` to copy it"
    raise MissingData(f"`{path}` has no URL: the remote `{remote}` keeps it in a pack with other files", hint)


def _put(place: str, target: str, *, force: bool) -> None:
    """Give what is complete its name. What had it stays until then."""
    files.make_folder(os.path.dirname(target))
    if not force or not os.path.lexists(target):
        files.move_new(place, target)
        return
    was_folder, is_folder = (os.path.isdir(one) and not os.path.islink(one) for one in (target, place))
    if not was_folder and not is_folder:
        files.rename(place, target)
        return
    if was_folder and not is_folder:
        raise DvxError(f"`{printable(target)}` is a folder", "choose another name, or remove it yourself")
    aside = f"{target}.replaced-{secrets.token_hex(4)}"
    files.rename(target, aside)
    try:
        files.move_new(place, target)
    except BaseException:
        files.rename(aside, target)
        raise
    files.remove_tree(aside)


@contextlib.contextmanager
def _home(cwd: str) -> Iterator[Project]:
    """The project that the user stands in, for its remotes; one without anything where they stand in none."""
    try:
        yield Project.find(cwd)
    except NotARepository:
        yield Project.open(cwd, NATIVE, cwd)


@contextlib.contextmanager
def _incoming(cwd: str, parent: str = "") -> Iterator[Project]:
    """A project of nobody's that is gone afterwards: beside what is to come into the folder `parent`, or where nothing stays."""
    place = os.path.join(parent or tempfile.gettempdir(), _INCOMING if parent else f"dvx-{secrets.token_hex(8)}")
    scratch = Scratch(place)
    try:
        folder = scratch.new()
        files.make_folder(folder)
        yield replace(Project.open(folder, NATIVE, folder), cwd=cwd)
    finally:
        scratch.close()
        with contextlib.suppress(OSError):
            files.remove_folder(place)
