"""doctor: who may read and write in dvx's folders, whose clock is wrong there, and what died and was left."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator

from dvx.config import Config
from dvx.model.dialect import DIALECTS
from dvx.model.pipelines.run import State
from dvx.model.setup.settings import Level, is_secret
from dvx.model.upkeep.doctor import Problem, ProblemKind, clock_is_off
from dvx.ops.pipelines.run_record import open_registry
from dvx.ops.stages.worker_locks import dead, is_working
from dvx.project import Project
from dvx.store import files
from dvx.store.scratch import abandoned, own_folder, release

# what Git must not see of dvx's folder
_PRIVATE = ("config.local", "tmp", "cache")
_GROUP = stat.S_IRWXG | stat.S_ISGID


def leftovers(project: Project) -> Iterator[Problem]:
    """What killed commands and workers left."""
    own = (os.path.join(project.state, *parts) for parts in (("new",), ("incoming",), ("elsewhere",), ("exps", "scratch")))
    for folder in (os.path.join(project.cache.root, "tmp"), *own):
        count = sum(1 for _ in abandoned(folder)) if os.path.isdir(folder) else 0
        if count:
            yield Problem(ProblemKind.STALE, folder, str(count))
    left = set(dead(project))
    left |= {one.worker for one in open_registry(project).experiments(State.RUNNING) if not is_working(project, one.worker)}
    if left:
        yield Problem(ProblemKind.WORKER_DEAD, str(len(left)))


def shared_cache(project: Project) -> Iterator[Problem]:
    """Folders of a cache that is shared with a group which may not write there."""
    if project.config.get("cache.shared") != "group" or not os.path.isdir(project.cache.root):
        return
    wrong = [place for place in _folders(project.cache.root) if os.stat(place).st_mode & _GROUP != _GROUP]
    if wrong:
        yield Problem(ProblemKind.GROUP_SHUT_OUT, project.cache.root, str(len(wrong)))


def secrets(config: Config) -> Iterator[Problem]:
    """Secrets that others can read: in files with loose permissions, or in the file that Git tracks."""
    for level in (Level.LOCAL, Level.GLOBAL):
        place = config.path(level)
        named = [setting for setting in config.given if setting.level is level and is_secret(setting.name, setting.value)]
        if named and os.path.exists(place) and os.stat(place).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield Problem(ProblemKind.PRIVATE_READABLE, place)
    for setting in config.given:
        if setting.level is Level.REPO and is_secret(setting.name, setting.value):
            yield Problem(ProblemKind.PRIVATE_TRACKED, str(setting.name))


def ignored(project: Project) -> Iterator[Problem]:
    """What Git would take into commits of dvx's own folder."""
    if project.git is None:
        return
    folder = project.dialect.folder
    names = [f"{folder}/{name}" for name in _PRIVATE if name != "cache" or project.cache.root == project.abs(f"{folder}/cache")]
    unseen = project.git.ignored(names)
    seen = [f"/{name.rpartition('/')[2]}" for name in names if name not in unseen]
    if seen:
        yield Problem(ProblemKind.OWN_NOT_IGNORED, f"{folder}/.gitignore", " ".join(seen))
    # what Git leaves behind when it goes to where a migration was not made yet, or is taken back
    for other in (one.folder for one in DIALECTS if one is not project.dialect):
        left = [path for name in _PRIVATE if os.path.lexists(project.abs(path := f"{other}/{name}"))]
        if left and not os.path.exists(project.abs(f"{other}/config")) and set(left) - set(project.git.ignored(left)):
            yield Problem(ProblemKind.FOLDER_LEFT, other)


def clocks(project: Project) -> Iterator[Problem]:
    """File systems whose clock is not that of this machine: by times, dvx tells whether files changed."""
    state = os.path.join(project.state, "new")
    files.make_folder(state)
    for folder in (state, project.cache.make_scratch()) if os.path.isdir(project.cache.root) else (state,):
        ahead = _ahead(folder)
        if clock_is_off(ahead):
            yield Problem(
                ProblemKind.CLOCK_OFF, os.path.dirname(folder), f"{abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}"
            )
            return


def _ahead(folder: str) -> float:
    """By how many seconds the clock that stamps files in a folder is ahead of that of this machine."""
    own, handle = own_folder(folder)
    try:
        before = time.time()
        place = os.path.join(own, "clock")
        files.write_new(place, b"", files.NEW_FILE)
        stamped, after = os.stat(place).st_mtime, time.time()
    finally:
        files.remove_tree(own)
        release(handle)
    # within the time that it took, nobody is wrong
    return stamped - after if stamped > after else min(stamped - before, 0.0)


def _folders(top: str, depth: int = 3) -> Iterator[str]:
    """The folders of a cache, but for those of processes that work right now."""
    yield top
    with os.scandir(top) as entries:
        below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    for place in below if depth and os.path.basename(top) != "tmp" else ():
        yield from _folders(place, depth - 1)
