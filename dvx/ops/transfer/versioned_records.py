"""Recording the versions that a push made or an update found: in pointers, and in the lock of each stage with such outputs.

A directory is listed file by file then, in the stage's dependencies too (as DVC does). What changed while the push ran is left
alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from dvx.errors import Corrupted, DvxError, MissingData, UnsafePath
from dvx.formats import edit_yaml, splice_lock
from dvx.model.digest import Digest, field_of
from dvx.model.paths import join, parent, printable
from dvx.model.pipelines.lock import encode_state
from dvx.model.pipelines.stage import Stage
from dvx.model.tracked.pointer import Recorded, encode_content, stage_checksum
from dvx.model.transfer.plan import ChosenPath
from dvx.model.transfer.versioned import Version, cloud_of, place_of, rows_of, tree_of
from dvx.model.tree import Content, Tree
from dvx.ops.tracked.index import load_index
from dvx.ops.tracked.lock_files import locked_state
from dvx.ops.tracked.pointer_text import read_pointer
from dvx.ops.tracked.pointers import set_fields
from dvx.ops.tracked.text_files import change_text
from dvx.project import Project
from dvx.store import files

_PLACE = ("version_id", "etag", "checksum")


def record_versions(project: Project, remote: str, items: Iterable[ChosenPath], made: Mapping[str, Version]) -> None:
    """Let pointers and locks say which versions of `items` the remote has; `made` are the new ones, by path."""
    if made:
        _record(project, _Push(project, remote, {item.path: item.content for item in items}, made))


class Arrival(Struct, frozen=True):
    """What an update brought to the output `path` that held `before`: a content, its tree, and versions of its new files.

    A single file has its version under `""`.
    """

    path: str
    before: Content
    content: Content
    tree: Tree | None
    versions: Mapping[str, Version]


def record_arrival(project: Project, remote: str, arrival: Arrival) -> None:
    """Let a pointer or lock say what an update brought from `remote`.

    Raises:
        DvxError: it says something else by now than it did before.
    """
    _record(project, _Update(remote, arrival))


class _Records(Protocol):
    """What is to be recorded of some outputs."""

    @property
    def paths(self) -> Collection[str]:
        """Paths of the outputs."""

    def concerns(self, recorded: Recorded) -> bool:
        """Whether an output that is recorded so is one of them."""

    def place(self, entry: Any, recorded: Recorded) -> None:
        """Change the entry of one of them in place."""


def _record(project: Project, records: _Records) -> None:
    index = load_index(project)
    for path, pointer in index.pointers.items():
        if any(output.path in records.paths for output, _ in pointer.outs):
            _in_pointer(project, path, records)
    for stage in index.stages.values():
        if any(output.path in records.paths for output in stage.outs):
            _in_lock(project, stage, records)


def _in_pointer(project: Project, path: str, records: _Records) -> None:
    with project.lock(path):
        outs = read_pointer(files.read(project.abs(path)), path, project.dialect).outs

        def edit(document: Any) -> None:
            for entry, (_, recorded) in zip(document["outs"], outs, strict=True):
                if records.concerns(recorded):
                    records.place(entry, recorded)
            if document.get("md5") and document.get("deps"):
                document["md5"] = stage_checksum(document)

        change_text(project, path, lambda old: edit_yaml(old, edit, path))


def _in_lock(project: Project, stage: Stage, records: _Records) -> None:
    path = join(parent(stage.file), project.dialect.lock)
    with project.lock(path):
        state = locked_state(project, stage)
        if state is None:
            return
        entry = encode_state(state, stage)
        for kind, known in (("deps", state.deps), ("outs", state.outs)):
            for row in entry.get(kind, ()):
                written = row["path"]
                recorded = known.get(join(stage.workdir, written)) or known.get(written)
                # only what is made here has versions, not what is used
                if recorded is not None and kind == "outs" and records.concerns(recorded):
                    records.place(row, recorded)
                elif recorded is not None:
                    _list(project, row, recorded, {}, {})
        change_text(project, path, lambda old: splice_lock(old, stage.name, entry))


class _Push:
    """One push: what went where, and what it made there."""

    def __init__(self, project: Project, remote: str, pushed: Mapping[str, Content], made: Mapping[str, Version]) -> None:
        self.paths = pushed.keys()
        self._pushed = pushed
        self._project = project
        self._remote = remote
        self._made = made

    def concerns(self, recorded: Recorded) -> bool:
        """See `_Records`."""
        pushed = self._pushed.get(recorded.path)
        return pushed is not None and recorded.content is not None and pushed.digest == recorded.content.digest

    def place(self, entry: Any, recorded: Recorded) -> None:
        """See `_Records`."""
        path = recorded.path
        if not self._pushed[path].digest.is_tree:
            if path in self._made:
                for key in _PLACE:
                    entry.pop(key, None)
                entry.update(cloud_of(self._remote, self._made[path]))
            return
        top = path + "/"
        places = {
            name[len(top) :]: cloud_of(self._remote, version) for name, version in self._made.items() if name.startswith(top)
        }
        if not places:
            return
        tree = _tree(self._project, recorded)
        sizes = self._project.cache.sizes({each.digest for each in tree.entries}) if tree else {}
        _list(self._project, entry, recorded, sizes, places)


class _Update:
    """One update: what it brought from which remote."""

    def __init__(self, remote: str, arrival: Arrival) -> None:
        self.paths = (arrival.path,)
        self._remote = remote
        self._arrival = arrival

    def concerns(self, recorded: Recorded) -> bool:
        """See `_Records`; raises DvxError if somebody else recorded another content meanwhile."""
        path = recorded.path
        if path != self._arrival.path:
            return False
        if recorded.content is None or recorded.content.digest != self._arrival.before.digest:
            raise DvxError(f"`{printable(path)}` was recorded anew while it was updated", "run the command again")
        return True

    def place(self, entry: Any, recorded: Recorded) -> None:
        """See `_Records`."""
        arrival = self._arrival
        if arrival.tree is None:
            set_fields(entry, encode_content(arrival.content) | cloud_of(self._remote, arrival.versions[""]))
            return
        before = entry.get("files") or recorded.extras.get("files") or ()
        places = {name: place_of(version) for name, version in arrival.versions.items()}
        set_fields(entry, {"hash": arrival.content.digest.algorithm, "files": rows_of(arrival.tree, before, {}, places)})


def _list(
    project: Project, entry: Any, recorded: Recorded, sizes: Mapping[Digest, int], places: Mapping[str, Mapping[str, Any]]
) -> None:
    """Let an entry list its directory file by file."""
    tree = _tree(project, recorded)
    if recorded.content is None or tree is None or not (tree.entries or tree.empty_folders):
        return
    rows = rows_of(tree, entry.get("files") or recorded.extras.get("files") or (), sizes, places)
    for key in (field_of(recorded.content.digest.algorithm), "size", "nfiles"):
        entry.pop(key, None)
    if rows != entry.get("files"):
        entry["files"] = rows


def _tree(project: Project, recorded: Recorded) -> Tree | None:
    """The directory of an entry, if it is one and known."""
    content, rows = recorded.content, recorded.extras.get("files")
    if content is None or not content.digest.is_tree:
        return None
    try:
        return project.cache.read_tree(content.digest)
    except (MissingData, Corrupted, UnsafePath):
        return tree_of(rows, content.digest.algorithm) if rows else None
