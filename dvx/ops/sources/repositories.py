"""Other repositories: one state of each, copied for the time of a command; or, on this machine, as its workspace is."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from dvx.config import cache_place, dialect_at, is_harmless
from dvx.errors import ConfigError, UnknownTarget, UnsafePath, nearest
from dvx.git import Git
from dvx.git.clones import copy_revision, tip
from dvx.git.places import is_bare
from dvx.model.dialect import Dialect
from dvx.model.paths import parent, printable
from dvx.model.setup.ini import parse
from dvx.model.setup.settings import Level, OptionName, Setting, is_path, read_settings, redact
from dvx.model.tracked.origin import Origin, is_elsewhere, settings_of
from dvx.ops.tracked.ignore import BUILT_IN
from dvx.project import Project
from dvx.store import files
from dvx.store.cache import Cache
from dvx.store.reading import read_regular
from dvx.store.scratch import Scratch
from dvx.store.stats import StatCache
from dvx.store.trash import Trash
from dvx.store.undo import UndoLog

_LARGEST = 1 << 20


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
        """The project that a path belongs to, and the path in it. Nothing is ever written below `top`.

        Raises:
            UnknownTarget, UnsafePath: the path leaves the repository, or lies in a folder of Git's or dvx's own.
        """
        inner = os.path.normpath(path).replace(os.sep, "/").lstrip("/")
        inner = "" if inner == "." else inner
        shown = printable(path)
        if inner == ".." or inner.startswith("../"):
            raise UnknownTarget(f"`{shown}` leaves the repository `{redact(self.url)}`", "paths begin at its top")
        if not BUILT_IN.isdisjoint(inner.split("/")):
            raise UnsafePath(f"`{shown}` lies in a folder of Git's or dvx's own", "name data, or a file of Git")
        if not _is_inside(os.path.join(self.top, inner), self.top):
            raise UnsafePath(f"`{shown}` is behind a link that leaves its repository", "import what it leads to")
        above = inner
        while above and dialect_at(os.path.join(self.top, above)) is None:
            above = parent(above)
        root = os.path.join(self.top, above) if above else self.top
        dialect = dialect_at(root) or self.home.dialect
        project = self._opened(root, above, dialect)
        project = replace(project, config=project.config.adding(_named(project, self.settings)))
        return project, inner[len(above) :].strip("/")

    def _opened(self, root: str, above: str, dialect: Dialect) -> Project:
        """The project at `root`, with what is harmless of its configuration, as paths in that are meant where it stands."""
        project = Project.foreign(self._original(above, dialect) or root, dialect)
        alike = project.algorithm == self.home.algorithm
        cache = self.home.cache if alike else Cache(os.path.join(self.spare, "cache"))
        # its links would lead into a cache that may be gone soon
        config = project.config.adding([Setting(OptionName("cache", "", "type"), "reflink,copy", Level.REPO, "")])
        project = replace(project, root=root, cwd=root, cache=cache, config=config)
        return _apart(project, os.path.join(self.spare, "state"))

    def _original(self, above: str, dialect: Dialect) -> str:
        """Where a project in it stands on this machine; empty if it does not."""
        place = os.path.join(self.original, above).rstrip(os.sep) if self.original else ""
        return place if place and dialect_at(place) is dialect else ""

    def original_of(self, project: Project) -> Project | None:
        """The project where it stands on this machine, whose cache may have what is needed; None if it does not."""
        below = os.path.relpath(project.root, self.top)
        place = self._original("" if below == "." else below, project.dialect)
        if not place:
            return None
        original = Project.foreign(place, project.dialect)
        cache = cache_place(place, project.dialect, project.config.environ)
        return replace(original, cache=Cache(cache)) if cache else original

    def demand_remote(self, path: str) -> None:
        """Refuse a remote that was named and that the project of `path` has not, be it needed or not; raises UnknownTarget."""
        name = next((str(one.value) for one in self.settings if (one.name.section, one.name.option) == ("core", "remote")), "")
        known = self.at(path)[0].config.remotes() if name else ()
        if name and name.lower() not in known:
            hint = nearest(name, known) or ("it has " + ", ".join(f"`{one}`" for one in known) if known else "it has no remotes")
            raise UnknownTarget(f"`{redact(self.url)}` has no remote `{printable(name)}`", hint)

    def demand(self, room: Project, inner: str, path: str) -> None:
        """Refuse a path at which the repository had nothing; raises UnknownTarget."""
        if os.path.lexists(room.abs(inner)):
            return
        folder = os.path.dirname(os.path.join(self.top, path.lstrip("/")))
        known = [name for name in (os.listdir(folder) if os.path.isdir(folder) else []) if name != os.path.basename(path)]
        url = redact(self.url)
        hint = nearest(os.path.basename(path), known) or f"run `dvx ls {url}` to see what is there"
        raise UnknownTarget(f"`{url}` has no `{printable(path)}`", hint)


class Sources:
    """Other repositories, each state copied once; to be used in a `with` block, whose end removes the copies.

    `project` is where data goes: fetched objects enter its cache if it names content alike. If it is a copy itself, relative
    URLs in its pointers are seen from `root`, where it stands. `jobs` is how many objects come at once; 0 leaves it to dvx.
    """

    def __init__(self, project: Project, root: str = "", jobs: int = 0) -> None:
        self.jobs = jobs
        self._project = project
        self._root = root or project.root
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
        machine is taken as its workspace is, tracked data as its pointers say, if no revision is named.

        Raises:
            GitError: it cannot be read.
            UnknownTarget: it has no such revision.
        """
        base = os.path.dirname(os.path.join(self._root, pointer)) if pointer else self._project.cwd
        local = place_of(origin.url, base)
        rev = origin.commit if pinned and origin.commit else origin.rev
        if local and as_it_is and not rev and not is_bare(local):
            top, commit = local, ""
        else:
            top, commit = self._copy(local or origin.url, rev)
        return Elsewhere(
            url=origin.url,
            top=top,
            commit=commit,
            original=local,
            settings=self._settings(origin, base, typed=as_it_is),
            home=self._project,
            spare=self.new(),
        )

    def _copy(self, url: str, rev: str) -> tuple[str, str]:
        """The folder with a state of a repository, and its commit; a project in a part of a repository is seen from there."""
        url, below = _top_of(url)
        if (url, rev) not in self._opened:
            folder = self.new()
            files.make_folder(os.path.join(folder, ".git"))
            self._opened[url, rev] = (folder, copy_revision(url, rev, folder))
        folder, commit = self._opened[url, rev]
        return os.path.join(folder, below).rstrip(os.sep), commit

    def _settings(self, origin: Origin, base: str, *, typed: bool) -> tuple[Setting, ...]:
        """The settings that an origin brings along; what is not just `typed` stands in a file that others may have written."""
        found: list[Setting] = []
        if isinstance(origin.config, str) and origin.config:
            place = os.path.join(base, origin.config)
            try:
                text = read_regular(place, _LARGEST)[0].decode()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"the configuration `{origin.config}` cannot be read: {error}", "check `--config`") from None
            given = read_settings(parse(text, origin.config), Level.REPO, origin.config)
            found += [_by_hand(one, os.path.dirname(place)) for one in given] if typed else given
        named = [Setting(name, value, Level.REPO, "the options of the import") for name, value in settings_of(origin).items()]
        found += [_by_hand(one, base) for one in named] if typed else named
        powerful = next((one for one in found if not typed and not is_harmless(one)), None)
        if powerful is not None:
            text = f"`{powerful.name.option}` cannot be set for an import, as it would hold for everybody"
            raise ConfigError(text, "set it in the other repository's or your own configuration")
        return tuple(found)


def place_of(url: str, base: str) -> str:
    """The folder on this machine that a URL means, seen from the folder `base`; empty if it means none."""
    place = os.path.normpath(os.path.join(base, os.path.expanduser(url)))
    return place if url and "://" not in url and os.path.isdir(place) else ""


def repository_of(url: str, base: str) -> str:
    """A repository as `git` can be told it from anywhere, seen from the folder `base`: its top for a folder in it."""
    place = place_of(url, base)
    if not place and "://" not in url and not is_elsewhere(url):
        place = os.path.normpath(os.path.join(base, url))
    return _top_of(place or url)[0]


def tip_of(project: Project, origin: Origin, file: str) -> str:
    """The commit that `origin` names now, if it can be asked for alone, else empty. A relative URL is seen from the folder of
    `file`; raises GitError.
    """
    if project.git is None:
        return ""
    return tip(project.git.place, repository_of(origin.url, os.path.dirname(project.abs(file))), origin.rev)


def room_of(project: Project, folder: str) -> Project:
    """The project with another, empty workspace: a folder in `folder`, beside which it keeps what it learns of it."""
    room = replace(project, root=os.path.join(folder, "data"), cwd=os.path.join(folder, "data"))
    files.make_folder(room.root)
    return _apart(room, os.path.join(folder, "state"))


def sharing(project: Project, room: Project) -> Project:
    """The project with the workspace of `room`."""
    return replace(project, root=room.root, cwd=room.root, state=room.state, stats=room.stats, trash=room.trash, undo=room.undo)


def _apart(project: Project, state: str) -> Project:
    undo = UndoLog(os.path.join(state, "undo"))
    stats, trash = StatCache(os.path.join(state, "stats.db")), Trash(os.path.join(state, "trash"), undo.run)
    return replace(project, state=state, stats=stats, trash=trash, undo=undo)


def _top_of(url: str) -> tuple[str, str]:
    """A repository's URL, and the folder in it, for what may be a folder in a repository on this machine."""
    git = Git.find(url) if os.path.isabs(url) and os.path.isdir(url) and not is_bare(url) else None
    return (url, "") if git is None else (git.top, git.prefix)


def _by_hand(setting: Setting, folder: str) -> Setting:
    """A setting that the user typed, or whose file they named; a path in it is seen from `folder`."""
    place = os.path.join(folder, os.path.expanduser(setting.text)) if is_path(setting) else setting.value
    return replace(setting, value=place, level=Level.ENVIRONMENT)


def _is_inside(place: str, root: str) -> bool:
    real, top = os.path.realpath(place), os.path.realpath(root)
    return real == top or real.startswith(top + os.sep)


def _named(project: Project, settings: Iterable[Setting]) -> list[Setting]:
    """The settings, those of the default remote under its name: it is known only when the project is."""
    default = project.config.get("core.remote") or ""
    nameless = [one for one in settings if one.name.section == "remote" and not one.name.name]
    if nameless and not default:
        raise ConfigError("the other repository has no default remote", "name one of its remotes with `--remote`")
    return [replace(one, name=replace(one.name, name=default)) if one in nameless else one for one in settings]
