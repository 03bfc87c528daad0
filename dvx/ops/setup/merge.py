"""The merge driver: two versions of a pointer, lock or pipeline file become one, if their changes do not touch the same thing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import DvxError, FormatError
from dvx.formats import load_yaml, remove_from_lock, splice_dataset, splice_lock
from dvx.formats.blocks import take_entries
from dvx.formats.writing import edit_yaml
from dvx.git import hooks
from dvx.model.paths import printable
from dvx.model.tracked.merge import Pick, choose, merge_trees, merged_size
from dvx.model.tracked.pointer import Pointer
from dvx.model.tree import Content, Tree, tree_content
from dvx.ops.tracked.pointer_text import read_pointer
from dvx.ops.tracked.pointers import set_content
from dvx.project import Project
from dvx.store import files

_SHOWN = 20


class Versions(Struct, frozen=True):
    """The files that Git hands to a driver, absolute; `path` is what the project calls the file, or empty.

    With `theirs_win` they have the last word on a stage that both ran.
    """

    ancestor: str
    ours: str
    theirs: str
    path: str = ""
    theirs_win: bool = False


def merge(project: Project, versions: Versions) -> None:
    """Let the file `ours` hold the changes of both sides.

    What cannot be merged so is merged line by line, as without a driver.

    Raises:
        DvxError: that left conflict marks in it; the message says why.
    """
    try:
        text = _merged(project, versions)
    except DvxError:
        if project.git is not None and hooks.merge_texts(project.git, versions.ours, versions.ancestor, versions.theirs):
            return
        raise
    files.write_atomic(versions.ours, text.encode("utf-8", "surrogateescape"))


def _merged(project: Project, versions: Versions) -> str:
    ancestor, ours, theirs = (_text(path) for path in (versions.ancestor, versions.ours, versions.theirs))
    name = versions.path or os.path.basename(versions.ours)
    if os.path.basename(name) == project.dialect.pipeline:
        return _merged_pipeline(project, versions, (ancestor, ours, theirs), name)
    document = load_yaml(ours, name)
    if isinstance(document, dict) and "stages" in document:
        return _merged_lock(ancestor, ours, theirs, name, theirs_win=versions.theirs_win)
    return _merged_pointer(project, ancestor, ours, theirs, name)


def _merged_pipeline(project: Project, versions: Versions, texts: tuple[str, str, str], name: str) -> str:
    """The pipeline file `ours` with the entries of sections (stages, artifacts...) that only theirs changed."""
    before, here, there = (_mapping(text, name) for text in texts)
    merged = texts[1]
    for section in dict.fromkeys((*here, *there)):
        old, ours, theirs = (document.get(section) or {} for document in (before, here, there))
        if _same(ours, theirs) or _same(old, theirs):
            continue
        if not all(isinstance(side, dict) for side in (old, ours, theirs)):
            raise DvxError(f"both sides changed `{printable(str(section))}`", f"merge `{printable(name)}` by hand")
        pick = choose(old, ours, theirs, _same)
        if pick.conflicts:
            shown = ", ".join(f"`{printable(str(key))}`" for key in pick.conflicts[:_SHOWN])
            raise DvxError(f"both sides changed {shown}", f"merge `{printable(name)}` by hand")
        merged = take_entries(merged, texts[2], section, tuple(pick.changes), name)
    if project.git is not None and hooks.merge_texts(project.git, versions.ours, versions.ancestor, versions.theirs):
        by_lines = _text(versions.ours)  # keeps all comments of both
        with contextlib.suppress(FormatError):
            if _same(load_yaml(by_lines, name), load_yaml(merged, name)):
                return by_lines
    return merged


def _merged_lock(ancestor: str, ours: str, theirs: str, name: str, *, theirs_win: bool) -> str:
    """The lock `ours` with the stages and datasets that only theirs changed."""
    before, here, there = (_lock(text, name) for text in (ancestor, ours, theirs))
    if here.get("schema") != there.get("schema"):
        raise DvxError(f"`{printable(name)}` differs beside its stages", "merge it by hand, or run `dvx repro` to write it anew")
    old, ours_stages, theirs_stages = (document.get("stages") or {} for document in (before, here, there))
    pick = choose(old, ours_stages, theirs_stages, _same)
    if theirs_win:
        pick = Pick({**pick.changes, **{stage: theirs_stages.get(stage) for stage in pick.conflicts}})
    if pick.conflicts:
        shown = ", ".join(f"`{stage}`" for stage in pick.conflicts[:_SHOWN])
        raise DvxError(
            f"both sides ran {shown}, with other results", "take the lock of one side, then run `dvx repro` and commit"
        )
    updates = choose(_datasets(before), _datasets(here), _datasets(there), _same)
    if updates.conflicts:
        shown = ", ".join(f"`{dataset}`" for dataset in updates.conflicts[:_SHOWN])
        raise DvxError(f"both sides updated the datasets {shown}", "take the lock of one side, then run `dvx dataset update`")
    for entry in updates.changes.values():
        ours = ours if entry is None else splice_dataset(ours, entry)
    for stage, entry in pick.changes.items():
        ours = remove_from_lock(ours, stage) if entry is None else splice_lock(ours, stage, entry)
    return ours


def _merged_pointer(project: Project, ancestor: str, ours: str, theirs: str, name: str) -> str:
    """The pointer `ours` with the content that both sides' changes make; what it names is in the cache and durable."""
    label = name if name.endswith(project.dialect.pointer_suffix) else f"merged{project.dialect.pointer_suffix}"
    here, there = (read_pointer(text.encode("utf-8", "surrogateescape"), label, project.dialect) for text in (ours, theirs))
    before = read_pointer(ancestor.encode("utf-8", "surrogateescape"), label, project.dialect) if ancestor.strip() else None
    _check_alike(here, there, before)
    content = _content(project, _content_of(before), _content_of(here), _content_of(there))
    if content == _content_of(here):
        return ours
    return edit_yaml(ours, lambda document: set_content(document["outs"][0], content), name)


def _content(project: Project, before: Content | None, here: Content | None, there: Content | None) -> Content:
    if here is None or there is None:
        raise DvxError("one of the sides records no content", "run `dvx commit` on that side, then merge")
    if here.digest in (there.digest, before.digest if before else None):
        return there
    if before is not None and there.digest == before.digest:
        return here
    digests = [content.digest for content in (before, here, there) if content is not None]
    if not all(digest.is_tree for digest in digests):
        raise DvxError(
            "both sides changed a file that is tracked as a whole", "take the pointer of one side, then run `dvx checkout`"
        )
    if any(digest.algorithm != project.algorithm for digest in digests):
        raise DvxError("the sides use another hash than this repository", "run `dvx migrate` on both sides, then merge")
    return _joined(project, before, here, there)


def _joined(project: Project, before: Content | None, here: Content, there: Content) -> Content:
    old = Tree(()) if before is None else project.cache.read_tree(before.digest)
    ours, theirs = project.cache.read_tree(here.digest), project.cache.read_tree(there.digest)
    merged = merge_trees(old, ours, theirs)
    if merged.conflicts:
        shown = ", ".join(f"`{printable(path)}`" for path in merged.conflicts[:_SHOWN])
        hint = "take the pointer of one side, run `dvx checkout`, and put in what the other side has"
        raise DvxError(f"both sides changed {shown}", hint)
    content, data = tree_content(merged.tree, project.dialect, project.algorithm)
    project.cache.put(data, content.digest)
    project.cache.barrier()
    if any(entry.size is None for entry in merged.tree.entries):
        size = merged_size(before, here, there, (old, ours, theirs))
        content = replace(content, size=_size_in_cache(project, merged.tree) if size is None else size)
    return content


def _size_in_cache(project: Project, tree: Tree) -> int | None:
    try:
        return sum(os.stat(project.cache.path(entry.digest)).st_size for entry in tree.entries)
    except OSError:
        return None


def _check_alike(here: Pointer, there: Pointer, before: Pointer | None) -> None:
    for pointer in (here, there, *((before,) if before else ())):
        if len(pointer.outs) != 1 or pointer.deps:
            raise DvxError("only pointers of one thing, which was added here, can be merged", "take the pointer of one side")
    if here.outs[0][0] != there.outs[0][0]:
        raise DvxError("the sides differ in more than in what they hold", "merge the other fields of the pointer by hand")


def _content_of(pointer: Pointer | None) -> Content | None:
    return pointer.outs[0][1].content if pointer is not None else None


def _mapping(text: str, name: str) -> dict[str, Any]:
    document = load_yaml(text, name) or {}
    if not isinstance(document, dict):
        raise DvxError(f"`{printable(name)}` is no pipeline file on one of the sides", "merge it by hand")
    return document


def _lock(text: str, name: str) -> dict[str, Any]:
    document = load_yaml(text, name) or {}
    if not isinstance(document, dict) or not isinstance(document.get("stages") or {}, dict):
        raise DvxError(f"`{printable(name)}` is no lock on one of the sides", "run `dvx repro` to write it anew")
    return document


def _datasets(document: Mapping[str, Any]) -> dict[str, Any]:
    rows = document.get("datasets")
    return {str(row.get("name")): row for row in rows if isinstance(row, dict)} if isinstance(rows, list) else {}


def _same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)


def _text(path: str) -> str:
    return files.read(path).decode("utf-8", "surrogateescape")
