"""The command ls: what a repository holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from msgspec.structs import replace

from dvx.cli.common import JsonOption, RemoteOption, cwd
from dvx.cli.imports.origins import ConfigOption, RemoteConfigOption, origin_of
from dvx.cli.session import SESSION
from dvx.cli.setup import complete
from dvx.cli.terminal import render
from dvx.config import dialect_at, find_root
from dvx.errors import DvxError, Partial, UsageError
from dvx.git.places import is_bare
from dvx.model.data.listing import Listing, ListingRow, as_json, flat
from dvx.model.paths import parent, printable, within
from dvx.model.tracked.origin import Origin, is_elsewhere
from dvx.ops.data.listing import ListOptions, list_files
from dvx.project import Project


def ls(
    url: Annotated[str, typer.Argument(help="Repository: a Git URL or a folder.", autocompletion=complete.folders)] = ".",
    path: Annotated[
        str, typer.Argument(help="File or folder in the repository.", autocompletion=complete.targets, show_default=False)
    ] = "",
    *,
    recursive: Annotated[bool, typer.Option("--recursive", "-R", help="Include the contents of subfolders.")] = False,
    tree: Annotated[bool, typer.Option("--tree", "-T", help="Draw folders and their contents as a tree.")] = False,
    level: Annotated[
        int | None,
        typer.Option("--level", "-L", min=0, help="Maximum depth of `-R` or `-T` (default: no limit).", show_default=False),
    ] = None,
    dvc_only: Annotated[bool, typer.Option("--dvc-only", help="List only data that dvx tracks, not the files of Git.")] = False,
    json: JsonOption = False,
    rev: Annotated[
        str,
        typer.Option("--rev", help="Branch, tag or commit to list (default: the workspace).", autocompletion=complete.revisions),
    ] = "",
    config: ConfigOption = "",
    remote: RemoteOption = "",
    remote_config: RemoteConfigOption = None,
    size: Annotated[bool, typer.Option("--size", help="Show the sizes of files.")] = False,
    show_hash: Annotated[bool, typer.Option("--show-hash", help="Show the hashes of tracked data.")] = False,
) -> None:
    """List files and tracked data, downloaded or not.

    Works on this or another repository, in the workspace or at a revision.

    What is in tracked folders is known from the cache, or asked of the remote.

    Example: dvx ls . data --size
    """
    if tree and json:
        raise UsageError("`--tree` and `--json` exclude each other", "use `-R --json` to get all files")
    depth = level if recursive or tree else 1
    origin = origin_of(url, path, rev, config, remote, remote_config)
    project, listing = listed(origin, depth, dvc_only=dvc_only)
    if tree:
        lines = [(listing.top, listing.top.path), *zip(listing.rows, branches(listing.rows), strict=True)]
    else:
        rows = _from_here(project, flat(listing, depth), listing, rev)
        lines = [(row, row.path) for row in rows]
    if json:
        render.json(as_json((row for row, _ in lines), project.algorithm))
    else:
        for line in _columns(lines, size=size, hashes=show_hash):
            render.data(line)
    for message, hint in listing.unread[1:]:
        render.note(f"{message}; {hint}")
    if listing.unread:
        message, hint = listing.unread[0]
        raise Partial(message, hint)


def listed(origin: Origin, level: int | None, *, dvc_only: bool = False) -> tuple[Project, Listing]:
    """What a repository, here or elsewhere, holds at a path, as deep as `level`; and the project that the path belongs to."""
    url = origin.url
    if is_elsewhere(url) or origin.config or not isinstance(origin.remote, str) or is_bare(_folder(url)):
        from dvx.ops.imports.get import opened

        with opened(cwd(), replace(origin, path=origin.path or ".")) as (project, inner):
            return project, list_files(project, ListOptions(inner, "", level, dvc_only), render.terminal())
    project, inner = _place(_folder(url), origin.path, origin.rev)
    options = ListOptions(inner, origin.rev, level, dvc_only, origin.remote)
    return project, list_files(project, options, render.terminal())


def _folder(url: str) -> str:
    """The folder on this machine that was typed, as a path or a URL."""
    _, sign, rest = url.partition("://")
    return os.path.normpath(os.path.join(cwd(), rest if sign else url))


def _place(folder: str, path: str, rev: str) -> tuple[Project, str]:
    """The project that a path of the one at `folder` belongs to, perhaps one inside of that, and the path in it."""
    project = _project(folder)
    inner = above = _inner(project, path, rev)
    while above and dialect_at(project.abs(above)) is None:
        above = parent(above)
    if above:
        project = _project(project.abs(above))
    return project, inner[len(above) :].strip("/")


def _project(folder: str) -> Project:
    """The project at a folder, seen from where the user stands if that is in it, else from its root."""
    session = SESSION.get()
    if not os.path.isdir(folder):
        raise DvxError(f"`{printable(folder)}` is not a folder", "run `dvx ls . PATH` to list a part of this repository")
    found = find_root(folder)
    if found is not None:
        root, dialect = found
        project = Project.open(root, dialect, session.cwd if within(session.cwd, root) else root)
    else:
        project = replace(Project.find_or_plain(folder, session.spoken), root=folder)
    session.projects.append(project)
    return project


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


def branches(rows: Sequence[ListingRow]) -> Iterator[str]:
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
    sizes = ["" if row.size is None else amount(row.size) for row, _ in lines]
    wide = max(map(len, sizes), default=0)
    digests = [row.digest.hex if row.digest else "-" for row, _ in lines]
    long = max(map(len, digests), default=0)
    for (_, name), number, digest in zip(lines, sizes, digests, strict=True):
        cells = [f"{number:>{wide}}"] if size else []
        cells += [f"{digest:<{long}}"] if hashes else []
        yield "  ".join([*cells, printable(name)])


def amount(number: int) -> str:
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
