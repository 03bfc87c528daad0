"""update of outputs at `worktree` remotes: what others changed in the bucket comes in, and its versions are recorded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from msgspec import Struct

from dvx.errors import ConfigError, Corrupted, DvxError, MissingData, UnsafePath, quoted
from dvx.model.events import Notice, Progress, Tell
from dvx.model.paths import check_path, printable
from dvx.model.transfer.versioned import Version, remote_of, tree_of, version_of
from dvx.model.tree import Content, Entry, Tree, tree_content
from dvx.ops.imports.records import Imported
from dvx.ops.sources.repositories import Sources, room_of, sharing
from dvx.ops.stages.owners import for_git
from dvx.ops.tracked.ignore import Ignore
from dvx.ops.tracked.index import Tracked
from dvx.ops.transfer.plans import Remotes
from dvx.ops.transfer.versioned import keep_trees
from dvx.ops.transfer.versioned_records import Arrival, record_arrival
from dvx.ops.workspace.checkout import restore
from dvx.ops.workspace.observe import store
from dvx.project import Project
from dvx.store import files
from dvx.store.remotes.crowd import each
from dvx.store.remotes.versioned import VersionedRemote, is_worktree

_SHOWN = 3


class _Known(Struct, frozen=True):
    """A file as it is recorded, and its version; a single file's path is empty."""

    entry: Entry
    version: Version | None


def remote_name(project: Project, tracked: Tracked) -> str:
    """The remote that an output was pushed to by its versions, or goes to; the default one if they name none.

    Empty if it was never pushed to a remote that keeps versions.
    """
    if tracked.output.remote or tracked.recorded is None:
        return tracked.output.remote
    named = remote_of(tracked.recorded.extras)
    return (project.config.get("core.remote") or "") if named == "" else named or ""


def is_followed(project: Project, tracked: Tracked) -> bool:
    """Whether an update may bring something to an output."""
    name = remote_name(project, tracked)
    return bool(name) and is_worktree(project.config.remote(name).options)


def update_output(project: Project, tracked: Tracked, sources: Sources, tell: Tell) -> Imported | None:
    """Bring an output up to what its remote holds now; None, and a notice why, where it holds nothing of it.

    Raises:
        ConfigError: its remote is no `worktree`.
        DvxError: some of its files were never pushed there, and would be lost; or the remote has what no workspace can.
        RemoteError: it cannot be reached.
    """
    path, shown = tracked.output.path, printable(tracked.output.path)
    name, recorded = remote_name(project, tracked), tracked.recorded
    if not name or recorded is None or recorded.content is None:
        hint = "imports can be updated, and what was pushed to a `worktree` remote"
        tell(Notice(f"could not update '{shown}', it was never pushed to a remote", hint))
        return None
    keeper = _open(project, name, sources.jobs, shown)
    now = _allowed(project, path, keeper.latest(path))
    if not now:
        tell(Notice(f"could not update '{shown}', it does not exist in the remote", f"it stays; `{name}` holds no file of it"))
        return None
    known = _known(project, tracked, name)
    _refuse_loss(shown, name, known)
    file = _file_of(project, tracked)
    new = {inner: version for inner, version in now.items() if not _is_same(project, known.get(inner), version)}
    if not new and now.keys() == known.keys():
        return Imported(path, file, (), changed=False)
    lacking = [inner for inner in now if inner in known and not project.cache.has(known[inner].entry.digest)]
    wanted = {inner: now[inner] for inner in (*new, *lacking)}
    got = _download(project, path, keeper, wanted, {inner for inner in known if known[inner].entry.executable}, sources, tell)
    entries = [got[inner] if inner in got else known[inner].entry for inner in sorted(now)]
    content, tree = _content_of(project, recorded.content, entries)
    project.cache.barrier()
    restore(project, {path: content}, tell, force=True)
    record_arrival(project, name, Arrival(path, recorded.content, content, tree, new))
    return Imported(path, file, for_git(project, [file]))


def _open(project: Project, name: str, jobs: int, shown: str) -> VersionedRemote:
    keeper = Remotes(project, name, jobs).versioned("") if is_worktree(project.config.remote(name).options) else None
    if keeper is None:
        hint = f"`dvx pull` gets what is recorded; `dvx remote modify {quoted(name)} worktree true` lets updates follow it"
        raise ConfigError(f"`{shown}` is no import, and its remote `{name}` is no worktree", hint)
    return keeper


def _allowed(project: Project, path: str, found: Mapping[str, Version]) -> dict[str, Version]:
    """What may lie in a workspace; what the ignore file names is left out, as everywhere."""
    ignore = Ignore(project)
    names = {inner: f"{path}/{inner}" if inner else path for inner in found}
    try:
        for name in names.values():
            check_path(name)
    except UnsafePath as error:
        raise UnsafePath(f"the remote has what cannot be tracked: {error.message}", "rename it there") from None
    below = {above for inner in found for above in accumulate(inner.split("/")[:-1], "{}/{}".format)}
    if both := below & found.keys():
        text = f"the remote has `{printable(names[min(both)])}` both as a file and as a folder"
        raise DvxError(text, "remove one of them there")
    return {inner: version for inner, version in found.items() if ignore.ruling(names[inner], is_folder=False) is None}


def _known(project: Project, tracked: Tracked, remote: str) -> dict[str, _Known]:
    recorded = tracked.recorded
    if recorded is None or recorded.content is None:
        return {}
    content, extras = recorded.content, recorded.extras
    if not content.digest.is_tree:
        entry = Entry("", content.digest, content.size, content.executable)
        return {"": _Known(entry, version_of(extras, remote))}
    keep_trees(project, [recorded])
    rows: Mapping[str, Any] = {row["relpath"]: row for row in extras.get("files") or ()}
    try:
        tree = project.cache.read_tree(content.digest)
    except (MissingData, Corrupted, UnsafePath):
        tree = tree_of(list(rows.values()), content.digest.algorithm) or Tree(())
    return {entry.path: _Known(entry, version_of(rows.get(entry.path, {}), remote)) for entry in tree.entries}


def _refuse_loss(shown: str, remote: str, known: Mapping[str, _Known]) -> None:
    own = [inner for inner, one in known.items() if one.version is None]
    if own:
        named = ", ".join(f"`{printable(inner) or shown}`" for inner in own[:_SHOWN]) + (", ..." if len(own) > _SHOWN else "")
        text = f"an update of `{shown}` would lose what was never pushed to `{remote}`: {named}"
        raise DvxError(text, f"run `dvx push {quoted(shown)}` first")


def _is_same(project: Project, known: _Known | None, version: Version) -> bool:
    """Whether a file is what is recorded, by the store's own word; what is hashed in an old way is hashed anew."""
    if known is None or known.version is None or known.entry.digest.algorithm != project.algorithm:
        return False
    return version.etag == known.version.etag if version.etag and known.version.etag else version.id == known.version.id


def _download(
    project: Project,
    path: str,
    keeper: VersionedRemote,
    wanted: Mapping[str, Version],
    executable: set[str],
    sources: Sources,
    tell: Tell,
) -> dict[str, Entry]:
    """Take versions of files into the cache; a file that was executable is so again."""
    room, count = room_of(project, sources.new()), 0
    names = {inner: f"{path}/{inner}" if inner else path for inner in wanted}

    def copy(inner: str) -> None:
        nonlocal count
        place = room.abs(names[inner])
        files.make_folder(os.path.dirname(place))
        keeper.remote.download(keeper.name_of(names[inner], wanted[inner]), place)
        count += 1
        tell(Progress("downloading", count, len(wanted)))

    for _ in each(copy, wanted, keeper.remote.jobs):
        pass
    contents = store(sharing(project, room), list(names.values()), tell)
    found = {inner: contents[name] for inner, name in names.items()}
    return {inner: Entry(inner, one.digest, one.size, inner in executable) for inner, one in found.items()}


def _content_of(project: Project, before: Content, entries: list[Entry]) -> tuple[Content, Tree | None]:
    """What the files are as one output; the tree enters the cache. Empty folders, of which a bucket knows nothing, stay."""
    if entries[0].path == "":
        return Content(entries[0].digest, entries[0].size, executable=entries[0].executable), None
    empty: tuple[str, ...] = ()
    if project.dialect.rich_trees and before.digest.is_tree:
        try:
            empty = project.cache.read_tree(before.digest).empty_folders
        except (MissingData, Corrupted, UnsafePath):
            empty = ()
        empty = tuple(folder for folder in empty if not any(entry.path.startswith(folder + "/") for entry in entries))
    tree = Tree(tuple(entries), empty)
    content, encoded = tree_content(tree, project.dialect, project.algorithm)
    project.cache.put(encoded, content.digest)
    return content, tree


def _file_of(project: Project, tracked: Tracked) -> str:
    """The file that records an output: its pointer, or the lock beside the pipeline file of its stage."""
    if tracked.owner == tracked.file:
        return tracked.file
    return os.path.join(os.path.dirname(tracked.file), project.dialect.lock)
