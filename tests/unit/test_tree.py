"""Facts about tree objects."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvx.errors import Corrupted, UnsafePath
from dvx.model.dialect import DVC, NATIVE, Dialect
from dvx.model.digest import LEGACY, Digest, digest_bytes
from dvx.model.paths import check_path
from dvx.model.tree import Content, Entry, Tree, TreeDiff, decode_tree, diff_trees, encode_tree, named_digests, tree_content

ONE = Digest("md5", "b026324c6904b2a9cb4b88d6d61c81d1")
TWO = Digest("md5", "26ab0db90d72e28ad0ba1e22ee510510")
DOCUMENT = (
    b'[{"md5": "b026324c6904b2a9cb4b88d6d61c81d1", "relpath": "a"}, {"md5": "26ab0db90d72e28ad0ba1e22ee510510", "relpath": "b"}]'
)


def tree(*paths: str, algorithm: str = "md5") -> Tree:
    return Tree(tuple(Entry(path, Digest(algorithm, ONE.hex)) for path in paths))


def test_a_tree_is_encoded_as_dvc_does():
    two_files = Tree((Entry("a", ONE, 2), Entry("b", TWO, 2)))
    assert encode_tree(two_files, DVC) == DOCUMENT
    content, data = tree_content(two_files, DVC, "md5")
    assert content == Content(Digest("md5", "c37f8bc8917fdf64a45bb6010380cdab.dir"), 4, 2)
    assert data == DOCUMENT


def test_an_empty_directory_has_a_digest():
    assert tree_content(Tree(()), DVC, "md5") == (Content(Digest("md5", "d751713988987e9331980363e24189ce.dir"), 0, 0), b"[]")


def test_entries_are_sorted_by_code_point_of_the_whole_path():
    names = [row["relpath"] for row in json.loads(encode_tree(tree("b", "a/b", "a.txt", "é", "Z", "\U0001f600", "\uffee"), DVC))]
    assert names == ["Z", "a.txt", "a/b", "b", "é", "\uffee", "\U0001f600"]


def test_names_are_escaped_as_json_in_ascii():
    data = encode_tree(tree('q"b\\s', "é", "\U0001f600"), DVC).decode("ascii")
    for text in ('"q\\"b\\\\s"', '"\\u00e9"', '"\\ud83d\\ude00"'):
        assert text in data


@pytest.mark.parametrize("name", ["a\tb", "\x7f", "../a", "a/.git/b", ""])
def test_a_tree_that_could_not_be_read_is_not_written(name: str):
    with pytest.raises(UnsafePath):
        encode_tree(tree(name), DVC)


def test_the_native_dialect_adds_size_mode_and_empty_folders():
    digest = Digest("xxh128", ONE.hex)
    rich = Tree((Entry("a", digest, 2, executable=True), Entry("b", digest)), ("e", "d/f"))
    expected = [
        {"isexec": True, "relpath": "a", "size": 2, "xxh128": ONE.hex},
        {"relpath": "b", "xxh128": ONE.hex},
        {"relpath": "d/f/"},
        {"relpath": "e/"},
    ]
    assert encode_tree(rich, NATIVE).decode() == json.dumps(expected, sort_keys=True)
    assert decode_tree(encode_tree(rich, NATIVE), "xxh128") == Tree(rich.entries, ("d/f", "e"))


def test_an_old_tree_names_old_digests_md5():
    old = tree("a", "b", algorithm=LEGACY)
    data = encode_tree(old, DVC)
    assert json.loads(data)[0] == {"md5": ONE.hex, "relpath": "a"}
    assert decode_tree(data, LEGACY) == old
    assert tree_content(old, DVC, LEGACY)[0].digest == Digest(LEGACY, hashlib.md5(data).hexdigest() + ".dir")


def test_sizes_and_keys_in_any_order_are_read():
    data = b'[{"relpath": "b", "size": 3, "md5": "%s", "new": 1}, {"relpath": "a", "md5": "%s"}]' % ((ONE.hex.encode(),) * 2)
    assert decode_tree(data, "md5") == Tree((Entry("a", ONE), Entry("b", ONE, 3)))


def row(**fields: object) -> bytes:
    return json.dumps([{"md5": ONE.hex, "relpath": "a"} | fields]).encode()


BROKEN = {
    "empty": b"",
    "cut": DOCUMENT[:-1],
    "not text": b"\xff\xfe\x00",
    "a number": b"1",
    "a mapping": b'{"relpath": "a"}',
    "a text": b'"abc"',
    "rows that are texts": b'["a"]',
    "no path": b'[{"md5": "b026324c6904b2a9cb4b88d6d61c81d1"}]',
    "no digest": b'[{"relpath": "a"}]',
    "a path that is a number": row(relpath=5),
    "a digest that is a number": row(md5=5),
    "a digest that is none": row(md5="zz"),
    "a digest that climbs": row(md5="../../../../../../../../etc/pass"),
    "a directory's digest": row(md5=ONE.hex + ".dir"),
    "a size that is a text": row(size="5"),
    "a size that is a flag": row(size=True),
    "a size below zero": row(size=-1),
    "a mode that is a text": row(isexec="yes"),
    "a file twice": json.dumps([{"md5": ONE.hex, "relpath": "a"}] * 2).encode(),
    "a file that is a folder": json.dumps([{"md5": ONE.hex, "relpath": path} for path in ("a", "a.b", "a/b/c")]).encode(),
    "a file that is an empty folder": json.dumps([{"md5": ONE.hex, "relpath": "a"}, {"relpath": "a/"}]).encode(),
    "depth": b"[" * 1_000_000,
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_what_is_no_tree_is_corrupted(data: bytes):
    with pytest.raises(Corrupted):
        decode_tree(data, "md5")


@pytest.mark.parametrize(
    "path", ["", "/", "/etc/passwd", "../a", "a/../../b", "a//b", "./a", ".git/hooks/x", "a/.DVC/x", "../", "a\nb"]
)
def test_a_tree_cannot_lead_out_of_its_directory(path: str):
    with pytest.raises(UnsafePath):
        decode_tree(row(relpath=path), "md5")


def test_names_are_found_beside_what_others_wrote():
    data = row(relpath="a", cloud={"s3": {"etag": "x"}})
    assert named_digests(data, "md5") == [entry.digest.hex for entry in decode_tree(data, "md5").entries]


@pytest.mark.parametrize(
    "data", [b"", b"5", b"{}", b'{"a": 1}', b"[5]", b'[{"relpath": "a"}]', row(md5=5), row(md5=None), row(relpath=5)]
)
def test_names_are_not_found_in_what_is_no_tree(data: bytes):
    with pytest.raises(Corrupted):
        named_digests(data, "md5")


names = st.text(st.characters(exclude_characters="/"), min_size=1, max_size=4)
paths = st.lists(names, min_size=1, max_size=3).map("/".join)


def _is_safe(path: str) -> bool:
    try:
        return bool(check_path(path))
    except UnsafePath:
        return False


@st.composite
def trees(draw: st.DrawFn, algorithm: str, *, rich: bool) -> Tree:
    chosen = sorted(draw(st.sets(paths.filter(_is_safe), max_size=6)))
    chosen = [path for path in chosen if not any(other.startswith(path + "/") for other in chosen)]
    folders = set(draw(st.sets(st.sampled_from(chosen)))) if chosen and rich else set()
    sizes = st.none() | st.integers(0, 1 << 50) if rich else st.none()
    entries = [
        Entry(path, digest_bytes(path.encode("utf-8", "surrogatepass"), algorithm), draw(sizes), rich and draw(st.booleans()))
        for path in chosen
        if path not in folders
    ]
    return Tree(tuple(entries), tuple(sorted(folders)))


@pytest.mark.parametrize(("dialect", "algorithm"), [(DVC, "md5"), (NATIVE, "xxh128"), (NATIVE, "sha256"), (NATIVE, "blake3")])
@given(data=st.data())
def test_a_tree_comes_back_as_it_was(dialect: Dialect, algorithm: str, data: st.DataObject):
    original = data.draw(trees(algorithm, rich=dialect.rich_trees))
    encoded = encode_tree(original, dialect)
    assert sorted(named_digests(encoded, algorithm)) == sorted(entry.digest.hex for entry in original.entries)
    assert decode_tree(encoded, algorithm) == original
    assert encoded.decode("ascii") == json.dumps(json.loads(encoded), sort_keys=True)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_random_bytes_are_a_tree_or_refused(data: bytes):
    try:
        decode_tree(data, "md5")
    except (Corrupted, UnsafePath):
        pass


def test_trees_differ_by_content_and_mode():
    digest = Digest("xxh128", ONE.hex)
    old = Tree((Entry("gone", digest), Entry("mode", digest), Entry("new bytes", digest), Entry("same", digest, 5)))
    new = Tree(
        (
            Entry("more", digest),
            Entry("mode", digest, executable=True),
            Entry("new bytes", Digest("xxh128", TWO.hex)),
            Entry("same", digest),
        )
    )
    assert diff_trees(old, new) == TreeDiff(added=("more",), deleted=("gone",), modified=("mode", "new bytes"))
    assert diff_trees(new, new) == TreeDiff((), (), ())


def test_below_a_path_are_the_path_and_what_it_holds():
    whole = tree("a", "a.txt", "a/b", "a/c/d", "ab")
    assert [entry.path for entry in whole.below("a")] == ["a", "a/b", "a/c/d"]
    assert whole.by_path["ab"].path == "ab"
