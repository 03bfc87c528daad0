"""FolderRemote: a remote in a folder of a local or mounted file system.

An upload waits under a temporary name until `flush` has made its bytes durable; only then it gets its own. Temporary files
that a dead process left are removed after a day: whether it still lives cannot be known, it may be on another machine.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import BinaryIO

from dvx.errors import MissingData, RemoteError
from dvx.model.kept import OWN_FOLDER
from dvx.store import files
from dvx.store.durable import barrier
from dvx.store.files import sparse
from dvx.store.remotes.listed import Listed
from dvx.store.verify import Check, arriving

_TEMPORARY = ".tmp"
# a file system keeps the second at its top, for root alone
_NOT_OURS = (_TEMPORARY, "lost+found")
_ABANDONED_SECONDS = 86_400
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class FolderRemote:
    """Objects below the folder `url`, an absolute path; new folders in it are for its group to write to if it is, or if they are
    `group_shared`. Threads may share it.
    """

    def __init__(self, name: str, url: str, jobs: int = 0, *, group_shared: bool = False) -> None:
        self.name = name
        self.url = url
        self.jobs = jobs or min(4, os.cpu_count() or 1)
        self.lists = True
        self._group_shared = group_shared
        self._guard = threading.Lock()
        self._pending: dict[str, str] = {}
        self._folders: set[str] = set()
        self._reduced: set[str] = set()
        self._swept = False

    def found(self, names: Collection[str]) -> dict[str, Listed]:
        """Those objects that are there, with sizes and ages."""
        found = {}
        with self._named():
            for name in names:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    status = os.stat(self._path(name))
                    if stat.S_ISREG(status.st_mode):
                        found[name] = Listed(name, status.st_size, status.st_mtime)
        return found

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """The sizes in bytes of those objects that are there."""
        return {name: one.size for name, one in self.found(names).items()}

    def missing(self, names: Collection[str]) -> set[str]:
        """Those that are not there."""
        return set(names) - self.found(names).keys()

    def names(self, prefix: str) -> Iterator[str]:
        """The names below `prefix`, a folder; empty for all."""
        top = self._path(prefix.rstrip("/"))
        if not os.path.isdir(top):
            return
        for folder, below, here in files.walk_folders(top, onerror=self._refuse):
            below[:] = sorted(name for name in below if name not in _NOT_OURS)
            inside = os.path.relpath(folder, self.url).replace(os.sep, "/")
            for name in sorted(here):
                if not name.startswith("."):
                    yield name if inside == "." else f"{inside}/{name}"

    def listing(self, prefix: str) -> Iterator[Listed]:
        """Like `names`, with sizes and ages."""
        for name in self.names(prefix):
            with contextlib.suppress(FileNotFoundError):
                status = os.stat(self._path(name))
                yield Listed(name, status.st_size, status.st_mtime)

    def remove(self, name: str) -> None:
        """Remove an object; a missing one is fine."""
        with self._named():
            files.remove(self._path(name))
        with self._guard:
            self._reduced.add(os.path.dirname(self._path(name)))

    def upload(self, local: str, name: str, check: Check | None = None) -> None:
        """Copy a local file to `name`; it is there after `flush`.

        Raises:
            Corrupted: the bytes are not those that `check` expects; nothing gets the name.
            FileNotFoundError: there is no such local file.
        """
        with open(local, "rb") as source:
            self._accept(_chunks(source.fileno(), local), name, check)

    def put(self, data: bytes, name: str) -> None:
        """Store bytes as `name`; they are there after `flush`."""
        self._accept((memoryview(data),), name, None)

    def download(self, name: str, local: str, check: Check | None = None) -> None:
        """Copy the object to the new file `local`; nothing is left there on failure.

        Raises:
            MissingData: there is no such object.
            Corrupted: the bytes are not those that `check` expects.
        """
        source = self._open(name)
        try:
            with arriving(local, check) as sink:
                _pass_on(self._chunks(source, name), sink.fileno(), local, check)
        finally:
            os.close(source)

    def resume(self, name: str, file: BinaryIO, check: Callable[[], Check]) -> None:
        """Like `download`; what the file holds is dropped: a disk is as quick to read as to compare with."""
        files.empty(file)
        source = self._open(name)
        try:
            _pass_on(self._chunks(source, name), file.fileno(), file.name, check())
        finally:
            os.close(source)

    def read(self, name: str) -> bytes:
        """The bytes of an object, unverified; raises MissingData."""
        with self._named(), open(self._open(name), "rb") as file:
            return file.read()

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Part of an object, unverified, shorter where the object ends before; raises MissingData."""
        handle = self._open(name)
        try:
            with self._named():
                return os.pread(handle, length, start)
        finally:
            os.close(handle)

    def flush(self) -> None:
        """Make all uploads durable, and give them their names; make removals durable."""
        with self._guard, self._named():
            barrier({folder for folder in self._reduced if os.path.isdir(folder)}, self.url)
            self._reduced = set()
            if not self._pending:
                return
            barrier(self._pending.values(), self.url)
            targets = {self._path(name): temp for name, temp in self._pending.items()}
            for target, temp in targets.items():
                files.rename(temp, target)
            barrier({os.path.dirname(target) for target in targets}, self.url)
            self._pending = {}

    def discard(self) -> None:
        """Drop uploads that no flush named; for a command that failed."""
        with self._guard:
            pending, self._pending = self._pending, {}
        for temp in pending.values():
            with contextlib.suppress(OSError):
                files.remove(temp)

    def _accept(self, chunks: Iterable[memoryview | int], name: str, check: Check | None) -> None:
        """Store bytes under a temporary name, to be called `name` by `flush`."""
        temp = f"{self.url}/{_TEMPORARY}/{os.urandom(8).hex()}"
        with self._named():
            self._prepare(os.path.dirname(self._path(name)))
            try:
                with files.create_new(temp) as sink:
                    self._sweep(os.fstat(sink.fileno()).st_mtime)
                    _pass_on(chunks, sink.fileno(), temp, check)
                files.set_mode(temp, files.PROTECTED)
            except BaseException:
                files.remove(temp)
                raise
        with self._guard:
            other = self._pending.pop(name, None)
            self._pending[name] = temp
        if other is not None:
            files.remove(other)

    def _prepare(self, folder: str) -> None:
        with self._guard:
            if not self._folders:
                self._make_folder(f"{self.url}/{_TEMPORARY}")
            if folder not in self._folders:
                self._make_folder(folder)
                self._folders.add(folder)

    def _make_folder(self, folder: str) -> None:
        files.make_group_folder(folder, always=self._group_shared)

    def _sweep(self, now: float) -> None:
        """Remove what was left there long before `now`, which is how late it is by the clock of the folder's file system."""
        with self._guard:
            if self._swept:
                return
            self._swept = True
        folder = f"{self.url}/{_TEMPORARY}"
        for place in (f"{folder}/{name}" for name in files.names_in(folder, OWN_FOLDER)):
            with contextlib.suppress(FileNotFoundError):
                if now - os.lstat(place).st_mtime > _ABANDONED_SECONDS:
                    files.remove(place)

    def _path(self, name: str) -> str:
        return f"{self.url}/{name}" if name else self.url

    def _open(self, name: str) -> int:
        """A descriptor; only of a regular file, so that no pipe makes us wait for ever."""
        with self._named():
            try:
                handle = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
            except (FileNotFoundError, NotADirectoryError):
                if not os.path.isdir(self.url):
                    hint = "is its disk mounted? `push` makes the folder"
                    raise RemoteError(f"the folder `{self.url}` of the remote `{self.name}` does not exist", hint) from None
                raise MissingData(f"`{name}` is not at the remote `{self.name}`") from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise RemoteError(f"`{self._path(name)}` is not a file")
        return handle

    def _chunks(self, handle: int, name: str) -> Iterator[memoryview | int]:
        with self._named():
            yield from _chunks(handle, self._path(name))

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Errors of the file system become errors of this remote."""
        try:
            yield
        except OSError as error:
            self._refuse(error)

    def _refuse(self, error: OSError) -> None:
        place = error.filename or self.url
        hint = "free some space there" if error.errno in _NO_SPACE else "check that you may read and write there"
        raise RemoteError(f"the remote `{self.name}` failed: {error.strerror}: `{place}`", hint) from error


def _chunks(handle: int, place: str) -> Iterator[memoryview | int]:
    """See `files.sparse.parts`; errors name the file."""
    try:
        yield from sparse.parts(handle)
    except OSError as error:
        raise OSError(error.errno, error.strerror, place) from None


def _pass_on(parts: Iterable[memoryview | int], target: int, place: str, check: Check | None) -> None:
    for part in parts:
        if check is not None:
            sparse.show(part, check.feed)
        try:
            sparse.write_part(target, part)
        except OSError as error:
            raise OSError(error.errno, error.strerror, place) from None
        if check is not None:
            check.moved(part if isinstance(part, int) else len(part))
    if check is not None:
        check.finish()
