"""The command ls: what a repository holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from msgspec.structs import replace

from dvx.cli import complete, render
from dvx.cli.common import JsonOption, RemoteOption
from dvx.cli.session import SESSION
from dvx.config import find_root
from dvx.errors import DvxError, UsageError
from dvx.model.dialect import NATIVE
from dvx.model.listing import Listing, ListingRow, as_json, flat
from dvx.model.origin import Origin, is_elsewhere
from dvx.model.paths import printable, within
from dvx.ops.listing import ListOptions, list_files
from dvx.project import Project


def ls(
    url: Annotated[str, typer.Argument(help="The repository: a folder in it.", autocompletion=complete.folders)] = ".",
    path: Annotated[
        str, typer.Argument(help="A folder or file in it.", autocompletion=complete.targets, show_default=False)
    ] = "",
    *,
    recursive: Annotated[bool, typer.Option("--recursive", "-R", help="Files in folders, too.")] = False,
    tree: Annotated[bool, typer.Option("--tree", "-T", help="Draw folders and what is in them as a tree.")] = False,
    level: Annotated[
        int | None, typer.Option("--level", "-L", min=0, help="With `-R` or `-T`: how deep to go.", show_default=False)
    ] = None,
    dvc_only: Annotated[bool, typer.Option("--dvc-only", help="Only tracked data, no files of Git.")] = False,
    json: JsonOption = False,
    rev: Annotated[
        str, typer.Option("--rev", help="In this revision, not the workspace.", autocompletion=complete.revisions)
    ] = "",
    remote: RemoteOption = "",
    size: Annotated[bool, typer.Option("--size", help="Show sizes.")] = False,
    show_hash: Annotated[bool, typer.Option("--show-hash", help="Show the hashes of tracked data.")] = False,
) -> None:
    """List what a repository holds: the files of Git and the tracked data, here or not, as if it were one folder.

    What is in tracked folders is known from the cache, or asked of the remote.

    Example: dvx ls . data --size
    """
    if tree and json:
        raise UsageError("`--tree` and `--json` exclude each other", "use `-R --json` to get all files")
    depth = level if recursive or tree else 1
    if is_elsewhere(url):
        from dvx.ops.get import opened

        with opened(SESSION.get().cwd, Origin(url, path or ".", rev)) as (project, inner):
            listing = list_files(project, ListOptions(inner, "", depth, dvc_only, remote), render.terminal())
    else:
        project = _project(url)
        options = ListOptions(_inner(project, path, rev), rev, depth, dvc_only, remote)
        listing = list_files(project, options, render.terminal())
    if tree:
        lines = [(listing.top, listing.top.path), *zip(listing.rows, _branches(listing.rows), strict=True)]
    else:
        rows = _from_here(project, flat(listing, depth), listing, rev)
        lines = [(row, row.path) for row in rows]
    if json:
        render.json(as_json(row for row, _ in lines))
        return
    for line in _columns(lines, size=size, hashes=show_hash):
        render.data(line)


def _project(url: str) -> Project:
    """The project at a folder, seen from where the user stands if that is in it, else from its root."""
    session = SESSION.get()
    _, sign, rest = url.partition("://")
    folder = os.path.normpath(os.path.join(session.cwd, rest if sign else url))
    if not os.path.isdir(folder):
        raise DvxError(f"`{printable(url)}` is not a folder", "run `dvx ls . PATH` to list a part of this repository")
    found = find_root(folder)
    if found is not None:
        root, dialect = found
        project = Project.open(root, dialect, session.cwd if within(session.cwd, root) else root)
    elif _in_git(folder):
        project = Project.foreign(folder, NATIVE)
    else:
        project = Project.find(folder)
    session.projects.append(project)
    return project


def _in_git(folder: str) -> bool:
    """Whether a folder lies in a repository of Git's, without data of dvx's."""
    from dvx.git import Git

    return Git.find(folder) is not None


def _inner(project: Project, path: str, rev: str) -> str:
    """The project path of what was typed: seen from the user, but in a revision from the project."""
    if not path:
        return ""
    if os.path.isabs(path) and not within(os.path.normpath(path), project.root):
        path = path.lstrip("/")
        return project.relative(project.abs(path))
    return project.relative(project.abs(path) if rev and not os.path.isabs(path) else path)


def _from_here(project: Project, rows: Sequence[ListingRow], listing: Listing, rev: str) -> Sequence[ListingRow]:
    """The rows of a whole workspace, as they are called where the user stands."""
    if rev or listing.top.path != "." or project.cwd == project.root:
        return rows
    shown = ((row, project.shown(row.path)) for row in rows)
    named = [replace(row, path=f"../{os.path.basename(row.path)}" if name == "." else name) for row, name in shown]
    return sorted(named, key=lambda row: row.path)


def _branches(rows: Sequence[ListingRow]) -> Iterator[str]:
    """The names in a tree, with the lines that lead to them."""
    last = _last(rows)
    ends: dict[int, bool] = {}
    for number, row in enumerate(rows):
        ends[row.depth] = number in last
        above = "".join("    " if ends[depth] else "│   " for depth in range(1, row.depth))
        yield f"{above}{'└── ' if number in last else '├── '}{row.path.rpartition('/')[2]}"


def _last(rows: Sequence[ListingRow]) -> set[int]:
    """The numbers of those rows after which their folder has no other."""
    found = set()
    open_at: set[int] = set()
    for number in reversed(range(len(rows))):
        depth = rows[number].depth
        if depth not in open_at:
            found.add(number)
        open_at = {one for one in open_at if one < depth} | {depth}
    return found


def _columns(lines: Sequence[tuple[ListingRow, str]], *, size: bool, hashes: bool) -> Iterator[str]:
    sizes = ["" if row.size is None else _amount(row.size) for row, _ in lines]
    wide = max(map(len, sizes), default=0)
    long = max((len(row.digest or "-") for row, _ in lines), default=0)
    for (row, name), amount in zip(lines, sizes, strict=True):
        cells = [f"{amount:>{wide}}"] if size else []
        cells += [f"{row.digest or '-':<{long}}"] if hashes else []
        yield "  ".join([*cells, printable(name)])


def _amount(number: int) -> str:
    """A size as DVC prints it: three digits and a letter, in powers of 1024."""
    if number < 1024:
        return str(number)
    value = float(number)
    for unit in ("", "k", "M", "G", "T", "P"):
        if value < 999.5:
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f}{unit}"
        value /= 1024
    return f"{value:.0f}E"
