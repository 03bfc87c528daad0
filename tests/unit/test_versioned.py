"""Versions in entries, and directories that are listed file by file."""

from __future__ import annotations

from typing import Any

import pytest

from dvx.errors import Corrupted, SchemaError, UnsafePath
from dvx.model.dialect import DVC, NATIVE
from dvx.model.digest import Digest
from dvx.model.pipelines.lock import StageState, keeping_versions
from dvx.model.tracked.pointer import Recorded, decode_pointer, encode_lock_entry
from dvx.model.transfer.versioned import Version, cloud_of, remote_of, rows_of, tree_of, version_of
from dvx.model.tree import Content, Entry, Tree, tree_content

A, B = "60b725f10c9c85c70d97880dfe8191b3", "3b5d5c3712955042212316173ccf37be"
CLOUD = {"ver": {"etag": A, "version_id": "v1"}}
ROWS = [{"relpath": "a", "md5": A, "size": 2, "cloud": CLOUD}, {"relpath": "sub/b", "md5": B, "size": 2}]
TREE = Tree((Entry("a", Digest("md5", A)), Entry("sub/b", Digest("md5", B))))


def test_a_version_stands_under_cloud_or_beside_it() -> None:
    assert version_of({"cloud": CLOUD}, "ver") == Version("v1", A)
    assert version_of({"cloud": CLOUD}, "other") is None
    assert version_of({"version_id": "v2", "etag": "e"}, "ver") == Version("v2", "e")
    assert version_of({"cloud": {"ver": {"etag": "e"}}}, "ver") is None
    assert version_of({}, "ver") is None
    assert cloud_of("ver", Version("v1", A)) == {"cloud": CLOUD}
    assert cloud_of("ver", Version("v1")) == {"cloud": {"ver": {"version_id": "v1"}}}


def test_a_listed_directory_is_that_of_the_tree() -> None:
    entry = {"hash": "md5", "path": "d", "files": ROWS}
    [(_, recorded)] = decode_pointer({"outs": [entry]}, "d.dvc", DVC).outs

    assert recorded.content == Content(tree_content(TREE, DVC, "md5")[0].digest, 4, 2)
    assert recorded.extras["files"] == ROWS


def test_a_native_one_keeps_sizes_executables_and_empty_folders() -> None:
    digest = Digest("xxh128", "0" * 32)
    tree = Tree((Entry("run", digest, 3, executable=True),), ("hollow",))
    rows = rows_of(tree)

    assert rows == [{"relpath": "hollow/"}, {"relpath": "run", "xxh128": "0" * 32, "size": 3, "isexec": True}]
    assert tree_of(rows, "xxh128") == tree
    [(_, recorded)] = decode_pointer({"outs": [{"hash": "xxh128", "path": "d", "files": rows}]}, "d.dvx", NATIVE).outs
    assert recorded.content == tree_content(tree, NATIVE, "xxh128")[0]


def test_files_without_a_digest_are_no_content() -> None:
    assert tree_of([{"relpath": "a", "etag": "e"}], "md5") is None


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([{"relpath": "../a", "md5": A}], UnsafePath),
        ([{"relpath": ".git/config", "md5": A}], UnsafePath),
        ([{"relpath": "a", "md5": A}, {"relpath": "a", "md5": B}], Corrupted),
        ([{"relpath": "a", "md5": A}, {"relpath": "a/b", "md5": B}], Corrupted),
        ([{"relpath": "a", "md5": "no digest"}], Corrupted),
        ([{"md5": A}], Corrupted),
        (["a"], Corrupted),
        ([{"relpath": "a", "md5": A, "size": -1}], Corrupted),
    ],
)
def test_a_bad_list_is_refused(rows: list[Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        tree_of(rows, "md5")
    with pytest.raises(SchemaError):
        decode_pointer({"outs": [{"hash": "md5", "path": "d", "files": rows}]}, "d.dvc", DVC)


def test_unchanged_files_keep_their_version_and_new_ones_get_theirs() -> None:
    changed = Tree((Entry("a", Digest("md5", A)), Entry("c", Digest("md5", B)), Entry("sub/b", Digest("md5", A))))
    sizes = {Digest("md5", A): 2, Digest("md5", B): 9}

    assert rows_of(changed, ROWS, sizes, {"c": cloud_of("ver", Version("v9"))}) == [
        ROWS[0],
        {"relpath": "c", "md5": B, "size": 9, "cloud": {"ver": {"version_id": "v9"}}},
        {"relpath": "sub/b", "md5": A, "size": 2},
    ]


@pytest.mark.parametrize(
    ("entry", "remote"),
    [
        ({}, None),
        ({"files": [{"relpath": "a"}, {"relpath": "b", "cloud": {}}]}, None),
        ({"cloud": CLOUD}, "ver"),
        ({"version_id": "v1"}, ""),
        ({"files": [{"relpath": "a", "version_id": "v1"}]}, ""),
        ({"files": [{"relpath": "a", "version_id": "v1"}, {"relpath": "b", "cloud": CLOUD}]}, "ver"),
        ({"files": ["a"], "cloud": "ver"}, None),
    ],
)
def test_an_entry_says_at_which_remote_it_has_versions(entry: dict[str, Any], remote: str | None) -> None:
    assert remote_of(entry) == remote


def test_a_lock_says_a_known_directory_once() -> None:
    content = tree_content(TREE, DVC, "md5")[0]

    assert "files" not in encode_lock_entry("d", content, {"files": ROWS})
    assert encode_lock_entry("d", None, {"files": ROWS})["files"] == ROWS


def test_an_output_that_did_not_change_keeps_its_version() -> None:
    def state(hexes: str, **extras: Any) -> StageState:
        return StageState("run", outs={"f": Recorded("f", Content(Digest("md5", hexes), 2), extras)})

    assert keeping_versions(state(A), state(A, cloud=CLOUD)).outs["f"].extras == {"cloud": CLOUD}
    assert keeping_versions(state(B), state(A, cloud=CLOUD)).outs["f"].extras == {}
    assert keeping_versions(state(B), None) == state(B)
