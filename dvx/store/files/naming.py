"""Names: making, moving and removing files and folders."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil


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
