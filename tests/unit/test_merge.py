"""Merging what two sides recorded."""

from __future__ import annotations

from dvx.model.digest import Digest
from dvx.model.tracked.merge import Pick, choose, merge_trees, merged_size
from dvx.model.tree import Content, Entry, Tree


def tree(*empty: str, executable: str = "", **files: str) -> Tree:
    entries = (Entry(path, Digest("md5", digit * 32), None, path == executable) for path, digit in sorted(files.items()))
    return Tree(tuple(entries), empty)


def content(size: int | None) -> Content:
    return Content(Digest("md5", "0" * 32 + ".dir"), size, 1)


def test_changes_of_both_sides_are_taken() -> None:
    merged = merge_trees(tree(a="1", b="1", c="1"), tree(a="2", b="1", c="1", new="5"), tree(a="1", b="3"))
    assert merged.tree == tree(a="2", b="3", new="5")
    assert merged.conflicts == ()


def test_what_both_sides_did_alike_is_done_once() -> None:
    merged = merge_trees(tree(a="1", b="1"), tree(a="2", c="4"), tree(a="2", c="4"))
    assert (merged.tree, merged.conflicts) == (tree(a="2", c="4"), ())


def test_two_changes_of_one_file_are_a_conflict() -> None:
    assert merge_trees(tree(a="1"), tree(a="2"), tree(a="3")).conflicts == ("a",)
    assert merge_trees(tree(a="1"), tree(a="2"), tree()).conflicts == ("a",)
    assert merge_trees(tree(a="1"), tree(), tree(a="2")).conflicts == ("a",)
    assert merge_trees(tree(), tree(a="2"), tree(a="3")).conflicts == ("a",)


def test_a_file_where_the_other_side_has_a_folder_is_a_conflict() -> None:
    assert merge_trees(tree(), tree(c="1"), Tree((Entry("c/d", Digest("md5", "2" * 32)),))).conflicts == ("c",)


def test_permissions_are_changes() -> None:
    merged = merge_trees(tree(a="1", b="1"), tree(a="1", b="1", executable="a"), tree(a="1", b="2"))
    assert merged.tree == tree(a="1", b="2", executable="a")


def test_empty_folders_come_and_go_and_are_gone_when_they_have_files() -> None:
    assert merge_trees(tree("e", "f"), tree("e", "f", "g"), tree("f")).tree.empty_folders == ("f", "g")
    filled = Tree((Entry("e/x", Digest("md5", "1" * 32)),))
    assert merge_trees(tree("e"), tree("e"), filled).tree == filled


def test_keys_that_only_theirs_changed_are_chosen() -> None:
    pick = choose({"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 2, "c": 1}, {"a": 3, "b": 1, "d": 4}, lambda one, other: one == other)
    assert pick == Pick({"a": 3, "c": None, "d": 4})


def test_the_size_is_what_theirs_added_to_ours() -> None:
    trees = (tree(a="1"), tree(a="1", b="2"), tree(a="1", c="3"))
    assert merged_size(content(10), content(15), content(17), trees) == 22
    assert merged_size(None, content(15), content(17), (tree(), tree(b="2"), tree(c="3"))) == 32
    assert merged_size(content(None), content(15), content(17), trees) is None
    assert merged_size(content(10), content(15), content(15), (tree(a="1"), tree(a="1", b="2"), tree(a="1", b="2"))) is None
