"""Submodules: which one a path lies in, and their files in work trees of experiments."""

from __future__ import annotations

import os
from collections.abc import Iterator

from msgspec.structs import replace

from dvx.git import process, values
from dvx.git.places import GitPlace, find_place
from dvx.git.repository import Git
from dvx.model.paths import ancestors

_SUBMODULE = "160000"


def submodule_of(git: Git, path: str) -> str:
    """The submodule that a path of the project lies in, relative to the project too; empty if it lies in none."""
    above = list(ancestors(path))
    names = {git.full(folder): folder for folder in above}
    return next((names[name] for name, _ in _submodules(git.place, "", *names) if name in names), "") if names else ""


def fill_submodules(git: Git, folder: str, scratch: str) -> list[str]:
    """Give the submodules of the work tree at `folder` the files of the commits that its index names.

    The objects are those of the same submodules of `git`; nothing else of them counts, above all no configuration.
    `scratch` is a file that does not exist. Returns the submodules whose commit is not there.
    """
    place = find_place(folder)
    return [] if place is None else list(_fill(git.top, place, "", scratch))


def _fill(source: str, target: GitPlace, index: str, scratch: str) -> Iterator[str]:
    for path, commit in list(_submodules(target, index)):
        known = find_place(os.path.join(source, path))
        if known is None or known.top != os.path.realpath(os.path.join(source, path)):
            # not filled in the workspace either
            continue
        inner = replace(target, top=os.path.join(target.top, path), objects=os.path.join(known.common, "objects"))
        if process.run(inner, ("read-tree", "--reset", "-u", commit), index=scratch).code:
            yield path
        else:
            yield from (f"{path}/{name}" for name in _fill(known.top, inner, scratch, f"{scratch}-"))


def _submodules(place: GitPlace, index: str, *paths: str) -> Iterator[tuple[str, str]]:
    """The submodules that an index has: path and commit."""
    for row in values.fields(process.ask(place, ("ls-files", "--stage", "-z", "--", *paths), index=index)):
        facts, _, path = row.partition("\t")
        mode, commit, _ = facts.split()
        if mode == _SUBMODULE:
            yield path, commit
