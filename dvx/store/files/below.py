"""Below: removing and reading by directory descriptors.

What is below a folder that was opened is reached through it, whatever its name leads to by then: no link is followed, and nothing
that is mounted there is touched.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence

_DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_DIRECTORY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | os.O_CLOEXEC | _NO_FOLLOW
_BY_DESCRIPTOR = os.open in os.supports_dir_fd
_NOTE_BYTES = 16 << 20


def remove(path: str) -> None:
    """Remove a file or link; a missing one is fine."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def remove_tree(path: str) -> None:
    """Remove whatever is at `path`; links are removed, not followed.

    Raises:
        OSError: something cannot be removed, or is mounted from elsewhere.
    """
    remove_below(*os.path.split(path))


def remove_below(folder: str, *names: str) -> None:
    """The same for what lies below a folder; raises also where one of the names on the way is a link."""
    path = os.path.join(folder, *names)
    while os.path.isdir(path) and not os.path.islink(path):
        # somebody else may be removing it too
        with contextlib.suppress(FileNotFoundError):
            if not _BY_DESCRIPTOR:
                shutil.rmtree(path)
                continue
            with _opened(folder, names[:-1]) as handle:
                _Removal(handle, os.path.dirname(path)).remove(names[-1])
    with contextlib.suppress(FileNotFoundError), _opened(folder, names[:-1]) as handle:
        os.unlink(names[-1], dir_fd=handle)


def names_in(folder: str, form: re.Pattern[str]) -> list[str]:
    """The names in a folder that have this form, sorted: what has another is not ours. None in one that is not there."""
    try:
        return sorted(name for name in os.listdir(folder) if form.fullmatch(name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_below(folder: str, *names: str) -> bytes:
    """The bytes of a small file of ours.

    Raises:
        FileNotFoundError: there is none.
        OSError: it is a link, or reached by one; it is no file, or too large to be ours.
    """
    with _opened(folder, names[:-1]) as above:
        # what is no file may keep us waiting for ever
        handle = os.open(names[-1], _READ | getattr(os, "O_NONBLOCK", 0), dir_fd=above)
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _NOTE_BYTES:
            raise OSError(errno.EINVAL, "it is not a small file", os.path.join(folder, *names))
        return file.read()


def read_note(path: str) -> bytes:
    """The same for a path whose folder was checked."""
    return read_below(*os.path.split(path))


@contextlib.contextmanager
def _opened(folder: str, names: Sequence[str]) -> Iterator[int]:
    """A descriptor of a folder, and from there on of none that is reached by a link."""
    handle = os.open(folder or ".", _DIRECTORY)
    try:
        for name in names:
            handle = _instead(handle, os.open(name, _DIRECTORY | _NO_FOLLOW, dir_fd=handle))
        yield handle
    finally:
        os.close(handle)


class _Removal:
    """Goes down and up again with two descriptors, however deep the folders are."""

    def __init__(self, top: int, place: str) -> None:
        self._top = top
        self._mount = _mount_of(top)
        self._path = [place]
        self._above: list[tuple[os.stat_result, list[str]]] = []

    def remove(self, name: str) -> None:
        """Remove the folder `name` of the one where this began."""
        here = self._enter(self._top, name)
        try:
            left = _clear(here)
            while left or self._above:
                if left:
                    below = self._enter(here, left.pop())
                    self._above.append((os.fstat(here), left))
                    here = _instead(here, below)
                    left = _clear(here)
                else:
                    status, left = self._above.pop()
                    above = os.open("..", _DIRECTORY, dir_fd=here)
                    here = _instead(here, above)
                    if not os.path.samestat(os.fstat(here), status):
                        raise OSError(errno.ESTALE, "it was moved while it was removed", os.path.join(*self._path))
                    os.rmdir(self._path.pop(), dir_fd=here)
        finally:
            os.close(here)
        os.rmdir(name, dir_fd=self._top)

    def _enter(self, folder: int, name: str) -> int:
        handle = os.open(name, _DIRECTORY | _NO_FOLLOW, dir_fd=folder)
        self._path.append(name)
        if _mount_of(handle) != self._mount:
            os.close(handle)
            raise OSError(errno.EBUSY, "something is mounted there, and stays", os.path.join(*self._path))
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            with contextlib.suppress(OSError):
                os.fchmod(handle, mode | stat.S_IRWXU)
        return handle


def _instead(one: int, other: int) -> int:
    os.close(one)
    return other


def _clear(folder: int) -> list[str]:
    """Remove all but the folders in a folder; returns their names."""
    with os.scandir(folder) as entries:
        known = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in known:
        if not is_folder:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in known if is_folder]


def _mount_of(handle: int) -> str | int:
    """What tells mounts apart; a part of a file system that is mounted again has the same device (source: proc_pid_fdinfo(5))."""
    try:
        with open(f"/proc/self/fdinfo/{handle}", encoding="ascii") as facts:
            found = [line for line in facts if line.startswith("mnt_id")]
    except OSError:
        found = []
    return found[0] if found else os.fstat(handle).st_dev
