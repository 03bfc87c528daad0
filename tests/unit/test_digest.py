"""Facts about digests and hashers."""

from __future__ import annotations

import hashlib
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvx.errors import DvxError, SchemaError
from dvx.model.digest import LEGACY, Digest, digest_bytes, digests, new_hasher

MIB = 1 << 20
HEX = "9f86d081884c7d659a2feaa0c55ad015"


@pytest.mark.parametrize(
    ("algorithm", "empty", "abc"),
    [
        ("md5", "d41d8cd98f00b204e9800998ecf8427e", "900150983cd24fb0d6963f7d28e17f72"),
        ("xxh128", "99aa06d3014798d86001c324468d497f", "06b05ab6733a618578af5f94892f3950"),
        (
            "sha256",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            "blake3",
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
            "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
        ),
        (LEGACY, "d41d8cd98f00b204e9800998ecf8427e", "900150983cd24fb0d6963f7d28e17f72"),
    ],
)
def test_each_algorithm_gives_its_published_values(algorithm: str, empty: str, abc: str):
    assert digest_bytes(b"", algorithm) == Digest(algorithm, empty)
    assert digest_bytes(b"abc", algorithm) == Digest(algorithm, abc)


def test_an_object_is_named_by_its_digest():
    assert Digest("md5", HEX).object_name == f"files/md5/9f/{HEX[2:]}"
    assert Digest("xxh128", HEX).object_name == f"files/xxh128/9f/{HEX[2:]}"
    assert Digest("md5", HEX + ".dir").object_name == f"files/md5/9f/{HEX[2:]}.dir"
    assert Digest(LEGACY, HEX + ".dir").object_name == f"9f/{HEX[2:]}.dir"
    assert str(Digest("md5", HEX)) == f"md5:{HEX}"


def test_a_directory_is_told_by_its_suffix():
    assert Digest("md5", HEX + ".dir").is_tree
    assert not Digest("md5", HEX).is_tree


@pytest.mark.parametrize(
    "text",
    [
        "", HEX[:-1], HEX + "0", HEX.upper(), HEX[:-1] + "g", HEX[:-1] + "٣", HEX + ".dir.dir", ".dir" + HEX, HEX + ".DIR",
        "../../../../../../../etc/passwd0", HEX + "\n", " " + HEX[1:], HEX[:-4] + ".dir", HEX + HEX,
    ],
)  # fmt: skip
def test_what_is_no_digest_is_refused(text: str):
    with pytest.raises(SchemaError, match="is not a md5 digest"):
        Digest("md5", text)


@given(st.text(max_size=40))
def test_only_hexadecimal_digits_make_a_digest(text: str):
    try:
        digest = Digest("md5", text)
    except SchemaError:
        return
    assert len(digest.hex.removesuffix(".dir")) == 32
    assert set(digest.hex.removesuffix(".dir")) <= set("0123456789abcdef")


def test_a_length_goes_with_its_algorithm():
    assert Digest("sha256", HEX * 2).hex == HEX * 2
    with pytest.raises(SchemaError, match="is not a sha256 digest"):
        Digest("sha256", HEX)


@given(
    st.lists(st.one_of(st.sampled_from([HEX, HEX[::-1], "0" * 32, HEX + ".dir"]), st.text("0af.dirG", max_size=33)), max_size=4)
)
def test_many_digests_are_those_of_each(hexes: list[str]):
    try:
        right = [Digest("md5", text) for text in hexes]
    except SchemaError as error:
        with pytest.raises(SchemaError, match=re.escape(error.message)):
            digests("md5", hexes)
    else:
        found = digests("md5", hexes)
        assert found == right
        assert [hash(one) for one in found] == [hash(one) for one in right]


def test_many_digests_know_their_algorithm():
    assert digests("sha256", [HEX * 2] * 2) == [Digest("sha256", HEX * 2)] * 2
    with pytest.raises(SchemaError, match="is not a sha256 digest"):
        digests("sha256", [HEX, HEX])


def test_an_unknown_algorithm_is_refused():
    for make in (lambda: Digest("sha1", HEX), lambda: new_hasher("sha1"), lambda: digests("sha1", [HEX])):
        with pytest.raises(SchemaError, match="unknown hash algorithm `sha1`"):
            make()


def test_blake3_without_its_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "blake3", None)
    with pytest.raises(DvxError) as caught:
        new_hasher("blake3")
    assert caught.value.hint == "run `pip install 'dvx-vc[blake3]'`"


def legacy(data: bytes) -> str:
    return digest_bytes(data, LEGACY).hex


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_the_legacy_hash_reads_line_ends_of_text_alike():
    assert legacy(b"a\r\nb\r\n") == md5(b"a\nb\n") == "dd8c6a395b5dd36c56d23275028f526c"
    assert legacy(b"a\rb\r") == md5(b"a\rb\r")


def test_the_legacy_hash_leaves_binary_data_alone():
    assert legacy(b"\0a\r\nb") == md5(b"\0a\r\nb")
    assert legacy(b"\x80" * 3 + b"a" * 5 + b"\r\n") == md5(b"\x80" * 3 + b"a" * 5 + b"\n")
    assert legacy(b"\x80" * 4 + b"a" * 4 + b"\r\n") == md5(b"\x80" * 4 + b"a" * 4 + b"\r\n")


def test_the_legacy_hash_judges_each_mebibyte_by_its_first_512_bytes():
    text, binary = b"a\r\n".ljust(MIB, b"a"), b"\0a\r\n".ljust(MIB, b"a")
    assert legacy(text + binary + b"z\r\n") == md5(text.replace(b"\r\n", b"\n") + binary + b"z\n")
    late = b"a\r\n".ljust(MIB // 2, b"a") + b"\0\r\n"
    assert legacy(late) == md5(late.replace(b"\r\n", b"\n"))
    assert legacy(b"a" * 512 + b"\0\r\n") == md5(b"a" * 512 + b"\0\n")


def test_the_legacy_hash_keeps_a_line_end_on_a_boundary():
    data = b"a" * (MIB - 1) + b"\r\n"
    assert legacy(data) == md5(data)


@pytest.mark.parametrize("algorithm", ["xxh128", "md5", "sha256", "blake3", LEGACY])
@given(data=st.data())
def test_a_hash_does_not_depend_on_how_the_bytes_come(algorithm: str, data: st.DataObject):
    parts = data.draw(st.lists(st.sampled_from([b"", b"a", b"\r", b"\n", b"\0", b"x\r\n" * 50_000, b"\xff" * 300])))
    hasher = new_hasher(algorithm)
    for part in parts:
        hasher.update(memoryview(part))
        hasher.hexdigest()
    assert hasher.hexdigest() == digest_bytes(b"".join(parts), algorithm).hex


def test_digests_sort():
    assert sorted([Digest("xxh128", "0" * 32), Digest("md5", HEX)]) == [Digest("md5", HEX), Digest("xxh128", "0" * 32)]
