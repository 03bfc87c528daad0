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
        "--dir", help="Folder to install into (default: that of the virtual environment).", autocompletion=complete.folders
    ),
]


def shim_install(
    *,
    folder: FolderOption = "",
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite another `dvc` command there.")] = False,
) -> None:
    """Install a `dvc` command that runs dvx.

    It is put into the virtual environment, for scripts and editors that call `dvc`.

    Example: dvx shim install
    """
    from dvx.ops.setup.shim import install_shim

    render.note(f"`{install_shim(_folder(folder), sys.executable, force=force)}` is dvx now.")


def shim_remove(*, folder: FolderOption = "") -> None:
    """Remove the `dvc` command that runs dvx.

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
