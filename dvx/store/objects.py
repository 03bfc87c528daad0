"""The files of a cache as they lie there, whatever their names say; and the removal of objects."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from dvx.errors import SchemaError
from dvx.model.digest import LEGACY, Digest
from dvx.model.upkeep.gc import Stored
from dvx.store import files
from dvx.store.cache import FRESH_SECONDS, Cache, is_right
from dvx.store.clock import now_in

_HEX = frozenset("0123456789abcdef")


class Lying(Struct, frozen=True):
    """A file in the place of an object: its absolute `place`, size in bytes and mtime (seconds since the epoch).

    `digest` is None when its name is that of no object of the `algorithm`: misnamed, or left half-written. The file, which has
    so many `links` in all, is the one of that `inode`.
    """

    algorithm: str
    place: str
    digest: Digest | None
    size: int
    modified: float
    links: int = 1
    inode: int = 0


def lying(root: str) -> Iterator[Lying]:
    """Every file where objects of the cache `root` belong, in both layouts; folders that hold none are passed by."""
    top = os.path.join(root, "files")
    for algorithm in _names(top):
        for prefix in _names(os.path.join(top, algorithm)):
            yield from _below(os.path.join(top, algorithm, prefix), algorithm, prefix)
    for prefix in _names(root):
        if _is_prefix(prefix) and os.path.isdir(os.path.join(root, prefix)):
            yield from _below(os.path.join(root, prefix), LEGACY, prefix)


def digest_of(name: str) -> Digest | None:
    """The object that a `/`-separated name in a store stands for; None when it stands for none."""
    parts = name.split("/")
    try:
        if len(parts) == 2 and _is_prefix(parts[0]):
            return Digest(LEGACY, parts[0] + parts[1])
        if len(parts) == 4 and parts[0] == "files" and _is_prefix(parts[2]) and parts[1] != LEGACY:
            return Digest(parts[1], parts[2] + parts[3])
    except SchemaError:
        return None
    return None


def horizon_of(now: float, grace: float) -> float:
    """Before when an object must have been touched last, to be old at the moment `now`, with a grace in seconds.

    One that was claimed since may have been touched that much earlier.
    """
    return now - grace - FRESH_SECONDS if grace else now


def stored_in(cache: Cache, now: float) -> list[Stored]:
    """The objects of a cache. What is hard-linked to a file of a workspace counts as touched `now` (seconds since the epoch)."""
    found = list(lying(cache.root))
    names = Counter(one.inode for one in found)
    return [
        Stored(one.digest, one.size, now if one.links > names[one.inode] else one.modified, names[one.inode])
        for one in found
        if one.digest is not None
    ]


def remove_objects(cache: Cache, objects: Iterable[Stored], grace: float) -> tuple[set[Digest], set[Digest]]:
    """Remove objects, but for those that were touched in the last `grace` seconds, or are linked to files.

    Returns what was removed and what was spared. Without any grace, links do not count.

    An object loses its name before its age is looked at: whoever claims it later finds it absent and stores it anew, who did
    earlier has touched it, and it gets its name back.
    """
    horizon = horizon_of(now_in(cache.make_scratch()), grace)
    gone: set[Digest] = set()
    spared: set[Digest] = set()
    for one in objects:
        digest = one.digest
        place = cache.path(digest)
        temp = cache.new_temp()
        try:
            files.rename(place, temp)
        except FileNotFoundError:
            continue
        status = os.lstat(temp)
        if status.st_mtime > horizon or (grace and status.st_nlink > one.names):
            files.rename(temp, place)
            spared.add(digest)
            continue
        # who wants to edit an object has to make it writable
        if stat.S_ISREG(status.st_mode) and status.st_mode & stat.S_IWUSR and not is_right(temp, digest):
            cache.put_aside(digest, temp)
        else:
            files.remove(temp)
        gone.add(digest)
    return gone, spared


def _below(folder: str, algorithm: str, prefix: str) -> Iterator[Lying]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        status = os.stat(folder, follow_symlinks=False)
        yield Lying(algorithm, folder, None, status.st_size, status.st_mtime)
        return
    with entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                digest = _digest(algorithm, prefix, entry.name)
                yield Lying(algorithm, entry.path, digest, status.st_size, status.st_mtime, status.st_nlink, status.st_ino)


def _digest(algorithm: str, prefix: str, name: str) -> Digest | None:
    try:
        return Digest(algorithm, prefix + name) if _is_prefix(prefix) else None
    except SchemaError:
        return None


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_prefix(name: str) -> bool:
    return len(name) == 2 and _HEX.issuperset(name)
