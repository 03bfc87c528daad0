"""Packs: small objects of a remote, many to a file, so that copying them costs few requests.

A pack is written before its index, and counts only with it: an upload that was cut off leaves half a pack, which `gc` removes.
Nothing is written under a name that was there before. Indexes never change, so they are kept once read, until their packs are
gone; that they and their packs are there is asked of the remote each time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from dvx.errors import Corrupted, MissingData
from dvx.model.digest import TREE_SUFFIX, Digest
from dvx.model.events import Notice, Tell
from dvx.model.transfer.pack import (
    FOLDER,
    INDEX,
    LONGEST_INDEX,
    PACK,
    SUFFIXES,
    Pack,
    Packed,
    decode_index,
    encode_index,
    is_pack_name,
    name_of,
    pack_file,
    ranges,
)
from dvx.store import files
from dvx.store.remotes.crowd import each
from dvx.store.remotes.listed import Listed
from dvx.store.remotes.remote import Remote
from dvx.store.verify import Check

_GAP, _LONGEST = 64 << 10, 8 << 20


class Packs:
    """The packs of one algorithm at a remote; `folder` is where indexes of this remote are kept."""

    def __init__(self, remote: Remote, algorithm: str, folder: str) -> None:
        self.algorithm = algorithm
        self._remote = remote
        self._folder = folder

    def listed(self) -> list[Pack]:
        """The packs that have an index; raises RemoteError."""
        return self.listing()[0]

    def listing(self) -> tuple[list[Pack], list[Listed]]:
        """The packs that have an index, and the files that belong to none: halves of packs, and marks of earlier versions."""
        found: dict[str, dict[str, Listed]] = {}
        for one in self._remote.listing(f"{FOLDER}/{self.algorithm}"):
            name, dot, suffix = one.name.rpartition("/")[2].rpartition(".")
            if is_pack_name(self.algorithm, name) and one.name == self.file(name, dot + suffix) and dot + suffix in SUFFIXES:
                found.setdefault(name, {})[dot + suffix] = one
        packs: list[Pack] = []
        strays: list[Listed] = []
        for name, parts in sorted(found.items()):
            if PACK in parts and INDEX in parts:
                del parts[INDEX]
                pack = parts.pop(PACK)
                packs.append(Pack(name, pack.size, pack.modified))
            strays += parts.values()
        self._forget({pack.name for pack in packs})
        return packs, strays

    def objects(self, pack: Pack) -> list[tuple[str, int]]:
        """What a pack holds, in its order: the hex of each digest and its size.

        Raises:
            Corrupted: its index is wrong, or it is not as long as its index says.
            MissingData: it is gone.
        """
        found = list(decode_index(self.algorithm, pack.name, self._index(pack)))
        if sum(size for _, size in found) != pack.size:
            raise Corrupted(f"the pack `{pack.name}` at the remote `{self._remote.name}` has another length than its index says")
        return found

    def places(self, pack: Pack) -> Iterator[Packed]:
        """The objects of a pack and where each lies in it; raises like `objects`."""
        return self._placed(self.objects(pack))

    def promised(self, pack: Pack) -> Iterator[Packed]:
        """What the index of a pack says, read anew, whether the pack is as long or not; raises like `objects`."""
        return self._placed(decode_index(self.algorithm, pack.name, self._ask_index(pack)))

    def locate(self, wanted: Collection[Digest], tell: Tell) -> dict[Digest, tuple[str, Packed]]:
        """The pack, by name, and the place in it of those objects that are packed."""
        asked = self._asked(wanted)
        found: dict[Digest, tuple[str, Packed]] = {}
        for pack, objects in self._readable(self.listed() if asked else [], tell):
            offset = 0
            for key, size in objects:
                digest = asked.get(key)
                if digest is not None:
                    found[digest] = (pack.name, Packed(digest, offset, size))
                offset += size
        return found

    def ages(self, wanted: Collection[Digest], tell: Tell) -> dict[Digest, float]:
        """When the youngest pack was written that has it (seconds since the epoch), for those objects that are packed.

        Takes less time than `locate`.
        """
        asked = self._asked(wanted)
        packs = sorted(self.listed() if asked else [], key=lambda pack: pack.modified)
        found: dict[Digest, float] = {}
        for pack, objects in self._readable(packs, tell):
            found.update((digest, pack.modified) for key, _ in objects if (digest := asked.get(key)) is not None)
        return found

    def write(self, objects: Sequence[tuple[Digest, bytes]]) -> None:
        """Store objects, whose bytes were verified, as a new pack; it is there when this returns."""
        index = encode_index(self.algorithm, [(digest, len(data)) for digest, data in objects], os.urandom(16))
        name = name_of(self.algorithm, index)
        for data, suffix in ((b"".join(data for _, data in objects), PACK), (index, INDEX)):
            self._remote.put(data, self.file(name, suffix))
            self._remote.flush()

    def remove(self, name: str) -> None:
        """Remove a pack, or the half of one whose name this is, with its suffix."""
        for suffix in ("",) if "." in name else (INDEX, PACK):
            self._remote.remove(self.file(name, suffix))

    def read(self, name: str, places: Sequence[Packed]) -> Iterator[tuple[Packed, bytes]]:
        """The bytes of objects that lie close together in a pack, unverified; fewer where it ends too early.

        Raises:
            MissingData: the pack is gone.
        """
        start = places[0].offset
        data = self._remote.read_range(self.file(name, PACK), start, places[-1].offset + places[-1].size - start)
        for place in places:
            yield place, data[place.offset - start : place.offset - start + place.size]

    def file(self, name: str, suffix: str) -> str:
        """The name of one of a pack's files at the remote."""
        return pack_file(self.algorithm, name, suffix)

    def _placed(self, objects: Iterable[tuple[str, int]]) -> Iterator[Packed]:
        offset = 0
        for key, size in objects:
            yield Packed(Digest(self.algorithm, key), offset, size)
            offset += size

    def _asked(self, wanted: Collection[Digest]) -> dict[str, Digest]:
        # trees are never packed
        return {one.hex: one for one in wanted if one.algorithm == self.algorithm and one.hex[-len(TREE_SUFFIX) :] != TREE_SUFFIX}

    def _readable(self, packs: Sequence[Pack], tell: Tell) -> Iterator[tuple[Pack, list[tuple[str, int]]]]:
        """What each pack holds, but for those that cannot be read, which are told."""
        for pack, answer in zip(packs, each(self._try_objects, packs, self._remote.jobs), strict=True):
            if isinstance(answer, Corrupted):
                tell(Notice(f"{answer.message}; it is left out", f"run `dvx fsck --remote {self._remote.name}`"))
            else:
                yield pack, answer

    def _try_objects(self, pack: Pack) -> list[tuple[str, int]] | Corrupted:
        try:
            return self.objects(pack)
        except MissingData:
            return []
        except Corrupted as error:
            return error

    def _forget(self, but: AbstractSet[str]) -> None:
        """Remove the indexes of packs that are gone."""
        folder = os.path.join(self._folder, self.algorithm)
        with contextlib.suppress(OSError):
            for name in set(os.listdir(folder)) - but:
                if is_pack_name(self.algorithm, name):  # another process may be writing one
                    files.remove(os.path.join(folder, name))

    def _index(self, pack: Pack) -> bytes:
        place = os.path.join(self._folder, self.algorithm, pack.name)
        try:
            data = files.read(place)
            if name_of(self.algorithm, data) == pack.name:
                return data
        except OSError:
            pass
        data = self._ask_index(pack)
        if name_of(self.algorithm, data) == pack.name:
            files.make_folder(os.path.dirname(place))
            files.write_atomic(place, data)
        return data

    def _ask_index(self, pack: Pack) -> bytes:
        return self._remote.read_range(self.file(pack.name, INDEX), 0, LONGEST_INDEX + 1)


def read_packed(
    packs: Packs, found: Mapping[Digest, tuple[str, Packed]], jobs: int, take: Callable[[Digest, bytes], None]
) -> dict[Digest, str]:
    """Read objects out of packs, close ones at once; `take` is called in threads with each, verified.

    What is wrong in its pack is read once more. Returns what could not be had, and why.

    Raises:
        RemoteError: the remote failed.
    """
    by_pack: dict[str, list[Packed]] = {}
    for name, place in found.values():
        by_pack.setdefault(name, []).append(place)
    work = [(name, group) for name, places in by_pack.items() for group in ranges(places, _GAP, _LONGEST)]
    failed: dict[Digest, str] = {}
    for problems in each(partial(_read_group, packs, take), work, jobs):
        failed |= problems
    return failed


def _read_group(packs: Packs, take: Callable[[Digest, bytes], None], work: tuple[str, list[Packed]]) -> dict[Digest, str]:
    name, places = work
    try:
        wrong = _take_right(packs.read(name, places), take)
        wrong = _take_right(((place, data) for place in wrong for _, data in packs.read(name, [place])), take)
    except MissingData as error:
        return {place.digest: error.message for place in places}
    return {place.digest: f"{reason}, in the pack `{name}`" for place, reason in wrong.items()}


def _take_right(read: Iterable[tuple[Packed, bytes]], take: Callable[[Digest, bytes], None]) -> dict[Packed, str]:
    """Take what is right of what was read; returns the rest, and why."""
    wrong: dict[Packed, str] = {}
    for place, data in read:
        check = Check(place.digest)
        try:
            check.feed(data)
            check.finish()
        except Corrupted as error:
            wrong[place] = error.message
        else:
            take(place.digest, data)
    return wrong
