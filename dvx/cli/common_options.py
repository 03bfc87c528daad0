"""The options that stand before the command."""

from __future__ import annotations

from typing import Annotated

import typer

import dvx
from dvx.cli.session import SESSION
from dvx.cli.terminal import colour, render
from dvx.cli.terminal.colour import When

ABOUT = """Version data, run pipelines and compare experiments in Git.

Works in its own repositories (`dvx init`) and, unchanged, in DVC's.

Example: dvx add data/raw.csv
"""
MORE = """`dvx help commands` describes every command, `dvx help COMMAND` shows its options with examples, and `dvx help`
lists topics, such as `exit-codes`.
"""


def _print_version(wanted: bool) -> None:
    if wanted:
        # what works with DVC asks for its version, and reads the beginning of the line
        spoken = SESSION.get().here()[1].conforms_to
        render.data(f"{spoken} (dvx {dvx.__version__})" if spoken else dvx.__version__)
        raise typer.Exit


def _go_to(folder: str) -> None:
    if folder:
        SESSION.get().go_to(folder)


def options(
    *,
    cd: Annotated[  # noqa: ARG001  its callback acts, before an unknown command is refused
        str, typer.Option("--cd", metavar="PATH", help="Run as if dvx had been started in PATH.", callback=_go_to)
    ] = "",
    wait_for_lock: Annotated[  # noqa: ARG001  as DVC is told; dvx always does
        bool, typer.Option("--wait-for-lock", hidden=True, help="Wait for locks that others hold, as dvx always does.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors and results.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print more details.")] = False,
    color: Annotated[  # noqa: ARG001  as with `--cd`
        When, typer.Option("--color", help="When to use colors; `auto` means on a terminal only.", callback=colour.choose)
    ] = When.AUTO,
    version: Annotated[  # noqa: ARG001  its callback acts
        bool, typer.Option("--version", "-V", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """What holds for all commands; see `ABOUT`."""
    render.set_verbosity(quiet=quiet, verbose=verbose)
