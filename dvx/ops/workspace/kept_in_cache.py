"""Whether the cache keeps what a workspace file holds: to be asked before the file goes, which may be the last good copy."""

from __future__ import annotations

import os
import stat

from dvx.model.digest import Digest
from dvx.ops.workspace.observe import store
from dvx.project import Project


def is_kept(project: Project, path: str, digest: Digest) -> bool:
    """Whether the file at `path`, which hashes to `digest`, may go.

    An object of which nobody knows that it is still what it was is read. One of wrong bytes is put aside, and made anew from
    the file.
    """
    place, cache = project.abs(path), project.cache
    status = os.stat(place)
    if not cache.has(digest, status.st_size):
        return False
    there = os.stat(cache.path(digest))
    is_known = digest in cache.named or there.st_ctime_ns == project.stats.object_time(path, status)
    # who wants to edit an object has to make it writable
    if os.path.samestat(status, there) or (is_known and not there.st_mode & stat.S_IWUSR) or cache.verify(digest):
        return True
    cache.quarantine(digest)
    store(project, [path])
    cache.barrier()
    return cache.has(digest, status.st_size)
