"""What a repository holds, as rows: their order, and how they look to programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvx.model.digest import Digest, field_of
from dvx.model.paths import join, parent


class ListingRow(Struct, frozen=True):
    """One file or folder; `path` is relative to what is listed, `depth` counts from 1. `size` in bytes, if known.

    `is_out` for tracked data; folders that are only a part of it have no `digest`. `is_link` for symbolic links.
    """

    path: str
    is_dir: bool
    depth: int = 1
    is_out: bool = False
    executable: bool = False
    size: int | None = None
    digest: Digest | None = None
    is_link: bool = False


class Listing(Struct, frozen=True):
    """What was asked for, `top`, and what it holds: each folder before its own rows, by name.

    `unread` says of which folders it is not known what they hold, why, and what to do.
    """

    top: ListingRow
    rows: tuple[ListingRow, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()


def flat(listing: Listing, level: int | None) -> tuple[ListingRow, ...]:
    """Files by path, and the folders that are as deep as it goes; a file that was asked for by its name."""
    if not listing.top.is_dir or level == 0:
        return (replace(listing.top, path=listing.top.path.rpartition("/")[2]),)
    found = (row for row in listing.rows if not row.is_dir or row.depth == level)
    return tuple(sorted(found, key=lambda row: row.path))


def over(tracked: ListingRow, present: ListingRow | None) -> ListingRow:
    """One row of what is recorded and what is there: hash and kind from the record, size and permissions from the file."""
    if present is None:
        return tracked
    executable = present.executable or (present.is_link and tracked.executable)
    return replace(tracked, size=present.size, is_dir=tracked.is_dir or present.is_dir, executable=executable)


def tree_of(sizes: Mapping[str, int | None], level: int | None) -> tuple[ListingRow, ...]:
    """Files by path, as they lie in their folders, as deep as `level`."""
    folders = laid_out({path: ListingRow("", False, size=size) for path, size in sizes.items()}, is_out=False)
    return tuple(rows_below("", lambda folder: folders.get(folder, {}), level))


def rows_below(top: str, children: Callable[[str], Mapping[str, ListingRow]], level: int | None) -> Iterator[ListingRow]:
    """What the folder `top` holds, as deep as `level`; `children` tells what any folder holds, by name."""

    def held(folder: str, depth: int) -> list[ListingRow]:
        rows = sorted(children(join(top, folder)).items(), reverse=True)
        return [replace(row, path=f"{folder}/{name}" if folder else name, depth=depth) for name, row in rows]

    pending = held("", 1)
    while pending:
        row = pending.pop()
        yield row
        if row.is_dir and row.depth != level:
            pending += held(row.path, row.depth + 1)


def sums(listing: Listing) -> list[tuple[str, int]]:
    """How many bytes is in each file and folder that was listed to any depth, and last in the whole."""
    found: dict[str, int] = {}

    def size(row: ListingRow, path: str) -> int:
        # of what is not here, only the whole may be known
        return found.get(path) or (row.size or 0 if row.digest or not row.is_dir else 0)

    for row in sorted(listing.rows, key=lambda row: -row.depth):
        found[row.path] = size(row, row.path)
        folder = parent(row.path)
        found[folder] = found.get(folder, 0) + found[row.path]
    direct = [(row.path, found[row.path]) for row in listing.rows if row.depth == 1]
    return [*direct, (listing.top.path, size(listing.top, ""))]


def laid_out(files: Mapping[str, ListingRow], *, is_out: bool) -> dict[str, dict[str, ListingRow]]:
    """Rows by folder and name, with rows for the folders above them, which are part of tracked data or not."""
    found: dict[str, dict[str, ListingRow]] = {}
    for path, row in files.items():
        name = path.rpartition("/")[2]
        folder = parent(path)
        found.setdefault(folder, {})[name] = replace(row, path=name)
        while folder:
            folder, _, name = folder.rpartition("/")
            known = found.setdefault(folder, {})
            if name in known:
                break
            known[name] = ListingRow(name, True, is_out=is_out)
    return found


def as_json(rows: Iterable[ListingRow], algorithm: str) -> list[dict[str, Any]]:
    """The shape that DVC prints, each digest under the name of its algorithm; `algorithm` is that of rows without one."""
    return [
        {
            "isout": row.is_out,
            "isdir": row.is_dir,
            "isexec": row.executable,
            "size": row.size,
            field_of(row.digest.algorithm if row.digest else algorithm): row.digest.hex if row.digest else None,
            "path": row.path,
        }
        for row in rows
    ]


def down_to(sizes: Mapping[str, int | None], level: int | None) -> list[tuple[str, int | None]]:
    """Files, and folders (with a slash) below which nothing is shown."""
    found: dict[str, int | None] = {}
    for path, amount in sizes.items():
        parts = path.split("/")
        if level is not None and len(parts) > level:
            found.setdefault("/".join(parts[:level]) + "/", None)
        else:
            found[path] = amount
    return sorted(found.items())
