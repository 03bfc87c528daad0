"""The command completion: the script that lets a shell complete dvx's commands."""

from __future__ import annotations

from typing import Annotated

import typer

from dvx.cli import render
from dvx.errors import UsageError, nearest

SHELLS = ("bash", "zsh", "fish")


def _shells(incomplete: str) -> list[str]:
    return [shell for shell in SHELLS if shell.startswith(incomplete)]


def completion(
    shell: Annotated[str, typer.Argument(help="bash, zsh or fish.", autocompletion=_shells, show_default=False)] = "",
    *,
    named: Annotated[
        str, typer.Option("--shell", "-s", help="The same, as DVC writes it; bash by default.", autocompletion=_shells)
    ] = "",
) -> None:
    """Print the script that completes commands, options, tracked paths, stages, remotes and revisions after Tab.

    Put it where your shell looks: for zsh as `_dvx` into a folder of `$fpath`, for fish as `dvx.fish` into
    `~/.config/fish/completions`; bash reads it by `source`.

    Example: dvx completion zsh > ~/.zfunc/_dvx
    """
    from typer._completion_shared import get_completion_script

    chosen = shell or named or SHELLS[0]
    if shell and named and shell != named:
        raise UsageError("two shells are named", "name one")
    if chosen not in SHELLS:
        raise UsageError(f"there is no completion for `{chosen}`", nearest(chosen, SHELLS) or f"one of {', '.join(SHELLS)}")
    render.data(get_completion_script(prog_name="dvx", complete_var="_DVX_COMPLETE", shell=chosen))
