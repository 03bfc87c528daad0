"""Makes the workspace share bytes with the cache as the configuration says now."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dvx.model.events import Progress, Tell
from dvx.model.paths import within
from dvx.model.tree import Content, Entry
from dvx.ops.workspace.kept_in_cache import is_kept
from dvx.ops.workspace.links import Placer, entries_of, is_unedited
from dvx.ops.workspace.observe import links, look
from dvx.project import Project
from dvx.store.intake import Link, is_private


def renew_links(
    project: Project, contents: Mapping[str, Content], only: Mapping[str, tuple[str, ...]], tell: Tell
) -> tuple[str, ...]:
    """Place the files anew that hold what is recorded but are linked in another way; returns their paths.

    Files that hold anything else, and those whose object is absent, are left alone. `only` restricts directories to parts.
    """
    wanted = links(project)[0]
    done: list[str] = []
    with Placer(project) as placer:
        for path, content in contents.items():
            entries = _unedited(project, path, content, tell)
            for entry in entries:
                parts = only.get(path, ())
                if parts and not any(within(entry.path, f"{path}/{part}") for part in parts):
                    continue
                if (
                    project.cache.has(entry.digest, entry.size)
                    and not _is_so(project, entry, wanted)
                    and is_unedited(project, entry)
                    and is_kept(project, entry.path, entry.digest)
                ):
                    placer.place(entry)
                    done.append(entry.path)
                    tell(Progress("linking", len(done), None))
    return tuple(done)


def _unedited(project: Project, path: str, content: Content, tell: Tell) -> list[Entry]:
    """The files of a path that hold their recorded bytes."""
    seen = look(project, path, tell, content.digest.algorithm)
    if seen is None or (content.digest.is_tree and not project.cache.has(content.digest)):
        return []
    if seen.tree is None:
        return [Entry(path, content.digest, content.size, content.executable)] if seen.content.digest == content.digest else []
    present = {f"{path}/{entry.path}": entry.digest for entry in seen.tree.entries}
    return [entry for entry in entries_of(project, path, content) if present.get(entry.path) == entry.digest]


def _is_so(project: Project, entry: Entry, wanted: Link) -> bool:
    """Whether a file is linked as wanted; of a reflink nobody can tell."""
    place, target = project.abs(entry.path), project.cache.path(entry.digest)
    is_symlink = os.path.islink(place)
    if wanted is Link.COPY or (wanted is not Link.REFLINK and is_private(os.path.getsize(target), entry.executable)):
        return not is_symlink and os.lstat(place).st_nlink == 1
    return wanted is not Link.REFLINK and is_symlink == (wanted is Link.SYMLINK) and os.path.samefile(place, target)
