"""The `.gitignore` entries of tracked paths, so that Git leaves their bytes alone."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable

from dvx.errors import UnsafePath
from dvx.model.lines import lines_of
from dvx.model.paths import parent, printable
from dvx.ops.tracked.text_files import text_of
from dvx.project import Project

_SPECIAL = "\\[]!#*?"


def ignore(project: Project, paths: Iterable[str], already: Collection[str] | None = None) -> tuple[str, ...]:
    """Make Git ignore `paths`; returns the ignore files that changed.

    `already` are those that it does ignore, as far as that is known: Git is asked where it is not given.
    """
    if project.git is None:
        return ()
    # asking Git costs more than all else when every path is named already
    wanted = [path for folder, names in _by_folder(paths).items() for path in _unnamed(project, folder, names)]
    if already is None:
        already = project.git.ignored(wanted) if wanted else ()
    changed = []
    # behind a link to a folder, Git reads the ignore file of the folder itself
    known = project.git.seen(path for path in wanted if path not in already)
    for folder, names in _by_folder(dict.fromkeys(known.values())).items():
        place = _file(folder)
        with project.lock(place):
            text = _read(project, place)
            lines = lines_of(text)
            fresh = [entry(name) for name in names if entry(name) not in lines]
            if fresh:
                if text and not text.endswith("\n"):
                    text += "\n"
                project.write(place, text + "".join(line + "\n" for line in fresh))
                changed.append(place)
    return tuple(changed)


def files_for(project: Project, paths: Collection[str]) -> list[str]:
    """The ignore files that `ignore` and `unignore` may change."""
    seen = project.git.seen(paths).values() if project.git is not None and paths else ()
    return [_file(parent(path)) for path in (*paths, *seen)]


def unignore(project: Project, paths: Iterable[str]) -> tuple[str, ...]:
    """Take the entries of `paths` out; an emptied ignore file is removed. Returns the ignore files that changed."""
    changed = []
    for folder, names in _by_folder(paths).items():
        place = _file(folder)
        with project.lock(place):
            text = _read(project, place)
            entries = {entry(name) for name in names}
            kept = "".join(line for line in re.split(r"(?<=\n)", text) if line.rstrip("\r\n") not in entries)
            if kept == text:
                continue
            if kept:
                project.write(place, kept)
            else:
                project.drop(place)
            changed.append(place)
    return tuple(changed)


def entry(name: str) -> str:
    """The line that ignores `name` in its own folder; trailing blanks are kept by a backslash."""
    escaped = "".join("\\" + character if character in _SPECIAL else character for character in name)
    if escaped.endswith(" "):
        escaped = escaped[:-1] + "\\ "
    return "/" + escaped


def _by_folder(paths: Iterable[str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for path in paths:
        grouped.setdefault(parent(path), []).append(path.rpartition("/")[2])
    return grouped


def _unnamed(project: Project, folder: str, names: Iterable[str]) -> list[str]:
    lines = frozenset(lines_of(_read(project, _file(folder))))
    return [f"{folder}/{name}" if folder else name for name in names if entry(name) not in lines]


def _file(folder: str) -> str:
    return f"{folder}/.gitignore" if folder else ".gitignore"


def _read(project: Project, place: str) -> str:
    if os.path.islink(project.abs(place)):
        raise UnsafePath(f"`{printable(place)}` is a symbolic link, which Git does not obey", "put a file in its place")
    return text_of(project, place)
