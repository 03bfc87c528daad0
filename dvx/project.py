"""Project: root, dialect, configuration, Git and stores; found once, passed everywhere."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from dvx.config import Config, environment, find_root
from dvx.config.git_options import demand, refuse_powerful
from dvx.config.own import check_cache, check_own
from dvx.errors import ConfigError, NotARepository, UnsafePath, nearest
from dvx.git.places import GitPlace, is_bare, is_hidden
from dvx.git.tracking import left_out
from dvx.model.dialect import DIALECTS, NATIVE, Dialect
from dvx.model.digest import digest_bytes
from dvx.model.paths import check_path, printable
from dvx.store import files, path_locks
from dvx.store.cache import Cache
from dvx.store.durable import sync_folder
from dvx.store.stats import StatCache
from dvx.store.trash import Trash
from dvx.store.undo import UndoLog

if TYPE_CHECKING:
    from dvx.git import Git


class Project(Struct, frozen=True, dict=True):
    """One dvx (or DVC) repository. `root`, `cwd` and `state` are absolute.

    `state` holds what may be lost (statistics, journal, locks, logs) and the trash; it may not exist yet.
    `algorithm` names the hash of new content. `ask(what)` gets a secret from the user, where there is one to ask. `home` is the
    project for which a work tree of dvx's own was made: runs in it are recorded there.
    """

    root: str
    cwd: str
    dialect: Dialect
    config: Config
    cache: Cache
    stats: StatCache
    trash: Trash
    undo: UndoLog
    state: str
    algorithm: str
    ask: Callable[[str], str] | None = None
    home: Project | None = None

    @staticmethod
    def find(start: str, spoken: Dialect = NATIVE) -> Project:
        """The project that the folder `start` lies in.

        Raises:
            NotARepository: no folder from `start` upwards holds `.dvx` or `.dvc`, said in the words of the dialect `spoken`.
        """
        return Project.open(*_find(start, spoken), start)

    @staticmethod
    def find_or_plain(start: str, spoken: Dialect = NATIVE) -> Project:
        """The same; where there is none, what lies around `start`: a Git repository, or else that folder. It can be read, and
        nothing is kept of it.

        Raises:
            NotARepository: it cannot be read, or the project is left out of a sparse checkout.
        """
        from dvx.git import Git

        if find_root(start) is not None:
            return Project.find(start)
        _check_seen(start)
        demand(start, environment())
        git = Git.find(start)
        root = git.top if git is not None else start
        for dialect in DIALECTS:
            if any(os.path.exists(os.path.join(folder, dialect.pipeline)) for folder in (start, root)):
                spoken = dialect
        return Project._with(Config.load(None, spoken, environment()), root, spoken, start)

    @staticmethod
    def find_other(start: str) -> Project:
        """The project that the folder `start` lies in, maybe somebody else's: see `foreign`. Raises like `find`.

        A Git repository without a work tree is one, too, that has nothing but its commits.
        """
        if is_bare(start) and find_root(start) is None:
            return Project._bare(start)
        return Project.foreign(*_find(start))

    @staticmethod
    def _bare(folder: str) -> Project:
        from dvx.git import Git

        project = Project._with(Config.foreign(folder, NATIVE, environment()), folder, NATIVE, folder)
        place = GitPlace.bare(folder)
        refuse_powerful(place, environment())
        # nobody's own repository is found like that: a work tree can hold what looks like one
        project.__dict__["git"] = Git(place, "")
        return project

    @staticmethod
    def open(root: str, dialect: Dialect, cwd: str) -> Project:
        """The project at `root`.

        Raises:
            UnsafePath: one of dvx's own folders is a link that nobody trusted, or tracked by Git.
            ConfigError: its configuration is wrong, or asks for what nobody trusted.
        """
        check_own(root, dialect, environment())
        return Project._with(Config.load(root, dialect, environment()), root, dialect, cwd)

    @staticmethod
    def foreign(root: str, dialect: Dialect) -> Project:
        """The project of somebody else at `root`, with the harmless part of its configuration; nothing is written there.

        Raises like `open`.
        """
        if os.path.islink(os.path.join(root, dialect.folder)):
            raise UnsafePath(
                f"`{dialect.folder}` of `{printable(root)}` is a symbolic link", "dvx reads no repository through one"
            )
        return Project._with(Config.foreign(root, dialect, environment()), root, dialect, root)

    @staticmethod
    def _with(config: Config, root: str, dialect: Dialect, cwd: str) -> Project:
        state = os.path.join(root, dialect.folder, dialect.state_folder)
        place = config.get("cache.dir")
        if place:
            check_cache(root, place, config.environ)
        undo = UndoLog(os.path.join(state, "undo"))
        cache = Cache(place or os.path.join(root, dialect.folder, "cache"), group_shared=config.get("cache.shared") == "group")
        return Project(
            root=root,
            cwd=cwd,
            dialect=dialect,
            config=config,
            cache=cache,
            stats=StatCache(os.path.join(state, "stats.db")),
            trash=Trash(os.path.join(state, "trash"), undo.run),
            undo=undo,
            state=state,
            algorithm=_algorithm(config, dialect),
        )

    @cached_property
    def git(self) -> Git | None:
        """The repository around it; None without source control.

        Raises:
            ConfigError: its own configuration lets Git run programs, and the user did not agree to that.
        """
        from dvx.git import Git  # as slow to load as all the rest that `dvx status` needs

        if self.config.flag("core.no_scm", False):
            return None
        demand(self.root, self.config.environ)
        return Git.find(self.root)

    @property
    def dvc_locks(self) -> path_locks.Guarded:
        """Where DVC's own locks are, in a repository of DVC's."""
        by_links = self.config.flag("core.hardlink_lock", False)
        return path_locks.Guarded(os.path.join(self.root, self.dialect.folder), by_links)

    def abs(self, path: str) -> str:
        """The absolute form of a project path."""
        return f"{self.root}/{path}" if path else self.root

    def relative(self, typed: str) -> str:
        """The project path of what the user typed, seen from where they stand.

        Raises:
            UnsafePath: it lies outside the project, or in `.git` or dvx's own folder.
        """
        place = os.path.normpath(os.path.join(self.cwd, typed))
        folder, name = os.path.split(place)
        if not self._holds(place):
            place = os.path.join(os.path.realpath(folder), name)
        if not self._holds(place):
            raise UnsafePath(f"`{printable(typed)}` is outside the repository", f"the repository is `{printable(self.root)}`")
        path = place[len(self.root) :].strip("/").replace(os.sep, "/")
        return check_path(path) if path else ""

    def shown(self, path: str) -> str:
        """A project path as seen from where the user stands."""
        return os.path.relpath(self.abs(path), self.cwd) if self.cwd != self.root else path

    def write(self, path: str, data: str | bytes, *, mode: int | None = None) -> None:
        """Give a file of the workspace these bytes, durably and at once, so that `undo` can take it back."""
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        self.undo.writes(path, self.abs(path), data)
        files.write_atomic(self.abs(path), data, mode=mode)

    def drop(self, path: str) -> None:
        """Remove such a file, durably; a missing one is fine."""
        if os.path.lexists(self.abs(path)):
            self.undo.writes(path, self.abs(path), None)
            files.remove(self.abs(path))
            sync_folder(os.path.dirname(self.abs(path)))

    @contextlib.contextmanager
    def lock(self, name: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the short lock called `name`."""
        label = digest_bytes(name.encode("utf-8", "surrogateescape"), "md5").hex[:16]
        with contextlib.ExitStack() as held:
            if self.dialect.shares_locks:
                held.enter_context(path_locks.repository(self.dvc_locks, waiting))
            held.enter_context(files.locked(os.path.join(self.state, "locks", label), waiting))
            yield

    def close(self) -> None:
        """Write what was learned about files, and drop what a failed command left."""
        self.cache.discard()
        self.undo.close()
        if os.path.isdir(self.state):
            _ = self.trash.clock.in_doubt  # a jump is noted before the record of the last command changes
        self.stats.close()

    def _holds(self, place: str) -> bool:
        return place == self.root or place.startswith(self.root + os.sep)


def _algorithm(config: Config, dialect: Dialect) -> str:
    chosen = config.get("core.hash") or dialect.algorithm
    if chosen not in dialect.algorithms:
        raise ConfigError(
            f"`core.hash` cannot be `{chosen}`", nearest(chosen, dialect.algorithms) or f"one of {', '.join(dialect.algorithms)}"
        )
    return chosen


def _find(start: str, spoken: Dialect = NATIVE) -> tuple[str, Dialect]:
    found = find_root(start)
    if found is not None:
        return found
    _check_seen(start)
    mount = start
    while not os.path.ismount(mount) and mount != os.path.dirname(mount):
        mount = os.path.dirname(mount)
    hint = "run `dvx init` (or `dvx init --dvc`) to make one"
    raise NotARepository(spoken.no_repository.format(place=printable(start), mount=printable(mount)), hint)


def _check_seen(start: str) -> None:
    """Refuse, with a NotARepository, a folder around which a project may be that cannot be seen."""
    if is_hidden(start):
        raise NotARepository(f"`{printable(start)}` cannot be read", "ask its owner to let your group read it")
    if lacking := left_out(start, [dialect.folder for dialect in DIALECTS]):
        raise NotARepository(f"`{lacking}` is left out of this sparse checkout", f"run `git sparse-checkout add {lacking}`")
