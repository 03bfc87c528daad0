"""Records parts of a tracked directory; the rest stays as it was recorded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from dvx.errors import DvxError, MissingData, UnknownTarget, UnsafePath, quoted
from dvx.model.digest import Digest
from dvx.model.events import Tell
from dvx.model.paths import ancestors, printable, within
from dvx.model.tracked.pointer import Output
from dvx.model.tree import Content, Entry, Tree, tree_content
from dvx.ops.workspace.observe import look, store
from dvx.project import Project


def store_parts(project: Project, output: Output, recorded: Content, inners: Sequence[str], tell: Tell) -> Content:
    """Take what `inners` hold now, files or folders in the directory of an output, into the cache; durable after a barrier.

    Returns what the directory holds with these parts renewed. A part that is gone is left out. Of the rest, only the list is
    needed: it is taken from a remote if the cache lacks it.

    Raises:
        MissingData: the recorded directory is neither in the cache nor at the remote, or a part is neither there nor recorded.
        DvxError: the directory is recorded in another hash than new content gets.
        UnsafePath: a part lies behind a link.
    """
    path = output.path
    for inner in inners:
        _check_followed(project, path, inner)
    if not recorded.digest.is_tree or recorded.digest.algorithm != project.algorithm:
        raise DvxError(f"`{printable(path)}` cannot be recorded in part", f"run `dvx commit {quoted(path)}`")
    old = _tree(project, output, recorded.digest, tell)
    fresh = [_part(project, path, old, inner, tell) for inner in inners]
    kept, gone = _apart(old.entries, inners)
    folders = [folder for folder in old.empty_folders if not any(within(folder, inner) for inner in inners)]
    entries = {entry.path: entry for tree in (Tree(tuple(kept)), *fresh) for entry in tree.entries}
    folders += [folder for tree in fresh for folder in tree.empty_folders]
    tree = Tree(tuple(entries[name] for name in sorted(entries)), tuple(sorted(set(folders))))
    content, data = tree_content(tree, project.dialect, project.algorithm)
    project.cache.put(data, content.digest)
    return replace(content, size=_size(project, recorded, gone, [entry for part in fresh for entry in part.entries]))


def _tree(project: Project, output: Output, digest: Digest, tell: Tell) -> Tree:
    """The recorded list of files: that of the cache, of the folder itself if it is as it was recorded, or of a remote."""
    try:
        return project.cache.read_tree(digest)
    except MissingData as error:
        seen = look(project, output.path, tell, project.algorithm)
        if seen is not None and seen.tree is not None and seen.content.digest == digest:
            project.cache.put(seen.encoded, digest)
            return seen.tree
        # loads what speaks to stores
        from dvx.ops.transfer.plans import Remotes

        try:
            tree, data = Remotes(project, "", 0).open(output.remote).read_tree(digest)
        except (MissingData, UnknownTarget):
            shown = printable(output.path)
            text = f"the list of files of `{shown}` is neither in the cache nor at the remote, and the folder has changed since"
            raise MissingData(text, f"run `dvx commit {quoted(output.path)}` to record all of it") from error
    project.cache.put(data, digest)
    return tree


def _check_followed(project: Project, path: str, inner: str) -> None:
    """Refuse what the directory as a whole would not hold, since links to folders are left out of it."""
    link = next((f"{path}/{folder}" for folder in ancestors(inner) if os.path.islink(project.abs(f"{path}/{folder}"))), "")
    if link:
        text = f"`{printable(path)}/{printable(inner)}` lies behind the link `{printable(link)}`, which is not followed"
        raise UnsafePath(text, "add what it leads to, where it is, or replace the link by a folder")


def _part(project: Project, path: str, old: Tree, inner: str, tell: Tell) -> Tree:
    place = f"{path}/{inner}"
    if not os.path.lexists(project.abs(place)):
        if not old.below(inner) and inner not in old.empty_folders:
            raise MissingData(f"`{printable(place)}` does not exist", "check the spelling, and the folder that you stand in")
        return Tree(())
    store(project, [place], tell)
    seen = look(project, place, tell, project.algorithm)
    if seen is None:
        raise MissingData(
            f"`{printable(place)}` does not exist any more", "run the command again when nothing changes the folder"
        )
    if seen.tree is None:
        executable = project.dialect.rich_trees and seen.content.executable
        return Tree((Entry(inner, seen.content.digest, seen.content.size, executable),))
    folders = seen.tree.empty_folders if seen.tree.entries or seen.tree.empty_folders else ("",)
    return Tree(
        tuple(replace(entry, path=f"{inner}/{entry.path}") for entry in seen.tree.entries),
        tuple(f"{inner}/{folder}".rstrip("/") for folder in folders) if project.dialect.rich_trees else (),
    )


def _apart(entries: Iterable[Entry], inners: Sequence[str]) -> tuple[list[Entry], list[Entry]]:
    """Entries outside of the parts, and in them."""
    kept: list[Entry] = []
    gone: list[Entry] = []
    for entry in entries:
        (gone if any(within(entry.path, inner) for inner in inners) else kept).append(entry)
    return kept, gone


def _size(project: Project, recorded: Content, gone: Iterable[Entry], fresh: Iterable[Entry]) -> int | None:
    """The bytes of the directory; None where nobody knows any more how large a replaced file was."""
    total = recorded.size
    if total is None:
        return None
    for entry in gone:
        size = entry.size
        if size is None:
            try:
                size = os.stat(project.cache.path(entry.digest)).st_size
            except OSError:
                return None
        total -= size
    return total + sum(entry.size or 0 for entry in fresh)
