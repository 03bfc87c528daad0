"""Files of other repositories that are no tracked data: those of Git, also where Git LFS keeps what is in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from dvx.errors import MissingData
from dvx.git import lfs
from dvx.git.places import find_place
from dvx.model.digest import Digest
from dvx.model.paths import printable
from dvx.model.setup.settings import redact
from dvx.ops.sources.repositories import Elsewhere, repository_of
from dvx.ops.tracked.ignore import Ignore
from dvx.ops.tracked.index import Index
from dvx.project import Project
from dvx.store import files
from dvx.store.remotes.folder import FolderRemote
from dvx.store.scan import FoundFile, walk
from dvx.store.verify import Check


def copy_files(there: Elsewhere, source: Project, index: Index, path: str, room: Project) -> None:
    """Copy the files at a path of the project `source` that are no tracked data, and not what tracks it.

    Raises:
        MissingData: Git LFS keeps one of them, and does not give it.
    """
    found = {one.path: one for one in _files(source, index, path)}
    # a copy has what is committed, as it is; a workspace has what the user sees
    notes = _notes(source, found.values()) if there.commit else {}
    for one in found.values():
        target = room.abs(one.path)
        files.make_folder(os.path.dirname(target))
        if one.path not in notes:
            files.copy_file(one.place, target, _mode(one))
    if not notes:
        return
    try:
        kept = FolderRemote("Git LFS", _fetched(there, source, notes))
        for name, data in notes.items():
            digest = Digest("sha256", lfs.named(data))
            kept.download(f"{digest.hex[:2]}/{digest.hex[2:4]}/{digest.hex}", room.abs(name), Check(digest))
            files.set_mode(room.abs(name), _mode(found[name]))
    except MissingData as error:
        some = printable(min(notes)) + (f"` and {len(notes) - 1} more" if len(notes) > 1 else "`")
        raise MissingData(f"`{some} of `{redact(there.url)}`: {error.message}", error.hint) from None


def _files(source: Project, index: Index, path: str) -> Iterator[FoundFile]:
    place = source.abs(path)
    if not os.path.isdir(place):
        found: Iterable[FoundFile] = [FoundFile(path, place, os.stat(place))] if os.path.isfile(place) else []
    else:
        found = walk(place, path, source.root, Ignore(source).skip)
    own = (source.dialect.pipeline, source.dialect.ignore)
    for one in found:
        tracked = index.owner_of(one.path)
        if not ((tracked and tracked.output.cached) or one.path.rpartition("/")[2] in own or one.path in index.pointers):
            yield one


def _notes(source: Project, found: Iterable[FoundFile]) -> dict[str, bytes]:
    """What is committed of those files that Git LFS keeps, by path."""
    small = {one.path: files.read(one.place) for one in found if one.status.st_size <= lfs.LONGEST_NOTE}
    notes = {path: data for path, data in small.items() if lfs.named(data)}
    place = find_place(source.root) if notes else None
    if place is None:
        return {}
    below = os.path.relpath(os.path.realpath(source.root), place.top).replace(os.sep, "/")
    names = {path if below == "." else f"{below}/{path}": path for path in notes}
    return {names[name]: notes[names[name]] for name in lfs.kept_apart(place, names)}


def _fetched(there: Elsewhere, source: Project, notes: Mapping[str, bytes]) -> str:
    place = find_place(source.root)
    assert place is not None
    return lfs.fetch(place, repository_of(there.original or there.url, ""), notes)


def _mode(one: FoundFile) -> int:
    return files.NEW_EXECUTABLE if one.status.st_mode & 0o100 else files.NEW_FILE
