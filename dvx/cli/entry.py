"""Where the `dvx` command starts: importing dvx takes a moment, in which Ctrl-C shall leave no traceback."""

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the `dvx` command."""
    try:
        leave_out_the_project()
        from dvx.cli.main import main as start

        start()
    except KeyboardInterrupt:
        sys.exit(130)


def leave_out_the_project() -> None:
    """Let no module be imported from the repository that the user stands in, though `PYTHONPATH` or `python -m` say so.

    A clone could bring modules called like those that dvx loads. What is installed, dvx itself too, may lie in it.
    """
    try:
        top = _top(os.path.realpath(os.getcwd()))
    except OSError:
        return
    installed = tuple(os.path.realpath(place) for place in (sys.prefix, sys.base_prefix, os.path.join(__file__, "../../..")))
    sys.path[:] = [entry for entry in sys.path if not _below(entry, top) or any(_below(entry, place) for place in installed)]


def _top(folder: str) -> str:
    """The top of the repository around a folder, or the folder."""
    above = folder
    while not any(os.path.lexists(os.path.join(above, name)) for name in (".git", ".dvx", ".dvc")):
        parent = os.path.dirname(above)
        if parent == above:
            return folder
        above = parent
    return above


def _below(entry: str, folder: str) -> bool:
    place = os.path.realpath(entry)
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)
