"""Looks for texts in the history."""

from __future__ import annotations

from dvx.git import process, values
from dvx.git.repository import Git

_ALONE = ("--no-show-signature", "--no-textconv", "--no-ext-diff")


def first_with(git: Git, text: str, path: str) -> str:
    """The oldest commit of branches, tags and experiments that brought a text into a file of the project; empty if none did."""
    found = ("log", "--all", "--format=%H", "--reverse", *_ALONE, f"-S{text}", "HEAD", "--", git.full(path))
    answer = process.run(git.place, found)
    return values.text(answer.out).partition("\n")[0] if answer.code == 0 else ""
