"""Cache: the local object store. An object's name is the hash of its bytes.

New objects wait under temporary names until `barrier` has made their bytes durable; only then are they renamed. Reading sees
them at once. What a dead process left in `tmp` is swept by the next one that writes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
import time
from collections.abc import Iterable

from dvx.errors import Corrupted, MissingData, UnsafePath, quoted
from dvx.model.digest import TREE_SUFFIX, Digest, new_hasher
from dvx.model.events import Notice, Tell, silent
from dvx.model.paths import printable
from dvx.model.tree import Tree, decode_tree
from dvx.store import files
from dvx.store.durable import barrier
from dvx.store.reading import open_regular
from dvx.store.scratch import Scratch
from dvx.store.verify import Check

_BATCH_FILES = 50_000
_FEW = 4
_BATCH_BYTES = 1 << 30
FRESH_SECONDS = 3600


class Cache:
    """The store below `root`; `group_shared` makes new folders writable for the group. `tell` hears what is put aside."""

    def __init__(self, root: str, *, group_shared: bool = False) -> None:
        self.root = root
        self.runs = os.path.join(root, "runs")
        self.tell: Tell = silent
        self.named: set[Digest] = set()  # new objects that have their names
        self._group_shared = group_shared
        self._guard = threading.RLock()
        self._pending: dict[Digest, str] = {}
        self._writable: dict[str, int] = {}
        self._pending_bytes = 0
        self._folders: set[str] = set()
        self._real: set[str] = set()
        self._scratch = Scratch(os.path.join(root, "tmp"), self._make_folder)

    def path(self, digest: Digest) -> str:
        """Where the object is, or would be."""
        return (self._pending and self._pending.get(digest)) or self.path_of(digest)

    def path_of(self, digest: Digest) -> str:
        """Where the object will be, once it is durable."""
        return f"{self.root}/{digest.object_name}"

    def has(self, digest: Digest, size: int | None = None) -> bool:
        """Whether the object is there; with `size`, an object of another length (truncated) counts as absent."""
        try:
            status = os.lstat(self.path(digest))
        except OSError:
            return False
        return _is_object(status) and (size is None or digest.is_tree or status.st_size == size)

    def claim(self, digest: Digest, size: int | None = None, linked: os.stat_result | None = None) -> bool:
        """Like `has`, for who is about to name the object: it counts as new from now on, so that no `gc` removes it before.
        It does so untouched if a workspace file, with the stat `linked`, is the same one by a hard link.
        """
        place = self.path(digest)
        try:
            status = os.lstat(place)
            if not _is_object(status) or (size is not None and not digest.is_tree and status.st_size != size):
                return False
            is_new = digest in self._pending or time.time() - status.st_mtime <= FRESH_SECONDS
            if not is_new and not (linked and os.path.samestat(status, linked)):
                files.touch(place)
        except PermissionError:
            # another user's object is stored anew, as our own, where that is possible
            return os.path.exists(place) and not os.access(os.path.dirname(place), os.W_OK)
        except OSError as error:
            return error.errno == errno.EROFS
        return True

    def sizes(self, digests: Iterable[Digest]) -> dict[Digest, int]:
        """The sizes in bytes of those that are there."""
        found = {}
        for digest in digests:
            with contextlib.suppress(OSError):
                status = os.lstat(self.path(digest))
                if _is_object(status):
                    found[digest] = status.st_size
        return found

    def holds_all(self, algorithm: str, names: Iterable[str]) -> bool:
        """Whether the objects of all these hexes are there; folders are listed where that is quicker than asking for each."""
        by_folder: dict[str, set[str]] = {}
        pending = {digest.hex for digest in self._pending if digest.algorithm == algorithm}
        for name in names:
            if name not in pending:
                by_folder.setdefault(name[:2], set()).add(name[2:])
        return all(self._folder_holds(algorithm, prefix, rest) for prefix, rest in by_folder.items())

    def read(self, digest: Digest) -> bytes:
        """The object's bytes, verified.

        Raises:
            MissingData: it is not there.
            Corrupted: the bytes do not hash to the name; the object is put in quarantine.
        """
        try:
            return self._peek(digest)
        except Corrupted as error:
            self.quarantine(digest)
            raise Corrupted(f"{error.message}; it was put aside", "run `dvx fetch` to get it again") from None

    def read_tree(self, digest: Digest) -> Tree:
        """The directory that a tree object describes; raises like `read`."""
        return decode_tree(self.read(digest), digest.algorithm)

    def peek_tree(self, digest: Digest) -> Tree:
        """Like `read_tree`, but wrong bytes stay where they are."""
        return decode_tree(self._peek(digest), digest.algorithm)

    def verify(self, digest: Digest) -> bool:
        """Whether the object is there and its bytes hash to its name; reads it whole."""
        try:
            return is_right(self.path(digest), digest)
        except FileNotFoundError:
            return False

    def new_temp(self) -> str:
        """A fresh name in the temporary folder of the cache."""
        return self._scratch.new()

    def partial(self, digest: Digest) -> str:
        """Where an object is while it arrives, so that whoever is cut off can go on; see `Partial`."""
        return os.path.join(self.root, "partial", f"{digest.algorithm}-{digest.hex}")

    def put(self, data: bytes | memoryview, digest: Digest) -> bool:
        """Store bytes that are known to hash to `digest`; False if an object of that name was there."""
        if self.claim(digest, len(data)):
            return False
        temp = self.new_temp()
        files.write_new(temp, data, files.PROTECTED)
        self._add(temp, digest, len(data))
        return True

    def admit(self, temp: str, digest: Digest) -> None:
        """Take over a temporary file whose bytes were verified against `digest`."""
        status = os.stat(temp)
        if status.st_mode & 0o777 != files.PROTECTED:
            try:
                files.set_mode(temp, files.PROTECTED)
            except OSError:
                files.remove(temp)
                raise
            self._writable[temp] = status.st_mode & 0o777
        self._add(temp, digest, status.st_size)

    def barrier(self) -> None:
        """Give all new objects their names, and make bytes and names durable."""
        with self._guard:
            if not self._pending:
                return
            barrier(self._pending.values(), self.root)
            folders = set()
            for digest, temp in list(self._pending.items()):
                target = self.path_of(digest)
                folder = os.path.dirname(target)
                if folder not in self._folders:
                    self._make_folder(folder)
                    self._folders.add(folder)
                folders.add(folder)
                if os.path.lexists(target):
                    self._spare(digest, target, temp)
                files.rename(temp, target)
                del self._pending[digest]
                self.named.add(digest)
            self._pending_bytes, self._writable = 0, {}
            barrier(folders, self.root)

    def discard(self) -> None:
        """Drop new objects that no barrier named; for a command that failed."""
        with self._guard:
            for temp in self._pending.values():
                with contextlib.suppress(OSError):
                    if temp in self._writable and os.stat(temp).st_nlink > 1:  # a workspace file on its way to become an object
                        files.set_mode(temp, self._writable[temp])
            self._pending, self._writable = {}, {}
            self._pending_bytes = 0
            self._scratch.close()

    def quarantine(self, digest: Digest) -> str:
        """Put an object aside whose bytes are wrong, durably, and tell where; returns that place."""
        return self.put_aside(digest, self.path(digest))

    def put_aside(self, digest: Digest, wrong: str) -> str:
        """Like `quarantine`, for a file that was under the name of the object."""
        place = files.move_aside(wrong, self.kept(f"quarantine/{digest.algorithm}/{digest.hex}"))
        barrier([place, os.path.dirname(place)], self.root)
        text = f"the object `{digest}` in the cache was changed, so it was moved to `{printable(place)}`"
        self.tell(Notice(text, "if somebody edited a file that is linked to the cache, that edit is in there"))
        return place

    def put_aside_before(self) -> list[str]:
        """The files that were put aside, but for what remotes had."""
        top = os.path.join(self.root, "quarantine")
        found = []
        for folder, below, names in files.walk_folders(top):
            if folder == top and "remotes" in below:
                below.remove("remotes")
            found += [os.path.join(folder, name) for name in names]
        return found

    def aside(self, remote: str, digest: Digest) -> str:
        """Where the bytes that a remote has for an object are put when they are wrong."""
        return self.kept(f"quarantine/remotes/{remote}/{digest.object_name}")

    def kept(self, name: str) -> str:
        """The place of something in the cache that is not an object.

        Raises:
            UnsafePath: a folder on the way is a symbolic link; the first one may be, for `config.own` looks at it.
        """
        above = name.rpartition("/")[0]
        if above not in self._real:
            parts = above.split("/")
            for folder in (os.path.join(self.root, *parts[:end]) for end in range(2, len(parts) + 1)):
                if os.path.islink(folder):
                    text = f"`{printable(folder)}` is a symbolic link, and dvx does not follow links in its cache"
                    raise UnsafePath(text, f"remove it with `rm {quoted(folder)}`")
            self._real.add(above)
        return os.path.join(self.root, name)

    def _peek(self, digest: Digest) -> bytes:
        try:
            data = files.read(self.path(digest))
        except FileNotFoundError:
            raise MissingData(f"the object `{digest}` is not in the cache", "run `dvx fetch` to get it from a remote") from None
        check = Check(digest)
        check.feed(data)
        check.finish()
        return data

    def _spare(self, digest: Digest, target: str, temp: str) -> None:
        """Put aside what has the name of a new object, unless it holds the same bytes."""
        with contextlib.suppress(FileNotFoundError):
            if os.path.samefile(target, temp):
                return
            if os.stat(target).st_size != os.stat(temp).st_size or not is_right(target, digest):
                self.put_aside(digest, target)

    def _folder_holds(self, algorithm: str, prefix: str, rest: set[str]) -> bool:
        folder = os.path.dirname(self.path_of(Digest(algorithm, prefix + next(iter(rest)))))
        if len(rest) <= _FEW:
            return all(os.path.exists(f"{folder}/{name}") for name in rest)
        try:
            return rest.issubset(os.listdir(folder))
        except FileNotFoundError:
            return False

    def _add(self, temp: str, digest: Digest, size: int) -> None:
        with self._guard:
            other = self._pending.get(digest)
            if other is not None:
                files.remove(temp)
                return
            self._pending[digest] = temp
            self._pending_bytes += size
            if len(self._pending) >= _BATCH_FILES or self._pending_bytes >= _BATCH_BYTES:
                self.barrier()

    def make_scratch(self) -> str:
        """The folder for what is not complete yet, made like the others."""
        self._make_folder(os.path.join(self.root, "tmp"))
        return os.path.join(self.root, "tmp")

    def _make_folder(self, folder: str) -> None:
        files.make_group_folder(folder, always=self._group_shared)


def _is_object(status: os.stat_result) -> bool:
    """Whether a file is what dvx would have put there: behind a link is something else, which is not to be touched or sent."""
    return stat.S_ISREG(status.st_mode)


def is_right(place: str, digest: Digest) -> bool:
    """Whether the bytes of a file hash to `digest`; reads it whole."""
    hasher = new_hasher(digest.algorithm)
    with open_regular(place) as file:
        while chunk := file.read(files.CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest() == digest.hex.removesuffix(TREE_SUFFIX)
