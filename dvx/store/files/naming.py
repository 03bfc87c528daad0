"""Names: making, moving and removing files and folders."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import stat
import sys

from dvx.store.durable import sync_file, sync_folder
from dvx.store.files.below import remove_tree
from dvx.store.files.beside import new_folder
from dvx.store.files.folders import walk_folders
from dvx.store.files.modes import GROUP_FOLDER, is_for_group

_HERE = -100  # AT_FDCWD
_NO_REPLACE = 1


def make_folder(path: str) -> None:
    """Make a folder and its parents; an existing one is fine."""
    missing = [path]
    while missing:
        try:
            _make_one(missing[-1])
        except FileNotFoundError:
            above = os.path.dirname(missing[-1])
            if above == missing[-1]:
                raise
            if os.path.isdir(above):
                _make_one(missing.pop())  # somebody else made it meanwhile, or nothing can be made here
            else:
                missing.append(above)
        else:
            missing.pop()


def make_group_folder(path: str, *, always: bool = False) -> None:
    """Make a folder and its parents, each for its group to write to where the one above is so (`chmod g+ws`), or `always`."""
    if os.path.isdir(path):
        return
    above = os.path.dirname(path)
    make_group_folder(above, always=always)
    make_folder(path)
    if always or is_for_group(os.stat(above).st_mode):
        with contextlib.suppress(PermissionError):  # somebody else made it at the same time
            os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | GROUP_FOLDER)


def _make_one(path: str) -> None:
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def remove_folder(path: str) -> bool:
    """Remove a folder if it is empty and nothing is mounted there; tell whether it is gone."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EBUSY):
            return False
        raise
    return True


def rename(source: str, target: str) -> None:
    """Give a file or folder of the same file system another name; an existing file of that name is replaced."""
    os.replace(source, target)


def move(source: str, target: str) -> None:
    """Rename to a new name, or to that of a file. To another file system it is copied: `target` is there when that is durable."""
    make_folder(os.path.dirname(target))
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_across(source, target)


def move_new(source: str, target: str) -> None:
    """Like `move`, but to a name that nothing has; raises FileExistsError otherwise."""
    make_folder(os.path.dirname(target))
    if _rename_new(source, target):
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    move(source, target)


def move_aside(source: str, target: str) -> str:
    """Like `move_new`, to the first of the names `target`, `target.1`, `target.2`... that nothing has; returns which that is."""
    for number in itertools.count():
        name = f"{target}.{number}" if number else target
        if not os.path.lexists(name):
            with contextlib.suppress(FileExistsError):
                move_new(source, name)
                return name
    raise AssertionError


def _rename_new(source: str, target: str) -> bool:
    """`renameat2(2)` with RENAME_NOREPLACE; False where the system or the file system has no such thing."""
    import ctypes

    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    sys.audit("os.rename", source, target, -1, -1)
    if call(_HERE, os.fsencode(source), _HERE, os.fsencode(target), _NO_REPLACE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.EXDEV):
        return False
    raise OSError(code, os.strerror(code), source, None, target)


def _move_across(source: str, target: str) -> None:
    with new_folder(target) as folder:
        temp = os.path.join(folder, "content")
        if os.path.isdir(source) and not os.path.islink(source):
            _copy_tree(source, temp)
        else:
            shutil.copy2(source, temp, follow_symlinks=False)
        _make_durable(temp)
        os.replace(temp, target)
    sync_folder(os.path.dirname(target))
    remove_tree(source)


def _copy_tree(source: str, target: str) -> None:
    """Like `shutil.copytree`, which calls itself for each level."""
    made = []
    for folder, folders, names in walk_folders(source, _refuse):
        made.append((folder, target + folder[len(source) :]))
        os.mkdir(made[-1][1])
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in (*names, *links):
            shutil.copy2(os.path.join(folder, name), os.path.join(made[-1][1], name), follow_symlinks=False)
    for folder, copy in reversed(made):
        shutil.copystat(folder, copy)


def _refuse(error: OSError) -> None:
    raise error


def _make_durable(top: str) -> None:
    if os.path.islink(top):
        return
    if not os.path.isdir(top):
        sync_file(top)
    for folder, _, names in walk_folders(top):
        for place in (os.path.join(folder, name) for name in names):
            if not os.path.islink(place):
                sync_file(place)
        sync_folder(folder)


def set_time(path: str, moment: int) -> None:
    """Set when a file was modified (ns since the epoch)."""
    os.utime(path, ns=(moment, moment))


def touch(path: str) -> None:
    """Let a file count as modified now, by the clock of its file system."""
    os.utime(path)


def set_mode(path: str, mode: int) -> None:
    """Set permission bits."""
    os.chmod(path, mode)
