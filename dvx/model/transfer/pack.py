"""Pack: many small objects in one file of a remote, and the index that says what it holds.

A pack is its objects, one after another. Its index lists them in that order, so that offsets need not be written down. The
hash of the index names both files, so that what a name stands for never changes; the index has a random salt, so that no pack
gets the name of another, whatever it holds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from msgspec import Struct

from dvx.errors import Corrupted, SchemaError
from dvx.model.digest import Digest, digest_bytes

PACKED_BELOW = 1 << 20
PACK_BYTES = 32 << 20
FEWEST = 16
FOLDER = "packs"
INDEX, PACK = ".index", ".pack"
# earlier versions of dvx put the last beside a pack that was to go; it means nothing any more
SUFFIXES = (INDEX, PACK, ".condemned")
_MAGIC = b"dvx-pack"
# how many words begin an index, by its version; the first had no salt
_WORDS = {b"1": 4, b"2": 5}
_LONGEST_HEADER = 100
_MOST, _WIDEST = 1 << 18, 4 + 32
LONGEST_INDEX = _LONGEST_HEADER + _MOST * _WIDEST

T = TypeVar("T")


class Pack(Struct, frozen=True):
    """A pack at a remote: its `size` in bytes, and when it was written (seconds since the epoch)."""

    name: str
    size: int
    modified: float


class Packed(Struct, frozen=True, gc=False):
    """An object in a pack: `offset` and `size` in bytes."""

    digest: Digest
    offset: int
    size: int


def pack_file(algorithm: str, name: str, suffix: str) -> str:
    """The name of a pack (`PACK`) or of its index (`INDEX`) at a remote."""
    return f"{FOLDER}/{algorithm}/{name}{suffix}"


def encode_index(algorithm: str, objects: Sequence[tuple[Digest, int]], salt: bytes) -> bytes:
    """The index of a pack of `objects` with their sizes (bytes), in their order: a line of ASCII, then for each object its
    size (4 bytes, little-endian) and the bytes of its digest. `salt` are 16 bytes that no other index has."""
    header = b"%s 2 %s %d %s\n" % (_MAGIC, algorithm.encode(), len(objects), salt.hex().encode())
    return header + b"".join(struct.pack("<I", size) + bytes.fromhex(digest.hex) for digest, size in objects)


def name_of(algorithm: str, index: bytes) -> str:
    """The name of a pack with this index."""
    return digest_bytes(index, algorithm).hex


def decode_index(algorithm: str, name: str, index: bytes) -> Iterator[tuple[str, int]]:
    """The objects of a pack in their order: the hex of each digest, and its size.

    Raises:
        Corrupted: the index does not hash to `name`, or is none that this version of dvx can read or would write: with objects
            that are too large, twice the same, or too many.
    """
    if len(index) > LONGEST_INDEX:
        raise Corrupted(f"the index of the pack `{name}` is longer than one can be")
    if name_of(algorithm, index) != name:
        raise Corrupted(f"the index of the pack `{name}` holds bytes that do not hash to its name")
    header = index[:_LONGEST_HEADER].partition(b"\n")[0]
    words = header.split(b" ")
    width = 4 + len(name) // 2
    start = len(header) + 1
    if len(words) < 4 or words[0] != _MAGIC or words[2] != algorithm.encode() or not words[3].isdigit():
        raise Corrupted(f"the index of the pack `{name}` is none")
    if _WORDS.get(words[1]) != len(words):
        raise Corrupted(f"the pack `{name}` was written by a newer dvx", "update dvx")
    if int(words[3]) > _MOST:
        raise Corrupted(f"the index of the pack `{name}` has more objects than one can have")
    if int(words[3]) * width != len(index) - start:
        raise Corrupted(f"the index of the pack `{name}` has another length than it says")
    room, seen = PACK_BYTES, set[bytes]()
    for size, digest in struct.iter_unpack(f"<I{width - 4}s", memoryview(index)[start:]):
        room -= size
        if size >= PACKED_BELOW or room < 0:
            raise Corrupted(f"the index of the pack `{name}` has objects that are too large for one")
        if digest in seen:
            raise Corrupted(f"the index of the pack `{name}` has an object twice")
        seen.add(digest)
        yield digest.hex(), size


def pack_groups(objects: Iterable[tuple[T, int]]) -> Iterator[list[T]]:
    """Group small things with their sizes (bytes) into packs, in their order; those that are large or too few are left out."""
    group: list[T] = []
    room = PACK_BYTES
    for thing, size in objects:
        if size >= PACKED_BELOW:
            continue
        if size > room or len(group) == _MOST:
            yield group
            group, room = [], PACK_BYTES
        group.append(thing)
        room -= size
    if len(group) >= FEWEST:
        yield group


def is_pack_name(algorithm: str, name: str) -> bool:
    """Whether `name` has the form of a hash by `algorithm`."""
    try:
        Digest(algorithm, name)
    except SchemaError:
        return False
    return True


def ranges(places: Iterable[Packed], gap: int, longest: int) -> Iterator[list[Packed]]:
    """Group what lies close together in a pack, to be read at once: at most `gap` unneeded bytes between two, `longest` all."""
    group: list[Packed] = []
    for place in sorted(places, key=lambda place: (place.offset, place.size)):
        if group:
            begin, end = group[0].offset, group[-1].offset + group[-1].size
            if place.offset - end > gap or place.offset + place.size - begin > longest:
                yield group
                group = []
        group.append(place)
    if group:
        yield group
