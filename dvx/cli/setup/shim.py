"""The commands shim install and shim remove."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from dvx.cli.setup import complete
from dvx.cli.terminal import render
from dvx.errors import UsageError

FolderOption = Annotated[
    str,
    typer.Option(
        "--dir", help="Another folder of programs than that of the virtual environment.", autocompletion=complete.folders
    ),
]


def shim_install(
    *,
    folder: FolderOption = "",
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace another `dvc` there.")] = False,
) -> None:
    """Put a command `dvc` into the virtual environment that is dvx: for scripts and editors that call DVC by its name.

    Example: dvx shim install
    """
    from dvx.ops.setup.shim import install_shim

    render.note(f"`{install_shim(_folder(folder), sys.executable, force=force)}` is dvx now.")


def shim_remove(*, folder: FolderOption = "") -> None:
    """Take the command `dvc` away again.

    Example: dvx shim remove
    """
    from dvx.ops.setup.shim import remove_shim

    render.note(f"Removed `{remove_shim(_folder(folder))}`.")


def _folder(named: str) -> str:
    if named:
        return os.path.abspath(named)
    if sys.prefix == sys.base_prefix:
        raise UsageError("dvx does not run in a virtual environment", "name a folder on the PATH with `--dir`")
    return os.path.join(sys.prefix, "bin")
