"""Reading files once: hashing them, and hashing them while they enter the cache."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from msgspec import Struct

from dvx.errors import DvxError
from dvx.model.digest import Digest, new_hasher
from dvx.model.paths import printable
from dvx.store import files
from dvx.store.cache import Cache
from dvx.store.files import sparse
from dvx.store.scan import FoundFile
from dvx.store.stats import is_settled

_T = TypeVar("_T")
SMALL = 4 << 20
_TRIES = 5


class Link(Enum):
    """How a workspace file and its object share bytes."""

    REFLINK = "reflink"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    COPY = "copy"


class Hashed(Struct):
    """A file's digest and the stat that belongs to it; `settled` when that stat vouches for the digest from now on.

    `made` when an object was made of what was read.
    """

    digest: Digest
    status: os.stat_result
    settled: bool
    made: bool = False


def hash_file(found: FoundFile, algorithm: str) -> Hashed:
    """Hash a file without keeping its bytes; raises OSError, with the file's place, where it cannot be read."""

    def read(handle: int, size: int) -> Digest:
        hasher = new_hasher(algorithm)
        if size <= SMALL:
            hasher.update(_read_small(handle, size))
        else:
            for part in sparse.parts(handle):
                sparse.show(part, hasher.update)
        return Digest(algorithm, hasher.hexdigest())

    try:
        digest, status, moment = _stable(found, read, lambda _: None)
    except OSError as error:
        # what fails while a file is read knows only its descriptor
        error.filename = error.filename or found.place
        raise
    return Hashed(digest, status, is_settled(status, moment))


class Intake:
    """Takes workspace files into a cache; `links` is the configured order of link types.

    With reflink the object is a clone of the file, with hardlink it is the file itself, otherwise a copy.
    """

    def __init__(self, cache: Cache, algorithm: str, links: tuple[Link, ...]) -> None:
        self._cache = cache
        self._algorithm = algorithm
        self._ways = [way for way in links if way in (Link.REFLINK, Link.HARDLINK)]

    def take(self, found: FoundFile) -> Hashed:
        """Put a file's bytes in the cache.

        Raises:
            DvxError: the file changes while it is read, again and again.
            OSError: it cannot be read, or the cache cannot be written.
        """
        read, status, moment = _stable(found, lambda handle, size: self._read(found.place, handle, size), _Read.drop)
        if isinstance(read.kept, bytes):
            made, linked = self._cache.put(read.kept, read.digest), False
        else:
            made = not self._cache.claim(read.digest, status.st_size)
            linked = made and os.stat(read.kept).st_ino == status.st_ino
            if made:
                self._cache.admit(read.kept, read.digest)
            else:
                read.drop()
        return Hashed(read.digest, status, is_settled(status, moment, linked=linked), made)

    def _read(self, place: str, handle: int, size: int) -> _Read:
        while self._ways and not (self._ways[0] is Link.HARDLINK and is_private(size, os.fstat(handle).st_mode & stat.S_IXUSR)):
            temp = self._cache.new_temp()
            shared = _share(place, temp, self._ways[0])
            if shared:
                return self._admitted(temp)
            if shared is None:
                break
            self._ways.pop(0)
        if size <= SMALL:
            data = _read_small(handle, size)
            hasher = new_hasher(self._algorithm)
            hasher.update(data)
            return _Read(Digest(self._algorithm, hasher.hexdigest()), data)
        return self._copied(handle)

    def _copied(self, handle: int) -> _Read:
        hasher = new_hasher(self._algorithm)
        temp = self._cache.new_temp()
        try:
            with files.create_new(temp) as writing:
                sparse.copy(handle, writing.fileno(), hasher.update)
        except BaseException:
            files.remove(temp)
            raise
        return _Read(Digest(self._algorithm, hasher.hexdigest()), temp)

    def _admitted(self, temp: str) -> _Read:
        hasher = new_hasher(self._algorithm)
        try:
            handle = os.open(temp, os.O_RDONLY | os.O_CLOEXEC)
            try:
                for part in sparse.parts(handle):
                    sparse.show(part, hasher.update)
            finally:
                os.close(handle)
        except BaseException:
            files.remove(temp)
            raise
        return _Read(Digest(self._algorithm, hasher.hexdigest()), temp)


class _Read(Struct):
    """What was read of a file: `kept` is all of its bytes, or the temporary file that holds them."""

    digest: Digest
    kept: bytes | str

    def drop(self) -> None:
        """Forget it."""
        if isinstance(self.kept, str):
            files.remove(self.kept)


def is_private(size: int, executable: int) -> bool:
    """Whether a file is never a link to its object: there is one object for all empty files, and none is executable."""
    return not size or bool(executable)


def _share(place: str, temp: str, way: Link) -> bool | None:
    """Let `temp` share bytes with a file; False where that is impossible, None for what has other names."""
    if way is Link.REFLINK:
        return files.reflink(place, temp, files.PROTECTED)
    # what has other names may be an object that was edited through this one: it is to stay as it is, writable, to be found
    if os.path.islink(place) or os.stat(place).st_nlink > 1:
        return None
    try:
        files.hardlink(place, temp)
    except OSError:
        return False
    try:
        files.set_mode(temp, os.stat(temp).st_mode & 0o7777)
    except OSError:
        # another user's file cannot be protected, as an object must be
        files.remove(temp)
        return None
    return True


def _stable(found: FoundFile, read: Callable[[int, int], _T], drop: Callable[[_T], object]) -> tuple[_T, os.stat_result, int]:
    """Read until the file was the same before and after; returns what was read, the stat, and when reading began (ns).

    What was read in vain is dropped.
    """
    before = found.status
    for _ in range(_TRIES):
        handle = os.open(found.place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            moment = time.time_ns()
            result = read(handle, before.st_size)
            after = os.fstat(handle)
        finally:
            os.close(handle)
        if before.st_size == after.st_size and before.st_mtime_ns == after.st_mtime_ns:
            return result, after, moment
        drop(result)
        before = after
    raise DvxError(f"`{printable(found.path)}` keeps changing while it is read", "try again when nothing writes to it")


def _read_small(handle: int, size: int) -> bytes:
    """All bytes of a file of about `size` bytes."""
    data = os.read(handle, size + 1)
    if len(data) == size:
        return data
    parts = [data]
    while part := os.read(handle, files.CHUNK):
        parts.append(part)
    return b"".join(parts)
