"""The command `dvc` that is dvx: for scripts and editors that call it by that name."""

from __future__ import annotations

import os

from dvx.errors import DvxError, UsageError
from dvx.store import files

_MARK = "# this `dvc` is dvx, put here by `dvx shim install`"


def install_shim(folder: str, python: str, *, force: bool) -> str:
    """Put a program `dvc` into a folder of programs, which calls the dvx of that Python; returns its path.

    Raises:
        DvxError: there is another `dvc`, and no `force`; or there is no such folder.
    """
    place = os.path.join(folder, "dvc")
    if not os.path.isdir(folder):
        raise DvxError(f"there is no folder `{folder}`", "name one that is on the PATH")
    if os.path.lexists(place) and not _is_ours(place) and not force:
        raise DvxError(f"`{place}` is another program", "use `--force` to replace it, or uninstall DVC there")
    text = f"#!{python}\n{_MARK}\nfrom dvx.cli.entry import main\n\nmain()\n"
    files.write_atomic(place, text.encode(), mode=files.NEW_EXECUTABLE)
    return place


def remove_shim(folder: str) -> str:
    """Take the program `dvc` away again; returns its path.

    Raises:
        UsageError: there is none of dvx's.
    """
    place = os.path.join(folder, "dvc")
    if not os.path.lexists(place) or not _is_ours(place):
        raise UsageError(f"`{place}` is none of dvx's", "`dvx shim install` puts one there")
    files.remove(place)
    return place


def _is_ours(place: str) -> bool:
    try:
        return _MARK.encode() in files.read(place)
    except OSError:
        return False
