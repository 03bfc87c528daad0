"""cache migrate: objects of DVC 2, named by the hash of their text with Unix line ends, get the names that DVC 3 gives them.

The old objects stay: old commits name them. Both names share the bytes where the file system allows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import Corrupted
from dvx.formats import splice_lock
from dvx.model.digest import LEGACY, TREE_SUFFIX, Digest, digest_bytes
from dvx.model.events import Notice, Progress, Tell, silent
from dvx.model.paths import join, parent
from dvx.model.pipelines.lock import StageState, encode_state
from dvx.model.tracked.pointer import Pointer, Recorded, stage_checksum
from dvx.model.tree import Tree, encode_tree
from dvx.ops.stages.owners import for_git
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.pointers import set_content
from dvx.ops.tracked.reach import Reach
from dvx.ops.tracked.text_files import change_text, change_yaml
from dvx.ops.workspace.observe import observe
from dvx.project import Project
from dvx.store.objects import lying
from dvx.store.second_names import second_name, share

_NEW = "md5"
_Names = Mapping[str, Digest]
_ANEW = "run `dvx fetch` to get it again, then this command"


class CacheMigration(Struct, frozen=True):
    """How many objects got a new name (or, in a dry run, would be looked at), and the pointers and locks that changed.

    `kept` are paths whose entry stays as it was, for nobody here has their bytes.
    """

    objects: int
    changed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def migrate(project: Project, tell: Tell = silent, *, entries: bool = False, dry: bool = False) -> CacheMigration:
    """Give old objects new names; with `entries`, let pointers and locks of the workspace use them. `dry` changes nothing."""
    old = [one.digest for one in lying(project.cache.root) if one.digest is not None and one.algorithm == LEGACY]
    index = load_index(project) if entries else Index()
    if dry:
        locks = [path for path, lock in index.locks.items() if any(map(_has_old, lock.stages.values()))]
        pointers = [path for path, pointer in index.pointers.items() if any(map(_is_old, _entries(pointer)))]
        return CacheMigration(len(old), tuple(sorted([*locks, *pointers])))
    names, count = _rename(project, old, tell)
    project.cache.barrier()
    if not entries:
        return CacheMigration(count)
    names = {**names, **_seen_names(project, index, names, tell)}
    changed = [path for path, pointer in index.pointers.items() if _edit_pointer(project, pointer, names)]
    changed += [path for path in index.locks if _edit_lock(project, index, path, names)]
    kept = {entry.path for entry in _all_entries(index) if _is_old(entry) and _new_name(entry, names) is None}
    for_git(project, changed)
    return CacheMigration(count, tuple(sorted(changed)), tuple(sorted(kept)))


def _rename(project: Project, old: Sequence[Digest], tell: Tell) -> tuple[dict[str, Digest], int]:
    """The new names of objects by their old hash, and how many of them are new. Trees come after what they name."""
    names: dict[str, Digest] = {}
    reach, count = Reach(project.cache, mend=True), 0
    for done, digest in enumerate(sorted(old, key=lambda each: each.is_tree), 1):
        try:
            new = _new_tree(project, reach, digest, names) if digest.is_tree else _new_file(project, digest)
        except Corrupted as error:
            tell(Notice(error.message, "its entries stay as they are"))
            continue
        tell(Progress("migrating", done, len(old), "objects"))
        if new is not None:
            names[digest.hex], is_new = new
            count += is_new
    return names, count


def _new_file(project: Project, old: Digest) -> tuple[Digest, bool]:
    try:
        new, size = second_name(project.cache, old, _NEW)
    except Corrupted as error:
        project.cache.quarantine(old)
        raise Corrupted(f"{error.message}; it was put aside", _ANEW) from None
    return new, share(project.cache, project.cache.path(old), new, size)


def _new_tree(project: Project, reach: Reach, old: Digest, names: _Names) -> tuple[Digest, bool] | None:
    """The tree with new names in it; None while one of its files is not here."""
    tree = reach.tree(old)
    if any(entry.digest.hex not in names for entry in tree.entries):
        return None
    entries = tuple(replace(entry, digest=names[entry.digest.hex]) for entry in tree.entries)
    encoded = encode_tree(Tree(entries), project.dialect)
    new = Digest(_NEW, digest_bytes(encoded, _NEW).hex + TREE_SUFFIX)
    is_new = not project.cache.has(new)
    project.cache.put(encoded, new)
    return new, is_new


def _seen_names(project: Project, index: Index, names: _Names, tell: Tell) -> dict[str, Digest]:
    """New names of what is in no cache, such as dependencies that Git keeps, where the workspace still has it."""
    absent = {}
    for entry in _all_entries(index):
        if entry.content is not None and _is_old(entry) and entry.content.digest.hex not in names:
            absent[entry.path] = entry.content.digest
    inside = [path for path in absent if not path.startswith(("/", "../")) and "://" not in path]
    before = observe(project, inside, tell, dict.fromkeys(inside, LEGACY))
    same = [path for path in inside if (now := before[path]) is not None and now.digest == absent[path]]
    after = observe(project, same, tell, dict.fromkeys(same, _NEW))
    return {absent[path].hex: content.digest for path, content in after.items() if content is not None}


def _all_entries(index: Index) -> Iterator[Recorded]:
    for pointer in index.pointers.values():
        yield from _entries(pointer)
    for lock in index.locks.values():
        for state in lock.stages.values():
            yield from (*state.deps.values(), *state.outs.values())


def _entries(pointer: Pointer) -> tuple[Recorded, ...]:
    return (*pointer.deps, *(recorded for _, recorded in pointer.outs))


def _has_old(state: StageState) -> bool:
    return any(map(_is_old, (*state.deps.values(), *state.outs.values())))


def _is_old(entry: Recorded) -> bool:
    return entry.content is not None and entry.content.digest.algorithm == LEGACY


def _new_name(entry: Recorded, names: _Names) -> Digest | None:
    return names.get(entry.content.digest.hex) if entry.content is not None and _is_old(entry) else None


def _renamed(entry: Recorded, names: _Names) -> Recorded:
    new = _new_name(entry, names)
    return entry if new is None or entry.content is None else replace(entry, content=replace(entry.content, digest=new))


def _edit_pointer(project: Project, pointer: Pointer, names: _Names) -> bool:
    def edit(document: Any) -> None:
        pairs = [*zip(document.get("deps") or (), pointer.deps, strict=True)]
        pairs += zip(document.get("outs") or (), (recorded for _, recorded in pointer.outs), strict=True)
        for entry, recorded in pairs:
            content = _renamed(recorded, names).content
            if content is not None and content != recorded.content:
                set_content(entry, content)
        if pointer.deps and not any(map(_is_old, (_renamed(entry, names) for entry in pointer.deps))):
            document["md5"] = stage_checksum(document)

    if not any(_new_name(entry, names) for entry in _entries(pointer)):
        return False
    return change_yaml(project, pointer.path, edit)


def _edit_lock(project: Project, index: Index, path: str, names: _Names) -> bool:
    pipeline = index.pipelines.get(join(parent(path), project.dialect.pipeline))

    def edit(text: str) -> str:
        for name, state in index.locks[path].stages.items():
            rename = partial(_renamed, names=names)
            after = replace(
                state,
                deps={key: rename(entry) for key, entry in state.deps.items()},
                outs={key: rename(entry) for key, entry in state.outs.items()},
            )
            if pipeline is not None and name in pipeline.stages and after != state:
                text = splice_lock(text, name, encode_state(after, pipeline.stages[name]))
        return text

    with project.lock(path):
        return change_text(project, path, edit)
