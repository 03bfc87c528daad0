"""Recording the versions that a push made: in pointers, and in the lock of each stage that has such outputs.

A directory is listed file by file then, in the stage's dependencies too (as DVC does). What changed while the push ran is left
alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dvx.errors import Corrupted, MissingData, UnsafePath
from dvx.formats import decoded, edit_yaml, splice_lock
from dvx.model.digest import LEGACY
from dvx.model.lock import encode_state
from dvx.model.paths import join, parent
from dvx.model.pointer import Recorded, stage_checksum
from dvx.model.stage import Stage
from dvx.model.transfer import Item
from dvx.model.tree import Content, Tree
from dvx.model.versioned import Version, cloud_of, rows_of, tree_of
from dvx.ops.index import load_index, read_pointer
from dvx.ops.recording import locked_state
from dvx.project import Project
from dvx.store import files

_PLACE = ("version_id", "etag", "checksum")


def record_versions(project: Project, remote: str, items: Iterable[Item], made: Mapping[str, Version]) -> None:
    """Let pointers and locks say which versions of `items` the remote has; `made` are the new ones, by path."""
    index = load_index(project)
    record = _Record(project, remote, {item.path: item.content for item in items}, made)
    for path, pointer in index.pointers.items():
        if any(output.path in record.pushed for output, _ in pointer.outs):
            record.in_pointer(path)
    for stage in index.stages.values():
        if any(output.path in record.pushed for output in stage.outs):
            record.in_lock(stage)


class _Record:
    """One push: what went where, and what it made there."""

    def __init__(self, project: Project, remote: str, pushed: Mapping[str, Content], made: Mapping[str, Version]) -> None:
        self.pushed = pushed
        self._project = project
        self._remote = remote
        self._made = made

    def in_pointer(self, path: str) -> None:
        """Write a pointer file."""
        place = self._project.abs(path)
        with self._project.lock(path):
            data = files.read(place)
            outs = read_pointer(data, path, self._project.dialect).outs

            def edit(document: Any) -> None:
                for entry, (output, recorded) in zip(document["outs"], outs, strict=True):
                    if self._is_pushed(output.path, recorded):
                        self._place(entry, output.path, recorded)
                if document.get("md5") and document.get("deps"):
                    document["md5"] = stage_checksum(document)

            old = decoded(data, path)
            new = edit_yaml(old, edit, path)
            if new != old:
                files.write_atomic(place, new.encode("utf-8", "surrogateescape"))

    def in_lock(self, stage: Stage) -> None:
        """Write the entry of a stage in its lock."""
        path = join(parent(stage.file), self._project.dialect.lock)
        place = self._project.abs(path)
        with self._project.lock(path):
            state = locked_state(self._project, stage)
            if state is None:
                return
            entry = encode_state(state, stage)
            for kind, known in (("deps", state.deps), ("outs", state.outs)):
                for row in entry.get(kind, ()):
                    written = row["path"]
                    recorded = known.get(join(stage.workdir, written)) or known.get(written)
                    if recorded is not None:
                        self._place(row, recorded.path, recorded, made_here=kind == "outs")
            old = decoded(files.read(place), path)
            new = splice_lock(old, stage.name, entry)
            if new != old:
                files.write_atomic(place, new.encode("utf-8", "surrogateescape"))

    def _is_pushed(self, path: str, recorded: Recorded | None) -> bool:
        content = recorded.content if recorded else None
        return content is not None and path in self.pushed and self.pushed[path].digest == content.digest

    def _place(self, entry: Any, path: str, recorded: Recorded, *, made_here: bool = True) -> None:
        """Change one entry in place; only what is made here has versions, not what is used."""
        pushed = made_here and self._is_pushed(path, recorded)
        if recorded.content is None:
            return
        if not recorded.content.digest.is_tree:
            if pushed and path in self._made:
                for key in _PLACE:
                    entry.pop(key, None)
                entry["cloud"] = cloud_of(self._remote, self._made[path])
            return
        before = recorded.extras.get("files") or ()
        tree = self._tree(recorded.content, before)
        if tree is None or not (tree.entries or tree.empty_folders):
            return
        sizes = self._project.cache.sizes({each.digest for each in tree.entries}) if pushed else {}
        places = {
            each.path: cloud_of(self._remote, self._made[f"{path}/{each.path}"])
            for each in tree.entries
            if pushed and f"{path}/{each.path}" in self._made
        }
        rows = rows_of(tree, entry.get("files") or before, sizes, places)
        for key in (_key(recorded.content), "size", "nfiles"):
            entry.pop(key, None)
        if rows != entry.get("files"):
            entry["files"] = rows

    def _tree(self, content: Content, rows: Any) -> Tree | None:
        try:
            return self._project.cache.read_tree(content.digest)
        except (MissingData, Corrupted, UnsafePath):
            return tree_of(rows, content.digest.algorithm) if rows else None


def _key(content: Content) -> str:
    return "md5" if content.digest.algorithm == LEGACY else content.digest.algorithm
