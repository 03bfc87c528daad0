"""WriteGuard: an audit hook that refuses writes of this process outside the folders it is given."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# events of `sys.addaudithook` that change names: which of their arguments are the paths
_CHANGING = {
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.utime": (0,),
    "sqlite3.connect": (0,),
}


def place_of(event: str, args: tuple[Any, ...]) -> str:
    """What is removed: its name may be relative to the folder of a descriptor."""
    name = os.fsdecode(args[0])
    if event not in ("os.remove", "os.rmdir") or os.path.isabs(name) or args[1] < 0:
        return name
    return os.path.join(os.readlink(f"/proc/self/fd/{args[1]}"), name)


class WriteOutside(AssertionError):
    """A test tried to change a file that is not its own."""


class WriteGuard:
    """Allows changes below `folders` and of Python's own byte code; audit hooks cannot be removed, hence `active`."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.active = True
        self._folders = tuple(os.path.realpath(folder) for folder in folders)

    @classmethod
    def install(cls, folders: Iterable[Path]) -> WriteGuard:
        """Guard this process from now on."""
        guard = cls(folders)
        sys.addaudithook(guard)
        return guard

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """Called by the interpreter before each audited action."""
        if not self.active:
            return
        if event == "open":
            path, _, flags = args
            if isinstance(flags, int) and flags & _WRITING:
                self._check(path, follow=True)
        elif event in ("os.remove", "os.rmdir") and isinstance(args[0], str | bytes):
            self._check(place_of(event, args))
        elif event in _CHANGING:
            for index in _CHANGING[event]:
                self._check(args[index])

    def _check(self, path: object, *, follow: bool = False) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        name = os.path.abspath(os.fsdecode(path))
        real = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
        if follow:
            real = os.path.realpath(real)
        if "__pycache__" in real or any(real == folder or real.startswith(folder + os.sep) for folder in self._folders):
            return
        raise WriteOutside(f"a test writes outside its folder: {real}")
