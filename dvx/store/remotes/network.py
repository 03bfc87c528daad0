"""NetworkRemote: a remote through a file system of fsspec, with bounded retries and in bounded memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO, TypeVar

from dvx.errors import Corrupted, DvxError, MissingData, RemoteError
from dvx.store import files
from dvx.store.reading import open_regular
from dvx.store.remotes.blocks import Blocks
from dvx.store.remotes.calls import Caller, first_line
from dvx.store.remotes.crowd import each
from dvx.store.remotes.listed import Listed, md5_of, modified_of
from dvx.store.verify import Check, arriving

T = TypeVar("T")
# what these tell of an upload says more than the size that they would have afterwards
_TRUSTED = frozenset({"s3", "ssh", "memory"})
_FEW = 32
_PAGE, _PAGE_COST = 1000, 4


class NetworkRemote:
    """Objects below `url` through one of fsspec's file systems; made by `open_remote`."""

    def __init__(self, name: str, url: str, call: Caller, place: tuple[Any, str], jobs: int) -> None:
        scheme = call.scheme
        self.name = name
        self.url = url
        self.jobs = jobs
        self.lists = scheme.lists
        self._scheme = scheme
        self._files, root = place
        self._root = root.rstrip("/")
        self._call = call
        self._made: set[str] = set()
        self._blocks = Blocks(self._files, self._call, jobs)
        self._put_large: Callable[[str, str, Callable[[int], None]], None] | None = getattr(self._files, "put_large", None)

    def found(self, names: Collection[str]) -> dict[str, Listed]:
        """See `Remote`. Many objects are looked up by listing, where an estimate says that this asks less of the remote."""
        asked = set(names)
        if len(asked) <= _FEW or not self._scheme.lists:
            return self._found_each(asked)
        groups: dict[str, dict[str, list[str]]] = {}
        for name in asked:
            folder = name.rpartition("/")[0]
            groups.setdefault(folder.rpartition("/")[0], {}).setdefault(folder, []).append(name)
        found: dict[str, Listed] = {}
        for top, folders in groups.items():
            found |= self._found_group(top, folders)
        return {name: found[name] for name in asked & found.keys()}

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """See `Remote`."""
        return {name: one.size for name, one in self.found(names).items()}

    def missing(self, names: Collection[str]) -> set[str]:
        """See `Remote`."""
        return set(names) - self.found(names).keys()

    def names(self, prefix: str) -> Iterator[str]:
        """See `Remote`."""
        yield from sorted(name for name in self._list(prefix.rstrip("/")) if not name.rpartition("/")[2].startswith("."))

    def listing(self, prefix: str) -> Iterator[Listed]:
        """See `Remote`."""
        for name, one in sorted(self._list(prefix.rstrip("/")).items()):
            if not name.rpartition("/")[2].startswith("."):
                yield one

    def remove(self, name: str) -> None:
        """See `Remote`."""
        with contextlib.suppress(FileNotFoundError):
            self._call(partial(self._files.rm_file, self._place(name)))

    def upload(self, local: str, name: str, check: Check | None = None) -> None:
        """See `Remote`. Bytes are hashed before they are sent; a file that changes meanwhile is taken back."""
        before = os.stat(local)
        small = before.st_size <= 2 * self._blocks.size
        data = files.read(local) if small else None
        if check is not None:
            for chunk in _chunks(local) if data is None else (data,):
                check.feed(chunk)
            check.finish()
        meter = _Meter(check.moved if check is not None else None)
        self._send(local, data, name, before.st_size, meter)
        if not small and _changed(before, os.stat(local)):
            self._call(partial(self._files.rm_file, self._place(name)))
            raise Corrupted(f"`{local}` changed while it was uploaded")
        meter.relative_update(before.st_size - meter.count)

    def put(self, data: bytes, name: str) -> None:
        """See `Remote`."""
        self._send("", data, name, len(data), _Meter(None))

    def download(self, name: str, local: str, check: Check | None = None) -> None:
        """See `Remote`."""
        with arriving(local, check) as target:
            for block in self._read(name):
                if check is not None:
                    check.feed(block)
                files.write_all(target.fileno(), block)
                if check is not None:
                    check.moved(len(block))
            if check is not None:
                check.finish()

    def resume(self, name: str, file: BinaryIO, check: Callable[[], Check]) -> None:
        """See `Remote`."""
        while True:
            one, kept = check(), 0
            while chunk := file.read(files.CHUNK):
                one.feed(chunk)
                one.moved(len(chunk))
                kept += len(chunk)
            try:
                for block in self._read(name, kept):
                    one.feed(block)
                    files.write_all(file.fileno(), block)
                    one.moved(len(block))
                one.finish()
                return
            except Corrupted:
                if not kept:
                    raise
                files.empty(file)
                one.moved(-one.total)

    def read(self, name: str) -> bytes:
        """See `Remote`."""
        return b"".join(self._read(name))

    def blocks(self, name: str) -> Iterator[bytes]:
        """The bytes of an object, in parts; raises like `read`."""
        return self._read(name)

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """See `Remote`."""
        try:
            return self._blocks.one(self._place(name), start, length)
        except FileNotFoundError:
            raise self._absent(name) from None

    def flush(self) -> None:
        """See `Remote`. Nothing to do: an upload ends when the store has confirmed it."""

    def discard(self) -> None:
        """See `Remote`. Nothing to do."""

    def direct(self, call: Callable[[Any, str], T]) -> T:
        """Ask what only this kind of store can do: `call(files, root)`, with fsspec's file system and the path in it.

        Raises:
            RemoteError: the store refused or cannot be reached; a FileNotFoundError is an answer, though.
        """
        return self._call(partial(call, self._files, self._root))

    def infos(self, folder: str) -> dict[str, Any]:
        """What the store tells of each object below a folder, by name; nothing of those that only mark a folder.

        Raises:
            RemoteError: the store cannot list, refused or cannot be reached.
        """
        if not self.lists:
            raise RemoteError(f"the remote `{self.name}` cannot list what it has", "that needs another kind of remote than HTTP")
        top = self._place(folder)
        try:
            ways = {} if self._scheme.flat else {"on_error": _raise_broken}
            found = self._call(partial(self._files.find, top, detail=True, **ways))
        except FileNotFoundError:
            return {}
        infos = {path: info for path, info in found.items() if info["type"] == "file" and not path.endswith("/")}
        return {path[len(self._root) :].removeprefix("/"): info for path, info in infos.items()}

    def _found_group(self, top: str, folders: Mapping[str, list[str]]) -> dict[str, Listed]:
        """What is there of objects in folders of one parent, which are about equally full, since names are hashes."""
        sample = min(folders)
        listed = self._list(sample)
        rest = {folder: names for folder, names in folders.items() if folder != sample}
        asked = [name for names in rest.values() for name in names]
        pages = max(1.0, len(listed) / _PAGE)
        one_by_one = len(asked) / self.jobs
        by_folder = len(rest) * pages * _PAGE_COST / self.jobs
        at_once = len(listed) * 256 / _PAGE * _PAGE_COST if self._scheme.flat and top else float("inf")
        if one_by_one <= min(by_folder, at_once):
            return listed | self._found_each(asked)
        if at_once <= by_folder:
            return self._list(top)
        for more in each(self._list, rest, self.jobs):
            listed |= more
        return listed

    def _found_each(self, names: Collection[str]) -> dict[str, Listed]:
        answers = each(self._look, names, min(self.jobs, len(names)))
        return {one.name: one for one in answers if one is not None}

    def _look(self, name: str) -> Listed | None:
        try:
            info = self._call(partial(self._files.info, self._place(name)))
        except FileNotFoundError:
            return None
        return self._listed(name, info) if info["type"] == "file" else None

    def _list(self, folder: str) -> dict[str, Listed]:
        return {name: self._listed(name, info) for name, info in self.infos(folder).items()}

    def _listed(self, name: str, info: Mapping[str, Any]) -> Listed:
        return Listed(name, int(info["size"] or 0), modified_of(info), md5_of(self._scheme.protocol, info))

    def _send(self, local: str, data: bytes | None, name: str, size: int, meter: _Meter) -> None:
        target = self._place(name)
        folder = target.rpartition("/")[0]
        place = target if self._scheme.flat else f"{folder}/.{os.urandom(8).hex()}.tmp"

        def put() -> None:
            meter.relative_update(-meter.count)
            if not self._scheme.flat and folder not in self._made:
                self._files.makedirs(folder, exist_ok=True)
                self._made.add(folder)
            if data is not None:
                self._files.pipe_file(place, data)
            elif self._put_large is not None:
                self._put_large(local, place, meter.relative_update)
            else:
                self._files.put_file(local, place)
            self._confirm(place, size)
            if place != target:
                self._files.mv(place, target)

        try:
            self._call(put)
        except FileNotFoundError as error:
            raise self._no_container() or RemoteError(f"the remote `{self.name}` failed: {first_line(error)}") from None

    def _confirm(self, place: str, size: int) -> None:
        if self._scheme.protocol not in _TRUSTED and (there := self._files.info(place)["size"]) not in (None, size):
            raise ConnectionError(f"{there} of {size} bytes arrived")

    def _read(self, name: str, start: int = 0) -> Iterator[bytes]:
        try:
            yield from self._blocks.all(self._place(name), start)
        except FileNotFoundError:
            raise self._absent(name) from None

    def _absent(self, name: str) -> DvxError:
        return self._no_container() or MissingData(f"`{name}` is not at the remote `{self.name}`")

    def _no_container(self) -> DvxError | None:
        """An error if not just the object is missing but the bucket it should be in."""
        word, container = self._scheme.container, self._root.split("/")[0]
        if not word or self._files.exists(container):
            return None
        return RemoteError(
            f"the {word} `{container}` of the remote `{self.name}` does not exist", f"make it, or correct `{self.url}`"
        )

    def _place(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root


class _Meter:
    """Counts what is sent, part by part. Telling may raise, which ends the upload."""

    def __init__(self, moved: Callable[[int], None] | None) -> None:
        self.count = 0
        self._moved = moved

    def relative_update(self, count: int) -> None:
        """More bytes were sent, or fewer where a try was in vain."""
        self.count += count
        if count and self._moved is not None:
            self._moved(count)


def _chunks(path: str) -> Iterator[bytes]:
    with open_regular(path) as file:
        while chunk := file.read(files.CHUNK):
            yield chunk


def _changed(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_ino, before.st_size, before.st_mtime_ns) != (after.st_ino, after.st_size, after.st_mtime_ns)


def _raise_broken(error: OSError) -> None:
    """A folder that cannot be listed is passed over, but not a connection that broke: that would look like an empty remote."""
    if isinstance(error, ConnectionError | TimeoutError):
        raise error
