"""The one door through which the file system is changed. All paths are absolute.

Names appear complete or not at all: bytes go to a temporary name first and are durable before the rename.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO

from dvx.store.durable import sync_folder

CHUNK = 1 << 20
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FICLONE = 0x40049409
_UMASK = os.umask(0o077)
os.umask(_UMASK)
NEW_FILE = 0o666 & ~_UMASK
NEW_EXECUTABLE = 0o777 & ~_UMASK
PROTECTED = 0o444


def read(path: str) -> bytes:
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def write_atomic(path: str, data: bytes, *, mode: int | None = None) -> None:
    """Give `path` these bytes, durably and at once; an existing file keeps its mode unless `mode` is given."""
    folder = os.path.dirname(path)
    make_folder(folder)
    if mode is None:
        mode = _mode_of(path)
    temp = os.path.join(folder, f".{os.path.basename(path)[:200]}.tmp")
    handle = _open_owned(temp, mode)
    try:
        os.ftruncate(handle, 0)
        write_all(handle, data)
        os.fchmod(handle, mode)
        os.fsync(handle)
        os.replace(temp, path)
    except BaseException as error:
        _give_up(temp, error, path)
        raise
    finally:
        os.close(handle)
    sync_folder(folder)


def write_new(path: str, data: bytes | memoryview, mode: int, *, durable: bool = False) -> None:
    """Create `path` with these bytes; a leftover of that name is replaced."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, mode)
    except FileExistsError:
        os.unlink(path)
        handle = os.open(path, flags, mode)
    try:
        written = os.write(handle, data)
        if written != len(data):
            write_all(handle, memoryview(data)[written:])
        if mode & _UMASK:
            os.fchmod(handle, mode)
        if durable:
            os.fsync(handle)
    except BaseException as error:
        _give_up(path, error)
        raise
    finally:
        os.close(handle)


def write_all(handle: int, data: memoryview | bytes) -> None:
    """Write all of `data` to an open file."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def create_new(path: str) -> BinaryIO:
    """Open a file that must not exist yet, for writing."""
    return open(path, "xb", buffering=0)


def open_log(path: str) -> BinaryIO:
    """Open a log to append to, unbuffered, so that a killed process leaves all it wrote."""
    make_folder(os.path.dirname(path))
    return open(path, "ab", buffering=0)


def make_folder(path: str) -> None:
    """Make a folder and its parents; an existing one is fine."""
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    except FileNotFoundError:
        make_folder(os.path.dirname(path))
        make_folder(path)


def remove(path: str) -> None:
    """Remove a file or link; a missing one is fine."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def remove_folder(path: str) -> bool:
    """Remove a folder if it is empty; tell whether it is gone."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            return False
        raise
    return True


def remove_tree(path: str) -> None:
    """Remove whatever is at `path`; links are removed, not followed."""
    if os.path.islink(path) or not os.path.isdir(path):
        remove(path)
    else:
        shutil.rmtree(path)


def rename(source: str, target: str) -> None:
    """Give a file or folder of the same file system another name; an existing file of that name is replaced."""
    os.replace(source, target)


def move(source: str, target: str) -> None:
    """Rename, or copy and remove where the two are on different file systems."""
    make_folder(os.path.dirname(target))
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.move(source, target)


def copy_file(source: str, target: str, mode: int = NEW_FILE) -> None:
    """Copy bytes to a new file, as a reflink where the file system can."""
    with open(source, "rb") as reading:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            if not _clone(reading.fileno(), handle):
                while chunk := reading.read(CHUNK):
                    write_all(handle, chunk)
            os.fchmod(handle, mode)
        except BaseException as error:
            _give_up(target, error)
            raise
        finally:
            os.close(handle)


def reflink(source: str, target: str, mode: int) -> bool:
    """Clone a file to a new name without copying bytes; False, and no new file, where that is impossible."""
    with open(source, "rb") as reading:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            cloned = _clone(reading.fileno(), handle)
            if cloned:
                os.fchmod(handle, mode)
        except BaseException as error:
            _give_up(target, error)
            raise
        finally:
            os.close(handle)
    if not cloned:
        os.unlink(target)
    return cloned


def hardlink(source: str, target: str) -> None:
    """Another name for the same file."""
    os.link(source, target)


def symlink(source: str, target: str) -> None:
    """A symbolic link at `target` that says `source`."""
    os.symlink(source, target)


def set_time(path: str, moment: int) -> None:
    """Set when a file was modified (ns since the epoch)."""
    os.utime(path, ns=(moment, moment))


def set_mode(path: str, mode: int) -> None:
    """Set permission bits."""
    os.chmod(path, mode)


def temporary(folder: str) -> str:
    """A new empty folder in `folder`; its name tells whose it is."""
    import tempfile

    make_folder(folder)
    return tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=folder)


def scratch(name: str) -> str:
    """A path for a file that belongs to no project, in the system's folder for temporary files."""
    import tempfile

    return os.path.join(tempfile.gettempdir(), name)


@contextlib.contextmanager
def locked(path: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock file that the kernel releases when the process dies; `waiting` is called once if it is held elsewhere.

    The file is never deleted, so all who wait for it wait for the same one.
    """
    import filelock

    make_folder(os.path.dirname(path))
    lock = filelock.FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        if waiting is not None:
            waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _give_up(temp: str, error: BaseException, path: str = "") -> None:
    """Remove a file that could not be written whole, and let the error say which file it is about."""
    with contextlib.suppress(OSError):
        remove(temp)
    if isinstance(error, OSError) and not isinstance(error.filename, str):
        error.filename = path or temp


def _open_owned(temp: str, mode: int) -> int:
    """Open a temporary file for this process alone.

    Its name is always the same, so that what a killed process left is used up by the next one; its lock keeps two from
    writing at once, and dies with the process.
    """
    while True:
        handle = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | _NO_FOLLOW, mode | 0o200)
        _lock_file(handle)
        if _is_same(handle, temp):
            return handle
        os.close(handle)


def _lock_file(handle: int) -> None:
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(handle, fcntl.LOCK_EX)


def _is_same(handle: int, path: str) -> bool:
    """Whether `path` still names the open file; its owner before may have renamed or removed it."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(status, os.fstat(handle))


def _mode_of(path: str) -> int:
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return NEW_FILE


def _clone(source: int, target: int) -> bool:
    try:
        import fcntl

        fcntl.ioctl(target, _FICLONE, source)
    except (ImportError, OSError):
        return False
    return True
