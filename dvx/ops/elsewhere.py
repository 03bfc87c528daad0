"""Other repositories: one state of each, copied for the time of a command; or, on this machine, as its workspace is."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from dvx.config import dialect_at
from dvx.errors import ConfigError, UnknownTarget, UnsafePath, nearest
from dvx.git import Git
from dvx.git.clones import copy_revision
from dvx.model.ini import parse
from dvx.model.origin import Origin, settings_of
from dvx.model.paths import parent, printable
from dvx.model.settings import Level, Setting, parse_name, read_settings
from dvx.ops.ignore import Ignore
from dvx.ops.index import Index
from dvx.project import Project
from dvx.store import files
from dvx.store.cache import Cache
from dvx.store.scan import Found, walk
from dvx.store.scratch import Scratch
from dvx.store.stats import StatCache
from dvx.store.trash import Trash


class Elsewhere(Struct, frozen=True):
    """A state of another repository. `top` is the folder that its paths are seen from; `commit` is empty for a workspace.

    `original` is where it stands on this machine, else empty. What is fetched of others enters the cache of `home`, or, if they
    name content otherwise, one in the folder `spare`.
    """

    url: str
    top: str
    commit: str
    original: str
    settings: tuple[Setting, ...]
    home: Project
    spare: str

    def at(self, path: str) -> tuple[Project, str]:
        """The project that a path belongs to, and the path in it."""
        inner = os.path.normpath(path).replace(os.sep, "/").lstrip("/")
        inner = "" if inner == "." else inner
        if inner == ".." or inner.startswith("../"):
            raise UnknownTarget(f"`{printable(path)}` leaves the repository `{self.url}`", "paths begin at its top")
        above = inner
        while above and dialect_at(os.path.join(self.top, above)) is None:
            above = parent(above)
        root = os.path.join(self.top, above) if above else self.top
        dialect = dialect_at(root) or self.home.dialect
        project = Project.open(root, dialect, root)
        if self.original and self.original != self.top:
            # relative paths in its configuration lead from where it stands
            place = os.path.join(self.original, above) if above else self.original
            if dialect_at(place) is dialect:
                origin = Project.open(place, dialect, place)
                project = replace(project, config=origin.config, cache=origin.cache, algorithm=origin.algorithm)
        elif not self.original:
            alike = project.algorithm == self.home.algorithm
            project = replace(project, cache=self.home.cache if alike else Cache(self.spare))
        project = replace(project, config=project.config.adding(_named(project, self.settings)))
        return project, inner[len(above) :].strip("/")

    def demand(self, room: Project, inner: str, path: str) -> None:
        """Refuse a path at which the repository had nothing; raises UnknownTarget."""
        if os.path.lexists(room.abs(inner)):
            return
        folder = os.path.dirname(os.path.join(self.top, path))
        known = os.listdir(folder) if os.path.isdir(folder) else []
        hint = nearest(os.path.basename(path), known) or f"run `dvx ls {self.url}` to see what is there"
        raise UnknownTarget(f"`{self.url}` has no `{printable(path)}`", hint)


class Sources:
    """Other repositories, each state copied once; to be used in a `with` block, whose end removes the copies.

    `project` is where data goes: fetched objects enter its cache if it names content alike.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._scratch = Scratch(os.path.join(project.state, "elsewhere"))
        self._opened: dict[tuple[str, str], tuple[str, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.close()

    def new(self) -> str:
        """A folder of one's own, until the end."""
        folder = self._scratch.new()
        files.make_folder(folder)
        return folder

    def open(self, origin: Origin, pointer: str = "", *, pinned: bool = False, as_it_is: bool = False) -> Elsewhere:
        """A state of the repository that `origin` names: of its commit if `pinned`, else of its revision.

        A relative URL is seen from the folder of the `pointer`, or from where the user stands. With `as_it_is` one on this
        machine is taken with its uncommitted changes, if no revision is named.

        Raises:
            GitError: it cannot be read.
            UnknownTarget: it has no such revision.
        """
        base = os.path.dirname(self._project.abs(pointer)) if pointer else self._project.cwd
        place = os.path.normpath(os.path.join(base, os.path.expanduser(origin.url)))
        local = place if os.path.isdir(place) else ""
        rev = origin.commit if pinned and origin.commit else origin.rev
        if local and as_it_is and not rev:
            top, commit = local, ""
        else:
            top, commit = self._copy(local or origin.url, rev)
        return Elsewhere(
            url=origin.url,
            top=top,
            commit=commit,
            original=local,
            settings=self._settings(origin, base),
            home=self._project,
            spare=self._scratch.new(),
        )

    def _copy(self, url: str, rev: str) -> tuple[str, str]:
        """The folder with a state of a repository, and its commit; a project in a part of a repository is seen from there."""
        below = ""
        git = Git.find(url) if os.path.isdir(url) else None
        if git is not None:
            url, below = git.top, git.prefix
        if (url, rev) not in self._opened:
            folder = self.new()
            files.make_folder(os.path.join(folder, ".git"))
            self._opened[url, rev] = (folder, copy_revision(url, rev, folder))
        folder, commit = self._opened[url, rev]
        return os.path.join(folder, below).rstrip(os.sep), commit

    def _settings(self, origin: Origin, base: str) -> tuple[Setting, ...]:
        found: list[Setting] = []
        if isinstance(origin.config, str) and origin.config:
            place = os.path.join(base, origin.config)
            try:
                text = files.read(place).decode()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"the configuration `{origin.config}` cannot be read: {error}", "check `--config`") from None
            found += read_settings(parse(text, origin.config), Level.REPO, origin.config)
        for name, value in settings_of(origin):
            # the name of the default remote is known when the project is
            full = parse_name(name.replace("remote..", "remote.\0."))
            found.append(Setting(full, value, Level.REPO, "the options of the import"))
        return tuple(found)


def room_of(project: Project, root: str) -> Project:
    """The project with another folder for its workspace, in which nothing is known yet."""
    state = os.path.join(root, project.dialect.folder, project.dialect.state_folder)
    return replace(
        project,
        root=root,
        cwd=root,
        stats=StatCache(os.path.join(state, "stats.db")),
        trash=Trash(os.path.join(state, "trash")),
        state=state,
    )


def copy_files(source: Project, index: Index, path: str, room: Project) -> None:
    """Copy the files at a path that are no tracked data, and not what tracks it."""
    place = source.abs(path)
    if not _is_inside(place, source.root):
        raise UnsafePath(f"`{printable(path)}` is behind a link that leaves its repository", "import what it leads to")
    if not os.path.isdir(place):
        found: Iterable[Found] = [Found(path, place, os.stat(place))] if os.path.isfile(place) else []
    else:
        found = walk(place, path, source.root, Ignore(source).skip)
    own = (source.dialect.pipeline, source.dialect.ignore)
    for one in found:
        name = one.path.rpartition("/")[2]
        tracked = index.owner_of(one.path)
        if (tracked is not None and tracked.output.cached) or name in own or one.path in index.pointers:
            continue
        target = room.abs(one.path)
        files.make_folder(os.path.dirname(target))
        files.copy_file(one.place, target, files.NEW_EXECUTABLE if one.status.st_mode & 0o100 else files.NEW_FILE)


def _is_inside(place: str, root: str) -> bool:
    real, top = os.path.realpath(place), os.path.realpath(root)
    return real == top or real.startswith(top + os.sep)


def _named(project: Project, settings: Iterable[Setting]) -> list[Setting]:
    """Settings of the default remote under its name."""
    default = project.config.get("core.remote") or ""
    return [replace(one, name=replace(one.name, name=default)) if one.name.name == "\0" else one for one in settings]
