"""What differs between two states of tracked data."""

from __future__ import annotations

from dvx.model.data.changes import DiffItem, Pair, compare, select
from dvx.model.digest import Digest


def item(path: str, digit: str, *, folder: bool = False, executable: bool = False) -> DiffItem:
    return DiffItem(path, Digest("md5", digit * 32 + (".dir" if folder else "")), executable)


def items(*found: DiffItem) -> dict[str, DiffItem]:
    return {one.path: one for one in found}


def test_nothing_changed():
    found = compare(items(item("b", "1"), item("a", "2")), items(item("a", "2"), item("b", "1")))
    assert [one.path for one in found.unchanged] == ["a", "b"]
    assert (found.added, found.deleted, found.modified, found.renamed, found.unknown) == ((), (), (), (), ())


def test_added_deleted_and_modified():
    found = compare(items(item("gone", "1"), item("kept", "2")), items(item("kept", "3"), item("fresh", "4")))
    assert found.added == (item("fresh", "4"),)
    assert found.deleted == (item("gone", "1"),)
    assert found.modified == (Pair(item("kept", "2"), item("kept", "3")),)
    assert found.unchanged == ()


def test_the_same_bytes_elsewhere_are_renamed_in_order():
    old = items(item("x2", "1"), item("x1", "1"), item("x3", "1"))
    found = compare(old, items(item("y2", "1"), item("y1", "1"), item("y3", "2")))
    assert [(pair.old.path, pair.new.path) for pair in found.renamed] == [("x1", "y1"), ("x2", "y2")]
    assert found.added == (item("y3", "2"),)
    assert found.deleted == (item("x3", "1"),)


def test_a_directory_is_renamed_as_such():
    found = compare(items(item("d", "1", folder=True)), items(item("e", "1", folder=True)))
    assert [(pair.old.label, pair.new.label) for pair in found.renamed] == [("d/", "e/")]


def test_the_executable_bit_counts():
    found = compare(items(item("a", "1")), items(item("a", "1", executable=True)))
    assert [pair.new.path for pair in found.modified] == ["a"]


def test_files_of_an_unlisted_directory_are_unknown():
    new = items(item("d", "2", folder=True), item("d/s/a", "3"), item("dd", "4"))
    found = compare(items(item("d", "1", folder=True)), new, {"d"})
    assert found.unknown == (item("d/s/a", "3"),)
    assert found.added == (item("dd", "4"),)
    assert [pair.old.label for pair in found.modified] == ["d/"]
    back = compare(new, items(item("d", "1", folder=True)), {"d"})
    assert back.deleted == (item("dd", "4"),)


def test_order_is_by_parts_of_the_path():
    found = compare({}, items(item("a.b", "1"), item("a/b", "2"), item("a", "3", folder=True)))
    assert [one.path for one in found.added] == ["a", "a/b", "a.b"]


def test_a_scope_keeps_what_lies_below():
    every = items(item("d/a", "1"), item("d/ab", "2"), item("e", "3"))
    assert list(select(every, ("d/a", "e"))) == ["d/a", "e"]
    assert list(select(every, ())) == ["d/a", "d/ab", "e"]
