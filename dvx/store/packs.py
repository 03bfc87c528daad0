"""Packs: small objects of a remote, many to a file, so that copying them costs few requests.

A pack is written before its index, and counts only with it: an upload that was cut off leaves a file that nothing knows.
Indexes never change, so they are kept once read; that they and their packs are there is asked of the remote each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from msgspec import Struct

from dvx.errors import Corrupted, MissingData
from dvx.model.digest import TREE_SUFFIX, Digest
from dvx.model.events import Notice, Tell
from dvx.model.pack import (
    CONDEMNED,
    FOLDER,
    INDEX,
    LONGEST_INDEX,
    PACK,
    Packed,
    decode_index,
    encode_index,
    is_pack_name,
    name_of,
    pack_file,
    ranges,
)
from dvx.store import files
from dvx.store.crowd import each
from dvx.store.remote import Remote
from dvx.store.verify import Check

_GAP, _LONGEST = 64 << 10, 8 << 20


class Pack(Struct, frozen=True):
    """A pack at a remote: its `size` in bytes, when it was written, and since when it is to go (None: it is not)."""

    name: str
    size: int
    modified: float
    condemned: float | None = None


class Packs:
    """The packs of one algorithm at a remote; `folder` is where indexes are kept."""

    def __init__(self, remote: Remote, algorithm: str, folder: str) -> None:
        self.algorithm = algorithm
        self._remote = remote
        self._folder = folder
        self._condemned: frozenset[str] = frozenset()

    def listed(self) -> list[Pack]:
        """The packs that have an index; raises RemoteError."""
        found: dict[str, dict[str, tuple[int, float]]] = {}
        for one in self._remote.listing(f"{FOLDER}/{self.algorithm}"):
            name, dot, suffix = one.name.rpartition("/")[2].rpartition(".")
            if is_pack_name(self.algorithm, name):
                found.setdefault(name, {})[dot + suffix] = (one.size, one.modified)
        self._condemned = frozenset(name for name, parts in found.items() if CONDEMNED in parts)
        return [
            Pack(name, *parts[PACK], parts[CONDEMNED][1] if CONDEMNED in parts else None)
            for name, parts in sorted(found.items())
            if PACK in parts and INDEX in parts
        ]

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

    def locate(self, wanted: Collection[Digest], tell: Tell, *, condemned: bool = True) -> dict[Digest, tuple[str, Packed]]:
        """The pack, by name, and the place in it of those objects that are packed. `condemned` packs may be left out."""
        asked = self._asked(wanted)
        packs = self.listed() if asked else []
        found: dict[Digest, tuple[str, Packed]] = {}
        # those that stay are looked at last, and win
        chosen = [pack for pack in sorted(packs, key=lambda pack: pack.condemned is None) if condemned or pack.condemned is None]
        for pack, objects in self._readable(chosen, tell):
            offset = 0
            for key, size in objects:
                digest = asked.get(key)
                if digest is not None:
                    found[digest] = (pack.name, Packed(digest, offset, size))
                offset += size
        return found

    def lacking(
        self, wanted: AbstractSet[Digest], tell: Tell, is_young: Callable[[float], bool]
    ) -> tuple[set[Digest], set[Digest]]:
        """Those objects that lie in no pack, or only in condemned ones; and those that lie only in packs that are not young.

        Takes less time than `locate`.
        """
        asked = self._asked(wanted)
        staying = [pack for pack in (self.listed() if asked else []) if pack.condemned is None]
        young = [pack for pack in staying if is_young(pack.modified)]
        packed: list[Digest] = []
        for _, objects in self._readable(young, tell):
            packed += [digest for key, _ in objects if (digest := asked.pop(key, None)) is not None]
        old: set[Digest] = set()
        for _, objects in self._readable([pack for pack in staying if pack not in young], tell):
            old.update(digest for key, _ in objects if (digest := asked.pop(key, None)) is not None)
        return set(wanted).difference(packed, old), old

    def write(self, objects: Sequence[tuple[Digest, bytes]]) -> str:
        """Store objects, whose bytes were verified, as one pack; returns its name. It is there when this returns.

        One that was condemned when the packs were listed is not written again: it is about to go. Another order makes another
        name; an object that is alone is stored by itself, and the name is empty.
        """
        for turn in range(len(objects)):
            turned = [*objects[turn:], *objects[:turn]]
            index = encode_index(self.algorithm, [(digest, len(data)) for digest, data in turned])
            name = name_of(self.algorithm, index)
            if name not in self._condemned:
                self._write(name, index, turned)
                return name
        for digest, data in objects:
            self._remote.put(data, digest.object_name)
        self._remote.flush()
        return ""

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

    def _write(self, name: str, index: bytes, objects: Sequence[tuple[Digest, bytes]]) -> None:
        self._remote.put(b"".join(data for _, data in objects), self.file(name, PACK))
        self._remote.flush()
        self._remote.put(index, self.file(name, INDEX))
        self._remote.flush()

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
