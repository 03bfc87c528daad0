"""What may be tracked: the checks of a path before it gets a pointer."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dvx.errors import DvxError, GraphError, MissingData, UnsafePath, nearest, quoted
from dvx.model.paths import check_path, check_windows, parent, printable, within
from dvx.ops.tracked.git_ignored import demand_shared
from dvx.ops.tracked.ignore import Ignore
from dvx.ops.tracked.index import Index
from dvx.project import Project
from dvx.store import files
from dvx.store.scan import check_link


def check_target(project: Project, index: Index, path: str) -> None:
    """Refuse what cannot be tracked."""
    if path and not os.path.lexists(project.abs(path)):
        raise MissingData(f"`{printable(path)}` does not exist", _way_out(project, path))
    check_place(project, path, is_folder=os.path.isdir(project.abs(path)))
    check_link(project.abs(path), path, project.root)
    if os.path.isdir(project.abs(path)):
        _check_folder(project, path)
    check_owners(project, index, path)


def _check_folder(project: Project, path: str) -> None:
    place, shown = project.abs(path), printable(path)
    if os.path.islink(place):
        real = os.path.relpath(os.path.realpath(place), project.cwd)
        raise UnsafePath(f"`{shown}` is a link to a folder", f"run `dvx add {quoted(real)}`")
    name = project.dialect.ignore
    # DVC refuses to read a repository that has one
    found = (
        next((folder for folder, _, names in files.walk_folders(place) if name in names), "")
        if project.dialect.conforms_to
        else ""
    )
    if found:
        inside = os.path.relpath(os.path.join(found, name), project.root).replace(os.sep, "/")
        hint = f"move its lines to the `{name}` of the repository, and remove it"
        raise UnsafePath(f"`{printable(inside)}` lies in `{shown}`: an ignore file may not be tracked as data", hint)


def _way_out(project: Project, path: str) -> str:
    """What may have been meant by a path at which nothing is."""
    folder, name = os.path.split(project.abs(path))
    if not os.path.isdir(folder):
        return f"there is no folder `{printable(parent(path))}`"
    found = nearest(name, os.listdir(folder))
    return found or "check the spelling, and the folder that you stand in"


def check_place(project: Project, path: str, *, is_folder: bool) -> None:
    """Refuse a path at which nothing can be tracked, be there something now or not."""
    shown = printable(path)
    if not path:
        raise UnsafePath("the repository itself cannot be tracked", "add the files and folders in it")
    check_text(path.rpartition("/")[2])
    if project.dialect.is_machinery(path.rpartition("/")[2]):
        raise DvxError(f"`{shown}` is a {project.dialect.name} file and cannot be tracked as data", "it belongs into Git")
    check_inside(project, path)
    rule = Ignore(project).ruling(path, is_folder)
    if rule is not None:
        raise DvxError(f"`{shown}` is ignored by `{rule}`", "change that line, or leave the file out")


def check_inside(project: Project, path: str) -> None:
    """Refuse to write or delete behind a link that leaves the project, or leads to files of Git or dvx; raises UnsafePath."""
    if os.name == "nt":
        check_windows(path)
    real, root = os.path.realpath(project.abs(parent(path))), os.path.realpath(project.root)
    if real != root and not real.startswith(root + os.sep):
        raise UnsafePath(f"`{printable(path)}` lies behind a link that leaves the repository", "replace the link by a folder")
    if real != root:
        check_path(real[len(root) + 1 :].replace(os.sep, "/"))


def check_text(name: str) -> None:
    """Refuse what YAML would have to hold and is not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        hint = "rename it; or put it into a folder and track that, as names in there may be of any bytes"
        raise UnsafePath(f"`{printable(name)}` is not UTF-8, so no YAML file can hold it", hint) from None


def check_owners(project: Project, index: Index, path: str) -> None:
    """Refuse a path that overlaps with what is tracked, but for a path that its own pointer tracks."""
    shown = printable(path)
    for tracked in index.overlapping(path):
        other = tracked.output.path
        if tracked.owner != tracked.file:
            hint = "run the pipeline, or `dvx commit` to record what is there"
            raise GraphError(f"`{shown}` overlaps with `{printable(other)}`, an output of the stage `{tracked.owner}`", hint)
        if other == path and tracked.file != path + project.dialect.pointer_suffix:
            hint = f"run `dvx remove {quoted(tracked.file)}` first, to track it anew"
            raise GraphError(f"`{shown}` is already tracked by `{printable(tracked.file)}`", hint)
        if other != path and within(other, path):
            hint = f"run `dvx remove {quoted(tracked.file)}` first, to track the whole folder"
            raise GraphError(f"`{shown}` holds `{printable(other)}`, which is tracked by `{printable(tracked.file)}`", hint)
        if other != path and within(path, other):
            hint = f"run `dvx add {quoted(other)}` to record the folder as it is"
            raise GraphError(f"`{shown}` lies in `{printable(other)}`, which is tracked as a whole", hint)


def check_git(project: Project, paths: Sequence[str]) -> None:
    """Refuse what Git tracks, and what would get a pointer that Git ignores."""
    if project.git is None:
        return
    demand_shared(project, (path + project.dialect.pointer_suffix for path in paths))
    for path in sorted(project.git.tracked(paths)):
        shown = printable(path)
        hint = f"run `git rm -r --cached {quoted(path)}`, then `dvx add {quoted(path)}`"
        raise DvxError(f"`{shown}` is tracked by Git", hint)
