"""Changes of refs: tried again while others change them, and freed of the locks that a killed `git` left.

Git's lock files do not say whose they are. So the refs that a `git` of ours will lock are announced in a file that it keeps
locked as long as it lives, also when dvx is killed. What stands in the file of a dead one is removed where no `git` is at work.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from dvx.errors import GitError, RefBusy, RefMoved
from dvx.git import Git, RefChange
from dvx.git.changing import is_at_work, update_refs
from dvx.git.sharing import fetch_refs
from dvx.model.experiments.refs import EXPERIMENTS, OWN_REFS
from dvx.model.upkeep.undo_facts import Ref
from dvx.project import Project
from dvx.store import files
from dvx.store.files.locking import claimed, is_claimed
from dvx.store.reading import read_regular
from dvx.store.undo import UndoLog

_PATIENCE = 15.0
_SETTLED = 2.0
_LONG = 600.0
_PAUSE_MS = 200
_NAME = re.compile(r"[0-9a-f]{16}")
_REF = re.compile(rf"(?:{EXPERIMENTS}|{OWN_REFS})[^/\x00-\x20\x7f][^\x00-\x20\x7f]*")
_LIMIT = 1 << 20
_PACKED = "packed-refs"
_ANNOUNCED = "refs"


def git_of(project: Project) -> Git:
    """The repository that experiments are kept in; raises GitError without one."""
    if project.git is None:
        raise GitError(
            "experiments need Git, and this project is not in a Git repository", "run `git init` and commit the project first"
        )
    return project.git


def change_refs(git: Git, changes: Sequence[RefChange], log: UndoLog | None = None) -> None:
    """Change refs, all or none, each only if it still has its old value; `undo` can take back what the `log` was told of.

    Raises:
        RefMoved: one has another value by now.
        RefBusy: another process holds the lock of one all the time.
        GitError: Git refuses.
    """
    if log is not None:
        for change in changes:
            log.note(Ref(change.ref, change.old or "", change.new or ""))
    if changes:
        _patiently(git, [change.ref for change in changes], lambda inherited: update_refs(git, changes, inherited))


def hold(git: Git, ref: str, commit: str) -> None:
    """Let a ref that is named after its commit exist, whoever else makes it or lets go of it; raises like `change_refs`."""
    while git.refs(ref).get(ref) != commit:
        with contextlib.suppress(RefMoved):
            change_refs(git, [RefChange(ref, commit, None)])


def bring_refs(git: Git, remote: str, names: Mapping[str, str]) -> None:
    """Fetch refs of a remote under other names: full name there -> full name here; raises like `fetch_refs`."""
    _patiently(git, names.values(), lambda inherited: fetch_refs(git, remote, names, inherited))


def shared_folder(git: Git, name: str) -> str:
    """A folder of ours beside Git's: all work trees of a repository share its refs, and so what is known of them."""
    return os.path.join(git.place.common, "dvx", name)


def sweep_locks(git: Git) -> bool:
    """Remove the locks that dead processes of ours left; returns whether there were any."""
    folder = shared_folder(git, _ANNOUNCED)
    places = [os.path.join(folder, name) for name in files.names_in(folder, _NAME)]
    dead = [place for place in places if _is_old(place) and not is_claimed(place)]
    if not dead:
        return False
    swept = False
    for announcement in dead:
        left = _locks(git, announcement)
        for place in left:
            if _is_abandoned(git, place):
                files.remove(place)
                swept = True
        if not any(map(os.path.lexists, left)):
            files.remove(announcement)
    return swept


def _patiently(git: Git, refs: Iterable[str], change: Callable[[tuple[int, ...]], None]) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            with _announced(git, refs) as inherited:
                return change(inherited)
        except RefBusy:
            if not sweep_locks(git) and time.monotonic() > end:
                raise
        # those who wait for each other must not try in step
        time.sleep(secrets.randbelow(_PAUSE_MS) / 1000)


@contextlib.contextmanager
def _announced(git: Git, refs: Iterable[str]) -> Iterator[tuple[int, ...]]:
    """Say which refs are about to be locked by a process that gets the descriptors.

    It is a help for those who come later: where it cannot be written, refs change all the same.
    """
    place = os.path.join(shared_folder(git, _ANNOUNCED), secrets.token_hex(8))
    with contextlib.ExitStack() as held:
        inherited: tuple[int, ...] = ()
        with contextlib.suppress(OSError):
            handle = held.enter_context(claimed(place, lambda: None))
            held.callback(_withdraw, place)
            files.write_all(handle, os.fsencode("".join(f"{ref}\n" for ref in refs)))
            inherited = (handle,)
        yield inherited


def _withdraw(place: str) -> None:
    with contextlib.suppress(OSError):
        files.remove(place)


def _locks(git: Git, announcement: str) -> list[str]:
    """The locks that belong to the refs of an announcement; what else stands in it is nobody's."""
    try:
        text = os.fsdecode(read_regular(announcement, _LIMIT)[0])
    except OSError:
        return []
    refs = [line for line in text.splitlines() if _REF.fullmatch(line) and ".." not in line.split("/")]
    top = os.path.realpath(git.place.common)
    places = [os.path.join(top, f"{ref}.lock") for ref in (*refs, _PACKED)]
    return [place for place in places if os.path.realpath(os.path.dirname(place)) == os.path.dirname(place)]


def _is_abandoned(git: Git, place: str) -> bool:
    """Whether a lock is one, and nobody can be at work under it any more."""
    try:
        if not stat.S_ISREG(os.lstat(place).st_mode):
            return False
    except OSError:
        return False
    at_work = is_at_work(git.place)
    return _is_old(place, _LONG) if at_work is None else _is_old(place) and not at_work


def _is_old(place: str, seconds: float | None = None) -> bool:
    """Whether a file has been as it is for longer than `git` needs."""
    try:
        return time.time() - os.lstat(place).st_mtime > (_SETTLED if seconds is None else seconds)
    except OSError:
        return False
