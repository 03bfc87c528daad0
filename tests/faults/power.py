"""A power cut: of what a command changed, all that was not made durable may be undone, each change by the throw of a coin.

`watch` notes, in the process of the command, what changes names and bytes and what makes them durable; `cut` then undoes.
The file system of the model keeps a rename whole, and makes a folder durable with anything in it; else it promises nothing.
What other programs do (Git, SQLite) stays as it is: whether they do it durably is theirs to know.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.guard import place_of

_CREATING = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_RDWR | os.O_APPEND
_ONE_NAME = ("os.remove", "os.rmdir", "os.mkdir")
_TWO_NAMES = ("os.rename", "os.link", "os.symlink")


def watch(root: str, note: Callable[[str], object]) -> None:
    """Note changes below `root`, and every fsync, from now on; to be called after all else that wraps these functions."""
    from dvx.store import durable

    plain_write, plain_sync, plain_sync_file_system = os.write, os.fsync, durable._sync_file_system

    def tell(*words: object) -> None:
        note(json.dumps(words) + "\n")

    def hook(event: str, args: tuple[Any, ...]) -> None:
        names = [os.fsdecode(arg) for arg in args[:2] if isinstance(arg, str | bytes)]
        names[:1] = [place_of(event, args)] if event in ("os.remove", "os.rmdir") else names[:1]
        if not any(name.startswith(root) for name in names) or _will_fail(event, names[0]):
            return
        if event == "open" and isinstance(args[2], int) and args[2] & _CREATING:
            tell("bytes" if os.path.lexists(names[0]) else "create", names[0])
        elif event in _ONE_NAME:
            tell("names", names[0])
        elif event in _TWO_NAMES:
            tell(event.removeprefix("os."), *names)

    def write(handle: int, data: Any) -> int:
        status = os.fstat(handle)
        if stat.S_ISREG(status.st_mode) and handle > 2:
            tell("written", status.st_ino)
        return plain_write(handle, data)

    def sync(handle: int) -> None:
        plain_sync(handle)
        status = os.fstat(handle)
        is_folder = stat.S_ISDIR(status.st_mode)
        tell("folder", os.readlink(f"/proc/self/fd/{handle}")) if is_folder else tell("synced", status.st_ino)

    def sync_file_system(path: str) -> bool:
        done = plain_sync_file_system(path)
        if done:
            tell("all")
        return done

    os.write = write  # type: ignore[assignment]
    os.fsync = sync  # type: ignore[assignment]
    durable._sync_file_system = sync_file_system
    sys.addaudithook(hook)


def _will_fail(event: str, name: str) -> bool:
    return event in _ONE_NAME and os.path.lexists(name) == (event == "os.mkdir")


@dataclass(slots=True)
class _Change:
    """A change of names: where, and whether it is durable."""

    names: list[str]
    kind: str
    durable: bool = False


@dataclass(slots=True)
class _Told:
    """What the notes say: changes of names in their order, and files whose bytes are not durable, by inode and by name."""

    changes: list[_Change] = field(default_factory=list)
    inodes: set[int] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)
    synced: set[int] = field(default_factory=set)

    def take(self, word: str, *args: Any) -> None:
        """Take in one note."""
        if word == "all":
            self.changes = [_Change(one.names, one.kind, True) for one in self.changes]
            self.inodes, self.fresh, self.synced = set(), set(), set()
        elif word == "folder":
            self._make_durable(args[0])
        elif word == "written":
            self.inodes.add(args[0])
            self.synced.discard(args[0])
        elif word == "synced":
            self.inodes.discard(args[0])
            self.synced.add(args[0])
        elif word == "bytes":
            self.fresh.add(args[0])
        elif word == "link":
            # a second name brings no bytes: what was durable under the first one stays so under both
            self.changes.append(_Change([args[1]], word))
            self.fresh |= {args[1]} if args[0] in self.fresh else set()
        else:
            names = list(args[1:] if word == "symlink" else args)
            self.rename(*names) if word == "rename" else None
            self.changes.append(_Change(names, word))
            # what is removed may be a link to old bytes next time
            self.fresh = self.fresh | {*names} if word == "create" else self.fresh - {*names} if word == "names" else self.fresh

    def _make_durable(self, folder: str) -> None:
        for change in self.changes:
            here = any(os.path.dirname(name) == folder for name in change.names)
            above = any(folder == name or folder.startswith(name + "/") for name in change.names)
            change.durable = change.durable or here or above

    def rename(self, old: str, new: str) -> None:
        """What was said of names in `old` goes for those in `new`."""
        for change in self.changes:
            change.names = [_moved(name, old, new) for name in change.names]
        self.fresh = {new if name == old else _moved(name, old, new) for name in self.fresh}


def _moved(name: str, old: str, new: str) -> str:
    return new + name.removeprefix(old) if name.startswith(old + "/") else name


def cut(base: Path, trial: Path, notes: str, seed: int) -> None:
    """Undo, in the folder `trial`, some of what the notes tell and do not call durable; `base` is what it was at the start."""
    told = _Told()
    for line in notes.splitlines():
        told.take(*json.loads(line))
    chance = random.Random(seed)
    last: dict[str, bool] = {}
    for change in told.changes:
        # what came later to the same name, or into the same new folder, goes, too
        before = any(last.get(str(place)) for name in change.names for place in (name, *Path(name).parents))
        last |= dict.fromkeys(change.names, not change.durable and (before or chance.random() < 0.5))
    back: set[str] = set()
    for change in reversed(told.changes):
        old, new = change.names[0], change.names[-1]
        if change.kind == "rename" and last[old] and last[new] and _move_back(Path(old), Path(new)):
            told.rename(new, old)
            last = {_moved(name, new, old): undone for name, undone in last.items()}
            back = {old, *(_moved(name, new, old) for name in back)}
    for name in sorted(name for name, undone in last.items() if undone and name not in back):
        _undo(Path(name), base / os.path.relpath(name, trial), (f"{base}/", f"{trial}/"))
    for folder, below, names in os.walk(trial):
        # what Git writes may have inodes that were of removed files
        below[:] = [name for name in below if name != ".git"]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink() and not last.get(str(path)):
                inode = path.stat().st_ino
                if (inode in told.inodes or (str(path) in told.fresh and inode not in told.synced)) and chance.random() < 0.5:
                    _truncate(path, chance)


def _move_back(old: Path, new: Path) -> bool:
    """Undo the rename of a folder with all that is in it, as that may be nowhere else; tells whether it is a folder."""
    if not new.is_dir() or new.is_symlink() or not old.parent.is_dir():
        return False
    # what came to the old name later is undone, too
    shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink(missing_ok=True)
    new.rename(old)
    return True


def _undo(path: Path, earlier: Path, roots: tuple[str, str]) -> None:
    """Let a name be what it was earlier, below the first of the roots; links lead into the second."""
    if path.is_dir() and not path.is_symlink():
        if not earlier.is_dir():
            shutil.rmtree(path)
        return
    path.unlink(missing_ok=True)
    if not path.parent.is_dir():
        # that folder is gone durably, and all that was in it
        return
    if earlier.is_symlink():
        path.symlink_to(os.readlink(earlier).replace(*roots, 1))
    elif earlier.is_dir():
        path.mkdir(exist_ok=True)
    elif earlier.exists():
        shutil.copy2(earlier, path)


def _truncate(path: Path, chance: random.Random) -> None:
    mode = path.stat().st_mode
    path.chmod(0o600)
    os.truncate(path, chance.choice((0, path.stat().st_size // 2)))
    path.chmod(stat.S_IMODE(mode))
