"""Tables that are wider than the terminal, shown in the pager that the user gave Git; never in one that a repository names."""

from __future__ import annotations

import os
import sys

from dvx.cli.terminal import colour, screen
from dvx.config.places import environment
from dvx.git import Git, process
from dvx.shell.apart import show_in

_NONE = frozenset({"", "cat"})


def show(git: Git, text: str) -> None:
    """Lines on stdout: in a pager where a person would see them wrapped."""
    is_watched = colour.is_lively(sys.stdout) and sys.stdin.isatty()
    width = os.get_terminal_size(sys.stdout.fileno()).columns if is_watched else 0
    pager = _pager(git) if width and any(len(line) > width for line in text.split("\n")) else ""
    if pager in _NONE or not screen.hand_over(text, lambda shown: show_in(pager, shown, environment())):
        screen.block(text)


def _pager(git: Git) -> str:
    """As Git decides, but for what the repository's own configuration says."""
    variables = environment()
    found = variables.get("GIT_PAGER")
    for scope in ("--global", "--system"):
        if found is None:
            answer = process.run(git.place, ("config", scope, "--get", "core.pager"))
            found = answer.out.decode("utf-8", "surrogateescape").rstrip("\n") if answer.code == 0 else None
    pager = variables.get("PAGER", "less") if found is None else found
    # lines go on to the right, and one screen of such is not all
    return f"{pager} -S -+F" if pager.strip().split(" ")[0].rpartition("/")[2] == "less" else pager
