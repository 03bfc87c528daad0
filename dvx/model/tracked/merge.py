"""Merging two versions of what is recorded: a change of one side wins, two that differ are a conflict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec import Struct

from dvx.model.paths import parent
from dvx.model.tree import Content, Entry, Tree

_T = TypeVar("_T")


class Merged(Struct, frozen=True):
    """A merged directory; `conflicts` are paths in it that both sides changed, each in its own way."""

    tree: Tree
    conflicts: tuple[str, ...] = ()


class Pick(Struct, frozen=True):
    """What theirs changes in ours, by key; None for what they removed. `conflicts` are keys that both changed."""

    changes: Mapping[str, Any]
    conflicts: tuple[str, ...] = ()


def merge_trees(ancestor: Tree, ours: Tree, theirs: Tree) -> Merged:
    """Both sides' changes of a directory. A file where the other side has a folder is a conflict."""
    pick = choose(ancestor.by_path, ours.by_path, theirs.by_path, _same_bytes)
    found: dict[str, Entry] = {**ours.by_path, **{path: entry for path, entry in pick.changes.items() if entry is not None}}
    for path, entry in pick.changes.items():
        if entry is None:
            del found[path]
    folders = {above for path in found for above in _above(path)}
    clashes = sorted(folders & found.keys())
    entries = tuple(found[path] for path in sorted(found))
    return Merged(Tree(entries, _empty(ancestor, ours, theirs, folders | found.keys())), (*pick.conflicts, *clashes))


def choose(
    ancestor: Mapping[str, _T], ours: Mapping[str, _T], theirs: Mapping[str, _T], same: Callable[[_T | None, _T | None], bool]
) -> Pick:
    """What theirs changed and ours did not, key by key."""
    changes: dict[str, _T | None] = {}
    conflicts = []
    for key in sorted({*ancestor, *ours, *theirs}, key=str):
        before, here, there = ancestor.get(key), ours.get(key), theirs.get(key)
        if same(here, there) or same(there, before):
            continue
        if same(here, before):
            changes[key] = there
        else:
            conflicts.append(key)
    return Pick(changes, tuple(conflicts))


def merged_size(ancestor: Content | None, ours: Content, theirs: Content, trees: tuple[Tree, Tree, Tree]) -> int | None:
    """The bytes of a merged directory, where its entries have no sizes: what theirs added to ours; None if that is unknown.

    What both sides changed alike would count twice.
    """
    before = 0 if ancestor is None else ancestor.size
    if before is None or ours.size is None or theirs.size is None:
        return None
    old, here, there = (tree.by_path for tree in trees)
    both = {path for path in {*here, *there, *old} if not _same_bytes(old.get(path), here.get(path))}
    if any(not _same_bytes(old.get(path), there.get(path)) for path in both):
        return None
    return ours.size + theirs.size - before


def _same_bytes(one: Entry | None, other: Entry | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.digest, one.executable) == (other.digest, other.executable)


def _empty(ancestor: Tree, ours: Tree, theirs: Tree, taken: set[str]) -> tuple[str, ...]:
    """The folders that stay or become empty; `taken` are names of files, and of folders that hold some."""
    before, here, there = (set(tree.empty_folders) for tree in (ancestor, ours, theirs))
    return tuple(sorted(((here & there) | (here - before) | (there - before)) - taken))


def _above(path: str) -> list[str]:
    found = []
    while path := parent(path):
        found.append(path)
    return found
