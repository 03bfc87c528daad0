"""destroy: take dvx out of a project. What the workspace holds stays, as files of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable

from msgspec import Struct

from dvx.errors import DvxError
from dvx.model.digest import Digest
from dvx.model.events import Tell, silent
from dvx.ops.setup.trust import revoke
from dvx.ops.tracked.index import Tracked, load_index
from dvx.ops.workspace.observe import look
from dvx.ops.workspace.protect import free
from dvx.ops.workspace.rollback import Rollback, check_removable, check_writable
from dvx.project import Project
from dvx.store import durable, files
from dvx.store.objects import lying


class DestroyPlan(Struct, frozen=True):
    """What goes, and what would be lost with it.

    `files` are pointers, pipelines, locks and the ignore file, `folder` is dvx's own; `outputs` are tracked paths, whose data
    stays. `objects` of `bytes` are in the cache, or were put aside there, and not in the workspace as it is now, and `absent`
    tracked paths are among them; `trashed` counts what is in the trash. `cache` is the folder of a cache that stays, as it is
    elsewhere; else empty.
    """

    files: tuple[str, ...]
    folder: str
    outputs: tuple[str, ...]
    objects: int = 0
    bytes: int = 0
    absent: tuple[str, ...] = ()
    trashed: int = 0
    cache: str = ""


def plan(project: Project, tell: Tell = silent) -> DestroyPlan:
    """What `destroy` will do.

    Raises:
        FormatError: a pointer, pipeline or lock cannot be understood, so what it tracks is unknown.
    """
    index = load_index(project)
    names = [*index.pointers, *index.pipelines, *index.locks]
    if os.path.lexists(project.abs(project.dialect.ignore)):
        names.append(project.dialect.ignore)
    tracked = [one for one in index.tracked if one.output.cached]
    folder = project.abs(project.dialect.folder)
    stays = not os.path.realpath(project.cache.root).startswith(os.path.realpath(folder) + os.sep)
    held, absent = _held(project, tracked, tell)
    only = {} if stays else {one.digest: one.size for one in lying(project.cache.root) if one.digest not in held}
    data = {digest: size for digest, size in only.items() if digest is not None and not digest.is_tree}
    aside = [] if stays else [os.lstat(place).st_size for place in project.cache.put_aside_before()]
    return DestroyPlan(
        files=tuple(sorted(names)),
        folder=project.dialect.folder,
        outputs=tuple(one.output.path for one in tracked),
        objects=len(data) + len(aside),
        bytes=sum(data.values()) + sum(aside),
        absent=() if stays else absent,
        trashed=len(project.trash.items()),
        cache=project.cache.root if stays and os.path.isdir(project.cache.root) else "",
    )


def destroy(project: Project, planned: DestroyPlan, tell: Tell = silent) -> tuple[str, ...]:
    """Do what was planned; returns the workspace files that were links into the cache, and are copies now.

    The folder goes last, so that a command that was killed can be run again; one that fails before puts the files back.

    Raises:
        DvxError: something cannot be removed; nothing was then.
    """
    check_writable(project, planned.files)
    check_removable(project, [planned.folder])
    freed = free(project, planned.outputs)
    with Rollback(project, tell) as back:
        back.keep(planned.files)
        for name in planned.files:
            files.remove(project.abs(name))
    durable.barrier({os.path.dirname(project.abs(name)) for name in planned.files}, project.root)
    project.close()
    files.remove_tree(project.abs(planned.folder))
    durable.sync_folder(project.root)
    revoke(project.root, project.config.environ)
    return freed


def _held(project: Project, tracked: Iterable[Tracked], tell: Tell) -> tuple[set[Digest], tuple[str, ...]]:
    """The contents that the workspace has, and the tracked paths that it has not as they are recorded, but the cache has."""
    held: set[Digest] = set()
    absent = []
    for one in tracked:
        content = one.recorded.content if one.recorded else None
        algorithm = content.digest.algorithm if content else project.algorithm
        try:
            seen = look(project, one.output.path, tell, algorithm)
        except (DvxError, OSError):  # what cannot be read is not held
            seen = None
        if seen is not None:
            held.add(seen.content.digest)
            held.update(entry.digest for entry in (seen.tree.entries if seen.tree else ()))
        if content is not None and content.digest not in held and project.cache.has(content.digest):
            absent.append(one.output.path)
    return held, tuple(absent)
