"""Packs and their indexes as values."""

from __future__ import annotations

import hashlib
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvx.errors import Corrupted
from dvx.model.digest import Digest, digest_bytes
from dvx.model.transfer.pack import (
    FEWEST,
    PACK_BYTES,
    PACKED_BELOW,
    Pack,
    Packed,
    decode_index,
    encode_index,
    is_pack_name,
    name_of,
    pack_groups,
    ranges,
)
from dvx.model.upkeep.gc import PackFate, Used, pack_fates

SALT = bytes(range(16))


def _digests(algorithm: str, count: int) -> list[Digest]:
    return [digest_bytes(str(number).encode(), algorithm) for number in range(count)]


@pytest.mark.parametrize("algorithm", ["xxh128", "md5", "sha256", "blake3"])
def test_an_index_says_what_it_was_told(algorithm: str) -> None:
    objects = [(digest, number * 1000) for number, digest in enumerate(_digests(algorithm, 50))]

    index = encode_index(algorithm, objects, SALT)

    found = [(Digest(algorithm, key), size) for key, size in decode_index(algorithm, name_of(algorithm, index), index)]
    assert found == objects


def test_an_index_is_written_as_documented() -> None:
    empty = Digest("md5", hashlib.md5(b"").hexdigest())
    hello = Digest("md5", hashlib.md5(b"hello").hexdigest())

    index = encode_index("md5", [(hello, 5), (empty, 0)], SALT)

    header = b"dvx-pack 2 md5 2 000102030405060708090a0b0c0d0e0f\n"
    records = b"\x05\0\0\0" + bytes.fromhex(hello.hex) + b"\0\0\0\0" + bytes.fromhex(empty.hex)
    assert index == header + records
    assert name_of("md5", index) == hashlib.md5(index).hexdigest()
    without_salt = b"dvx-pack 1 md5 2\n" + records
    assert list(decode_index("md5", name_of("md5", without_salt), without_salt)) == [(hello.hex, 5), (empty.hex, 0)]


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"\n",
        b"dvx-pack 1 md5 one\n",
        b"dvx-pack 1 md5 -1\n",
        b"dvx-pack 1 md5 2\n" + bytes(20),
        b"dvx-pack 1 md5 1\n" + bytes(21),
        b"dvx-pack 1 md5 1\n" + bytes(19),
        b"dvx-pack 1 sha256 1\n" + bytes(20),
        b"dvx-pack  md5 1\n" + bytes(20),
        b"dvx-pack 1 md5 1 00\n" + bytes(20),
        b"dvx-pack 2 md5 1\n" + bytes(20),
        bytes(1000),
    ],
)
def test_what_is_no_index_is_refused(index: bytes) -> None:
    with pytest.raises(Corrupted):
        list(decode_index("md5", name_of("md5", index), index))


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ([("a", 0xFFFFFFFF)], "too large"),
        ([("a", PACKED_BELOW)], "too large"),
        ([(str(number), PACKED_BELOW - 1) for number in range(40)], "too large"),
        ([("a", 5), ("b", 5), ("a", 5)], "twice"),
        ([("a", 5)] * 1_000_000, "longer than"),
    ],
)
def test_an_index_of_what_no_pack_holds_is_refused_at_once(objects: list[tuple[str, int]], said: str) -> None:
    index = encode_index("md5", [(Digest("md5", hashlib.md5(text.encode()).hexdigest()), size) for text, size in objects], SALT)

    begin = time.process_time()
    with pytest.raises(Corrupted, match=said):
        list(decode_index("md5", name_of("md5", index), index))
    assert time.process_time() - begin < 1


def test_an_index_of_another_version_asks_for_another_dvx() -> None:
    index = b"dvx-pack 3 md5 1 00\n" + bytes(20)

    with pytest.raises(Corrupted, match="newer dvx") as caught:
        list(decode_index("md5", name_of("md5", index), index))
    assert "update" in caught.value.hint


def test_an_index_under_another_name_is_refused() -> None:
    index = encode_index("md5", [(digest, 1) for digest in _digests("md5", 3)], SALT)

    with pytest.raises(Corrupted, match="do not hash to its name"):
        list(decode_index("md5", "0" * 32, index))


@given(st.lists(st.integers(0, PACKED_BELOW + 1000), max_size=200))
def test_groups_are_full_and_in_order(sizes: list[int]) -> None:
    groups = list(pack_groups((number, size) for number, size in enumerate(sizes)))

    grouped = [number for group in groups for number in group]
    small = [number for number, size in enumerate(sizes) if size < PACKED_BELOW]
    assert grouped == small[: len(grouped)]
    assert len(small) - len(grouped) < FEWEST
    for group in groups:
        assert sum(sizes[number] for number in group) <= PACK_BYTES
    for group, after in itertools.pairwise(groups):
        assert sum(sizes[number] for number in group) + sizes[after[0]] > PACK_BYTES


@given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=100))
def test_ranges_hold_all_that_is_wanted_and_little_else(objects: list[tuple[int, bool]]) -> None:
    places: list[Packed] = []
    offset = 0
    for (size, wanted), digest in zip(objects, _digests("md5", len(objects)), strict=True):
        places += [Packed(digest, offset, size)] if wanted else []
        offset += size

    found = list(ranges(places, gap=100, longest=1000))

    assert [place for group in found for place in group] == places
    for group in found:
        assert group[-1].offset + group[-1].size - group[0].offset <= 1000
        for one, other in itertools.pairwise(group):
            assert other.offset - one.offset - one.size <= 100


def test_only_hashes_name_packs() -> None:
    assert is_pack_name("md5", "0" * 32)
    assert not is_pack_name("sha256", "0" * 32)
    assert not is_pack_name("md5", "../" + "0" * 29)


def _held(packs: dict[str, tuple[float, str]]) -> dict[Pack, list[Packed]]:
    """Packs by name: when each was written, and the objects of one byte that it holds."""
    return {
        Pack(name, len(text), modified): [Packed(_digest(char), offset, 1) for offset, char in enumerate(text)]
        for name, (modified, text) in packs.items()
    }


def _digest(char: str) -> Digest:
    return digest_bytes(char.encode(), "xxh128")


@pytest.mark.parametrize(
    ("packs", "used", "fates"),
    [
        ({"p": (1, "abcd")}, "ab", {}),
        ({"p": (1, "abcd")}, "", {"p": ""}),
        ({"p": (1, "abcd")}, "a", {"p": "+a"}),
        ({"p": (9, "abcd")}, "", {}),
        ({"p": (1, "abcd"), "q": (9, "a")}, "a", {}),
        ({"p": (1, "abcd"), "q": (2, "a")}, "a", {"p": ""}),
        ({"p": (1, "abcd"), "q": (2, "a")}, "", {"p": "", "q": ""}),
        ({"p": (1, "abcde"), "q": (9, "a")}, "ab", {"p": "+b"}),
        ({"p": (1, "abcd"), "q": (2, "abcd")}, "abcd", {"p": ""}),
        ({"p": (1, "abc"), "q": (2, "cde")}, "c", {"p": "", "q": "+c"}),
        ({"p": (1, "ab"), "q": (2, "bc"), "r": (3, "ca")}, "abc", {"p": ""}),
    ],
)
def test_a_pack_goes_when_what_is_needed_of_it_is_in_others_that_stay(
    packs: dict[str, tuple[float, str]], used: str, fates: dict[str, str]
) -> None:
    found = pack_fates(_held(packs), Used({_digest(char) for char in used}), horizon=5)

    chars = {_digest(char): char for char in "abcde"}

    def told(fate: PackFate) -> str:
        return "" if fate.final else "+" + "".join(chars[place.digest] for place in fate.kept)

    assert {fate.name: told(fate) for fate in found} == fates


@given(
    st.lists(st.tuples(st.integers(0, 9), st.text("abcdefgh", min_size=1, max_size=8)), max_size=6),
    st.sets(st.sampled_from("abcdefgh")),
)
def test_whatever_packs_hold_what_is_needed_stays(packs: list[tuple[int, str]], chars: set[str]) -> None:
    held = _held({str(number): (modified, "".join(dict.fromkeys(text))) for number, (modified, text) in enumerate(packs)})
    used = {_digest(char) for char in chars}
    fates = pack_fates(held, Used(used), horizon=5)

    going = {fate.name for fate in fates if fate.final}
    before = {place.digest for places in held.values() for place in places} & used
    after = {place.digest for pack, places in held.items() if pack.name not in going for place in places} & used
    assert after == before
    assert all(pack.modified <= 5 for pack in held if pack.name in going)
