"""status of imports: whether their sources hold something else by now than what was recorded.

Sources on this machine are looked at; who wants to know more lets other machines be asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import Enum

from msgspec.structs import replace

from dvx.errors import DvxError, MissingData
from dvx.git.clones import tip
from dvx.git.places import GitPlace
from dvx.model.events import Notice, Tell, silent
from dvx.model.pipelines.stage import is_url
from dvx.model.tracked.origin import Origin, import_of, is_elsewhere
from dvx.model.tracked.pointer import Pointer
from dvx.ops.imports.records import agree, recorded_source
from dvx.ops.sources.downloads import source_of
from dvx.ops.sources.repositories import repository_of
from dvx.ops.workspace.observe import look
from dvx.project import Project
from dvx.store.remotes.crowd import each
from dvx.store.stats import StatCache

_AT_ONCE = 8
_NEWER = "update available"


class Ask(Enum):
    """Which repositories are asked for updates of what was imported from them: none, those on this machine, or all."""

    NONE = "none"
    HERE = "here"
    ALL = "all"


def source_states(project: Project, pointers: Iterable[Pointer], ask: Ask, tell: Tell) -> dict[str, tuple[str, str]]:
    """What is to be said of the sources of imports: its name and its state, by the path of the pointer.

    That of a frozen import from a URL or path is not looked at, as it stands for what it was, unless it records versions.
    """
    found: dict[str, tuple[str, str]] = {}
    origins: dict[str, Origin] = {}
    for pointer in pointers:
        origin = import_of(pointer)
        if origin is not None and origin.commit:
            origins[pointer.path] = origin
        elif origin is None and pointer.deps and "db" not in pointer.deps[0].extras:
            state = _of_url(project, pointer, ask, tell)
            found |= {pointer.path: state} if state[1] else {}
    return found | _of_repositories(project, origins, ask, tell)


def _of_repositories(project: Project, origins: dict[str, Origin], ask: Ask, tell: Tell) -> dict[str, tuple[str, str]]:
    wanted = {
        path: (repository_of(origin.url, os.path.dirname(project.abs(path))), origin.rev) for path, origin in origins.items()
    }
    asked = [one for one in dict.fromkeys(wanted.values()) if ask is Ask.ALL or (ask is Ask.HERE and not is_elsewhere(one[0]))]
    place = project.git.place if asked and project.git is not None else GitPlace(project.root, project.root, project.root)

    def look_up(one: tuple[str, str]) -> str | DvxError:
        try:
            return tip(place, *one)
        except DvxError as error:
            return error

    tips = dict(zip(asked, each(look_up, asked, _AT_ONCE), strict=True))
    for error in {answer.message: answer for answer in tips.values() if isinstance(answer, DvxError)}.values():
        tell(_unknown(error))
    return {
        path: (f"{origin.path} ({origin.url})", _NEWER)
        for path, origin in origins.items()
        if isinstance(commit := tips.get(wanted[path], ""), str) and commit and commit != origin.commit
    }


def _of_url(project: Project, pointer: Pointer, ask: Ask, tell: Tell) -> tuple[str, str]:
    dep = pointer.deps[0]
    if not is_url(dep.path):
        return ("", "") if pointer.frozen else _of_path(project, pointer)
    options = dep.extras.get("fs_config")
    versioned = "version_id" in dep.extras or (isinstance(options, dict) and options.get("version_aware") is True)
    if ask is not Ask.ALL or (pointer.frozen and not versioned):
        return dep.path, ""
    try:
        now = source_of(project, pointer, 0).look().entry(project.algorithm)
    except MissingData:
        return dep.path, "deleted"
    except DvxError as error:
        tell(_unknown(error))
        return dep.path, ""
    known = recorded_source(project, pointer)
    if not now or agree(known, now):
        return dep.path, ""
    # DVC's words: a folder has no version of its own
    return dep.path, _NEWER if versioned and "files" not in dep.extras else "modified"


def _of_path(project: Project, pointer: Pointer) -> tuple[str, str]:
    """The state of a file or folder of this machine; what is known of one outside the project is kept apart."""
    dep = pointer.deps[0]
    inside = not dep.path.startswith(("/", "../"))
    place = project.abs(dep.path) if inside else os.path.normpath(os.path.join(project.abs(pointer.workdir), dep.path))
    there, name = project, dep.path
    if not inside:
        top, name = os.path.split(place)
        there = replace(project, root=top, cwd=top, stats=StatCache(os.path.join(project.state, "outside.db")))
    content = dep.content
    seen = look(there, name, silent, content.digest.algorithm if content else project.algorithm)
    there.stats.flush()
    state = "deleted" if seen is None else "new" if content is None else ""
    if seen is not None and content is not None and seen.content.digest != content.digest:
        state = "modified"
    return dep.path if inside else place, state


def _unknown(error: DvxError) -> Notice:
    return Notice(f"{error.message}; whether an import of it can be updated is not known", error.hint)
