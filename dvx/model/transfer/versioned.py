"""Version: a file's place in a remote that keeps versions, and directories that a pointer or lock lists file by file for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvx.errors import Corrupted
from dvx.model.digest import Digest, field_of
from dvx.model.tree import Tree, decode_tree

_PLACE = ("version_id", "etag", "checksum", "cloud")


class Version(Struct, frozen=True):
    """One version of a file at a remote: its id there, and its etag (empty where nobody knows it)."""

    id: str
    etag: str = ""


def version_of(entry: Mapping[str, Any], remote: str) -> Version | None:
    """The version that an entry names at `remote`. One beside `cloud` (as `dvc update` writes it) is of whichever is asked."""
    cloud = entry.get("cloud")
    named = cloud.get(remote) if isinstance(cloud, Mapping) and cloud else entry
    if not isinstance(named, Mapping) or not named.get("version_id"):
        return None
    return Version(str(named["version_id"]), str(named.get("etag") or ""))


def cloud_of(remote: str, version: Version) -> dict[str, Any]:
    """The field of an entry that says which version of it a remote has."""
    return {"cloud": {remote: ({"etag": version.etag} if version.etag else {}) | {"version_id": version.id}}}


def place_of(version: Version) -> dict[str, Any]:
    """The fields of a row that say a version as an update writes them: of the remote that the directory is at."""
    return {"version_id": version.id} | ({"etag": version.etag} if version.etag else {})


def remote_of(entry: Mapping[str, Any]) -> str | None:
    """The remote that an entry, or a row of its `files`, has versions at; empty if it says none by name, None if it has none."""
    found = None
    for row in (entry, *(entry.get("files") or ())):
        cloud = row.get("cloud") if isinstance(row, Mapping) else None
        if isinstance(cloud, Mapping) and cloud:
            return str(next(iter(cloud)))
        if isinstance(row, Mapping) and row.get("version_id"):
            found = ""
    return found


def tree_of(rows: Sequence[Any], algorithm: str) -> Tree | None:
    """The directory that `files` lists; None where a file's digest is not known.

    Raises:
        Corrupted: the rows are no such list.
        UnsafePath: a file lies outside the directory.
    """
    key = field_of(algorithm)
    plain = []
    for row in rows:
        if not isinstance(row, Mapping) or not isinstance(row.get("relpath"), str):
            raise Corrupted("a row of `files` has no `relpath`")
        is_folder = row["relpath"].endswith("/")
        if not is_folder and not row.get(key):
            return None
        known = {name: row[name] for name in ("size", "isexec") if row.get(name) is not None}
        plain.append({"relpath": row["relpath"]} | ({} if is_folder else {key: str(row[key]).lower()}) | known)
    return decode_tree(json.dumps(plain, default=str).encode(), algorithm)


def rows_of(
    tree: Tree, before: Sequence[Any] = (), sizes: Mapping[Digest, int] | None = None, places: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The rows of `files` that list a directory, sorted by path as DVC has them; empty folders end in a slash.

    A file that `before` lists with the same digest keeps the version that it has there. `places` are new ones: the fields that
    say them, by path. Sizes that the tree does not say come from `sizes`.
    """
    sizes, places = sizes or {}, places or {}
    old = {row["relpath"]: row for row in before if isinstance(row, Mapping)}
    rows: list[Any] = [{"relpath": folder + "/"} for folder in tree.empty_folders]
    for entry in tree.entries:
        key = field_of(entry.digest.algorithm)
        same = old.get(entry.path, {})
        if str(same.get(key)).lower() != entry.digest.hex:
            same = {}
        row: dict[str, Any] = {"relpath": entry.path, key: entry.digest.hex}
        size = next((size for size in (same.get("size"), entry.size, sizes.get(entry.digest)) if size is not None), None)
        if size is not None:
            row["size"] = size
        if entry.executable or same.get("isexec"):
            row["isexec"] = True
        if entry.path in places:
            row |= places[entry.path]
        else:
            row |= {name: same[name] for name in _PLACE if name in same}
        # the row as it was read keeps its comments
        rows.append(same if row == same else row)
    return sorted(rows, key=lambda row: str(row["relpath"]))
