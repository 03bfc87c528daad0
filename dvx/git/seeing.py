"""How Git sees paths of a work tree: links inside it followed, and nothing behind the border of another repository."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from dvx.git import process, values
from dvx.git.places import GitPlace
from dvx.model.paths import ancestors


def seen(top: str, paths: Iterable[str]) -> dict[str, str]:
    """For each path (relative to the work tree `top`) the one that Git has for it.

    Left out are those that links lead out of the work tree, and those in submodules and other repositories inside it.
    """
    folders: dict[str, str | None] = {}
    found = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder not in folders:
            folders[folder] = _real_folder(top, folder)
        real = folders[folder]
        if real is not None:
            found[path] = f"{real}/{name}" if real else name
    return found


def tracked(place: GitPlace, paths: Iterable[str]) -> set[str]:
    """Those of the paths that Git tracks, or below which it tracks a file."""
    wanted = _by_sight(place, paths)
    found = {"."}
    for portion in values.batches(wanted):
        for name in values.fields(process.ask(place, ("ls-files", "-z", "--", *portion))):
            found.update((name, *ancestors(name)))
    return {path for name, asked in wanted.items() if name in found for path in asked}


def ignored(place: GitPlace, paths: Iterable[str]) -> set[str]:
    """Those of the paths that Git ignores."""
    # a leading colon would be pathspec magic, which this command cannot turn off
    wanted = {f"./{name}": asked for name, asked in _by_sight(place, paths).items()}
    return {path for name in _ignored(place, list(wanted)) for path in wanted[name]}


def _ignored(place: GitPlace, names: list[str]) -> list[str]:
    given = b"".join(os.fsencode(name) + b"\0" for name in names)
    answer = process.run(place, ("check-ignore", "-z", "--stdin"), given, literal=False)
    if answer.code in (0, 1):
        return values.fields(answer.out)
    if "is in submodule" not in answer.error:
        raise process.failure(("check-ignore",), answer)
    # of one that is not filled nothing but this shows; it says nothing of the other paths
    return [one for name in names for one in _ignored(place, [name])] if len(names) > 1 else []


def _by_sight(place: GitPlace, paths: Iterable[str]) -> Mapping[str, list[str]]:
    """The paths by the names that Git has for them."""
    found: dict[str, list[str]] = {}
    for path, name in seen(place.top, paths).items():
        found.setdefault(name, []).append(path)
    return found


def _real_folder(top: str, folder: str) -> str | None:
    place = os.path.realpath(os.path.join(top, folder))
    real = os.path.relpath(place, top).replace(os.sep, "/")
    if real == ".." or real.startswith("../") or os.path.isabs(real):
        return None
    while place != top:
        if os.path.lexists(os.path.join(place, ".git")):
            return None
        place = os.path.dirname(place)
    return "" if real == "." else real
