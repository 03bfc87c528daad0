"""Where pages of plots are read and written: a repository does not lead out of itself, and no page of the user's is lost."""

from __future__ import annotations

import os

from dvx.config.trust import is_below
from dvx.errors import ConfigError, DvxError, UnsafePath, UsageError, quoted
from dvx.model.paths import printable
from dvx.model.setup.power import is_inside
from dvx.model.setup.settings import parse_name
from dvx.project import Project
from dvx.store import files

# dvx's own pages, and those that DVC made in the same folder before
_OURS = (b'<meta name="generator" content="dvx">', b"<title>DVC Plot</title>")
_BEGINNING = 1 << 16


def page_folder(project: Project, named: str) -> str:
    """The folder that pages go into (absolute): the one that the user named, else the configured one.

    Raises:
        ConfigError: it leads out of the repository, and the user did not agree to that.
        UnsafePath: it is dvx's or Git's own, or there is a symbolic link on the way to it.
    """
    chosen = named or project.config.get("plots.out_dir") or f"{project.dialect.name}_plots"
    place = os.path.normpath(os.path.join(project.cwd, chosen))
    if not named and _is_own(project, place):
        raise UnsafePath(f"`{printable(chosen)}` is no folder for pages", "name another one: `-o DIR`")
    check_way(project, place)
    return place


def check_way(project: Project, place: str) -> None:
    """Refuse symbolic links in the project on the way to a place: a repository can bring them; raises UnsafePath."""
    top = project.root
    if os.path.commonpath([top, place]) != top:
        return
    way = top
    for part in os.path.relpath(place, top).split(os.sep):
        way = os.path.join(way, part)
        if os.path.islink(way):
            shown = os.path.relpath(way, project.cwd)
            text = f"`{printable(shown)}` is a symbolic link, and dvx writes no pages through one"
            raise UnsafePath(text, "name another folder: `-o DIR`")


def write_page(project: Project, place: str, text: str) -> None:
    """Write a page, in place of one of dvx's own.

    Raises:
        DvxError: somebody else made the page that is there.
    """
    check_page(project, place)
    _hide(project, os.path.dirname(place))
    files.write_atomic(place, text.encode("utf-8", "surrogateescape"))


def check_page(project: Project, place: str) -> None:
    """Refuse to write where somebody else's page is; raises DvxError, or UnsafePath where a link is."""
    check_way(project, place)
    try:
        with open(place, "rb") as file:
            begin = file.read(_BEGINNING)
    except FileNotFoundError:
        return
    if not any(mark in begin for mark in _OURS):
        shown = os.path.relpath(place, project.cwd)
        hint = f"name another folder: `-o DIR`, or move it away: `mv {quoted(shown)} {quoted(shown + '.old')}`"
        raise DvxError(f"`{printable(shown)}` was not made by dvx, so it is not replaced", hint)


def _hide(project: Project, folder: str) -> None:
    """Let Git ignore dvx's own folder for pages, unless it tracks something there."""
    shown = os.path.relpath(folder, project.root).replace(os.sep, "/")
    rules = os.path.join(folder, ".gitignore")
    if project.git is None or os.path.basename(folder) != f"{project.dialect.name}_plots" or os.path.lexists(rules):
        return
    if not shown.startswith("..") and not project.git.tracked([shown]):
        files.write_atomic(rules, b"*\n")


def read_template(project: Project, named: str) -> str:
    """The text of the page that the user named, else of the configured one; empty without any. A path from where the user stands,
    or from the project's own folder.

    Raises:
        UsageError: there is none.
        ConfigError: the repository names a file that is not in it.
    """
    name = named or project.config.get("plots.html_template") or ""
    if not name:
        return ""
    setting = project.config.settings.get(parse_name("plots.html_template"))
    stranger = not named and setting is not None and is_inside(setting)
    for folder in (project.cwd, os.path.join(project.root, project.dialect.folder)):
        place = os.path.join(folder, name)
        if os.path.isfile(place):
            if stranger and not is_below(place, project.root):
                text = f"`plots.html_template` is `{printable(name)}`, which is not in the repository"
                raise ConfigError(text, "if you want this page, name it yourself: `--html-template FILE`")
            return files.read(place).decode("utf-8", "replace")
    raise UsageError(f"there is no page `{name}`", "give the path of an HTML file")


def _is_own(project: Project, place: str) -> bool:
    parts = os.path.relpath(place, project.root).split(os.sep)
    return parts[0] == project.dialect.folder or ".git" in parts
