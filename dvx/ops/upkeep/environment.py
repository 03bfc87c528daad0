"""What dvx runs on: versions, file systems, and which links work. Where something cannot be found out, it is left empty."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator

from msgspec.structs import replace

import dvx
from dvx.config import Config, environment
from dvx.errors import DvxError
from dvx.git import hooks
from dvx.model.dialect import NATIVE, Dialect
from dvx.model.setup.settings import Level
from dvx.model.upkeep.doctor import Environment
from dvx.project import Project
from dvx.store import files
from dvx.store.intake import Link
from dvx.store.remotes.schemes import scheme_of
from dvx.store.remotes.support import installed, supported
from dvx.store.scratch import own_folder, release

_PACKAGES = ("fsspec", "gitpython", "msgspec", "pyyaml", "ruamel.yaml", "typer", "xxhash", "blake3")
_MOUNTS = "/proc/self/mounts"


def describe(project: Project | None, spoken: Dialect = NATIVE) -> Environment:
    """What dvx runs on, in a project or outside of any, with the configuration of the dialect `spoken`."""
    config = project.config if project else Config.read(None, spoken, environment())
    found = Environment(
        version=dvx.__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        executable=sys.executable,
        git=_git(project),
        packages={name: version for name in _PACKAGES if (version := installed(name))},
        supports=supported(),
        config={level.value: os.path.dirname(config.path(level)) for level in (Level.GLOBAL, Level.SYSTEM)},
    )
    if project is None:
        return found
    try:
        links = working_links(project)
    except OSError:
        links = ()
    return replace(
        found,
        links=links,
        file_systems={
            "cache": file_system(project.cache.root) if os.path.isdir(project.cache.root) else "",
            "workspace": file_system(project.root),
        },
        remotes=tuple(scheme_of(url) or "local" for url in project.config.remotes().values()),
        repository=_repository(project),
    )


def working_links(project: Project) -> tuple[str, ...]:
    """The link types, but for copies, that work from the cache (or where it will be) to the workspace.

    Raises:
        OSError: files cannot be made in one of the two.
    """
    with_cache = os.path.isdir(project.cache.root)
    return tuple(link.value for link in _probe(project.cache.make_scratch() if with_cache else "", project))


def file_system(place: str) -> str:
    """The kind of file system that a path is on, and its device: `ext4 on /dev/sda1`."""
    real = os.path.realpath(place)
    best, said = "", ""
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                device, point, kind = (_unescaped(word) for word in line.split(" ")[:3])
                inside = real == point or real.startswith(point.rstrip("/") + "/")
                if inside and len(point) >= len(best):
                    best, said = point, f"{kind} on {device}"
    except OSError:
        return ""
    return said


def _probe(source_folder: str, project: Project) -> Iterator[Link]:
    workspace = os.path.join(project.state, "new")
    made = []
    try:
        for folder in (source_folder or workspace, workspace):
            files.make_folder(folder)
            made.append(own_folder(folder))
        source = os.path.join(made[0][0], "source")
        files.write_new(source, b"dvx\n", files.NEW_FILE)
        for link in (Link.REFLINK, Link.HARDLINK, Link.SYMLINK):
            if _links(link, source, os.path.join(made[1][0], link.value)):
                yield link
    finally:
        for folder, handle in made:
            files.remove_tree(folder)
            release(handle)


def _links(link: Link, source: str, target: str) -> bool:
    if link is Link.REFLINK:
        return files.reflink(source, target, files.NEW_FILE)
    try:
        (files.hardlink if link is Link.HARDLINK else files.symlink)(source, target)
    except OSError:
        return False
    return True


def _git(project: Project | None) -> str:
    try:
        if project is None or project.git is None:
            return ""
        return ".".join(str(number) for number in hooks.version(project.git))
    except DvxError:
        return ""


def _repository(project: Project) -> str:
    if project.git is None:
        return f"{project.dialect.name} (no_scm)"
    return f"{project.dialect.name}{' (subdir)' if project.git.prefix else ''}, git"


def _unescaped(word: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)
