"""Entry, Tree: a tracked directory as a value, with one canonical encoding."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache, cached_property
from json.encoder import encode_basestring_ascii as quote
from operator import attrgetter
from typing import Annotated, Any

from msgspec import Meta, MsgspecError, Struct, convert, defstruct
from msgspec.json import Decoder

from dvx.errors import Corrupted, SchemaError
from dvx.model.dialect import Dialect
from dvx.model.digest import TREE_SUFFIX, Digest, digest_bytes, digests, field_of
from dvx.model.paths import check_paths, printable


class Content(Struct, frozen=True, gc=False):
    """What a path holds: `size` in bytes; `files` counts a directory's files and is None for a single file."""

    digest: Digest
    size: int | None = None
    files: int | None = None
    executable: bool = False


def holds(now: Content, recorded: Content, dialect: Dialect) -> bool:
    """Does a path hold what was recorded? In DVC's repositories the executable bit is no difference: its links do not have it."""
    return now.digest == recorded.digest and (now.executable == recorded.executable or not dialect.rich_trees)


class Entry(Struct, frozen=True, gc=False):
    """One file of a tree. `size` is None where the dialect does not record it."""

    path: str
    digest: Digest
    size: int | None = None
    executable: bool = False


class Tree(Struct, frozen=True, dict=True):
    """A directory: entries sorted by path, and the empty folders in it (native dialect only)."""

    entries: tuple[Entry, ...]
    empty_folders: tuple[str, ...] = ()

    @cached_property
    def by_path(self) -> dict[str, Entry]:
        """Entries by their path."""
        return {entry.path: entry for entry in self.entries}

    def below(self, path: str) -> tuple[Entry, ...]:
        """The entries at or below `path`."""
        return tuple(entry for entry in self.entries if entry.path == path or entry.path.startswith(path + "/"))


class TreeDiff(Struct, frozen=True):
    """Paths that differ between two trees, each sorted."""

    added: tuple[str, ...]
    deleted: tuple[str, ...]
    modified: tuple[str, ...]


def encode_tree(tree: Tree, dialect: Dialect) -> bytes:
    """The bytes of the tree object: JSON with sorted keys, sorted by path, without a newline at the end.

    In DVC's dialect an entry has the digest and `relpath` only; the native one adds `size` and `isexec`, and names empty
    folders with a slash at the end.

    Raises:
        UnsafePath: a name is one that `decode_tree` would refuse.
    """
    check_paths([entry.path for entry in tree.entries])
    check_paths(tree.empty_folders)
    write = _rich_row if dialect.rich_trees else _plain_row
    rows = [(entry.path, write(entry)) for entry in tree.entries]
    if dialect.rich_trees:
        rows += [(folder + "/", '{"relpath": ' + quote(folder + "/") + "}") for folder in tree.empty_folders]
    rows.sort()
    return ("[" + ", ".join(row for _, row in rows) + "]").encode("ascii")


def decode_tree(data: bytes, algorithm: str) -> Tree:
    """Read a tree object of either dialect.

    Raises:
        Corrupted: the bytes are no such document.
        UnsafePath: an entry leaves the directory.
    """
    rows = _rows(data, algorithm)
    files = [row for row in rows if row.relpath[-1:] != "/"]
    folders = [row.relpath[:-1] for row in rows if row.relpath[-1:] == "/"] if len(files) < len(rows) else []
    check_paths([row.relpath for row in files])
    check_paths(folders)
    hexes = [row.digest for row in files]
    if TREE_SUFFIX in "".join(hexes):
        inner = next(row.relpath for row in files if TREE_SUFFIX in row.digest)
        raise Corrupted(f"a tree object cannot be read: `{printable(inner)}` is no file")
    try:
        named = digests(algorithm, hexes)
    except SchemaError as error:
        raise Corrupted(f"a tree object cannot be read: {error}") from None
    entries = [Entry(row.relpath, digest, row.size, row.isexec) for row, digest in zip(files, named, strict=True)]
    entries.sort(key=attrgetter("path"))
    tree = Tree(tuple(entries), tuple(sorted(folders)))
    if len(tree.by_path) != len(entries):
        raise Corrupted("a tree object names a file twice")
    _check_folders(tree)
    return tree


def named_digests(data: bytes, algorithm: str) -> list[str]:
    """The hex of every file that a tree object names; `decode_tree`, which checks the rest too, takes more time and memory.

    Raises:
        Corrupted: the bytes are no such document.
    """
    names = [row.digest for row in _rows(data, algorithm) if not row.relpath.endswith("/")]
    if not all(names):
        raise Corrupted("a tree object cannot be read: a file in it has no digest")
    return names


def tree_content(tree: Tree, dialect: Dialect, algorithm: str) -> tuple[Content, bytes]:
    """The content that names a tree, and its object's bytes."""
    data = encode_tree(tree, dialect)
    name = digest_bytes(data, algorithm)
    size = sum(entry.size or 0 for entry in tree.entries)
    return Content(Digest(algorithm, name.hex + TREE_SUFFIX), size, len(tree.entries)), data


def diff_trees(old: Tree, new: Tree) -> TreeDiff:
    """What changed from `old` to `new`."""
    before, after = old.by_path, new.by_path
    return TreeDiff(
        added=tuple(path for path in after if path not in before),
        deleted=tuple(path for path in before if path not in after),
        modified=tuple(path for path in after if path in before and _differs(before[path], after[path])),
    )


@cache
def _decoder(algorithm: str) -> Decoder[list[Any]]:
    """Reads what a tree object says of each file, or with a slash at the end of `relpath`, of an empty folder."""
    count = Annotated[int, Meta(ge=0)] | None
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("relpath", str),
        ("digest", str, ""),
        ("size", count, None),
        ("isexec", bool, False),
    ]
    return Decoder(list[defstruct("Row", fields, rename={"digest": field_of(algorithm)}, gc=False)])  # type: ignore[misc]


def _rows(data: bytes, algorithm: str) -> list[Any]:
    decoder = _decoder(algorithm)
    try:
        with suppress(MsgspecError, UnicodeDecodeError):
            return decoder.decode(data)
        # DVC writes bytes of a name that are no UTF-8 as halves of surrogate pairs, which only Python's own decoder takes
        rows: list[Any] = convert(json.loads(data), decoder.type)
    except (MsgspecError, ValueError, RecursionError) as error:
        raise Corrupted(f"a tree object cannot be read: {error}") from None
    return rows


def _check_folders(tree: Tree) -> None:
    folders = set(tree.empty_folders)
    above = {path.rpartition("/")[0] for path in (*tree.by_path, *folders)}
    while above:
        folders |= above
        above = {path.rpartition("/")[0] for path in above} - folders
    for folder in folders & tree.by_path.keys():
        raise Corrupted(f"a tree object names `{folder}` as a file and as a folder")


def _differs(old: Entry, new: Entry) -> bool:
    return old.digest != new.digest or old.executable != new.executable


def _plain_row(entry: Entry) -> str:
    return f'{{"{field_of(entry.digest.algorithm)}": "{entry.digest.hex}", "relpath": {quote(entry.path)}}}'


def _rich_row(entry: Entry) -> str:
    fields = [f'"{field_of(entry.digest.algorithm)}": "{entry.digest.hex}"', f'"relpath": {quote(entry.path)}']
    if entry.size is not None:
        fields.append(f'"size": {entry.size}')
    if entry.executable:
        fields.append('"isexec": true')
    return "{" + ", ".join(sorted(fields)) + "}"
