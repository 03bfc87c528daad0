"""Which objects a transfer copies, and in which order."""

from __future__ import annotations

from collections.abc import Iterator

from dvx.model.digest import Digest
from dvx.model.transfer.plan import ChosenPath, Need, TransferPlan, TransferResult, Wanted, gather, plan_transfer
from dvx.model.tree import Content, Entry, Tree

A = Digest("md5", "a" * 32)
B = Digest("md5", "b" * 32)
C = Digest("md5", "c" * 32)
DIR = Digest("md5", "d" * 32 + ".dir")
TREE = Tree((Entry("one", A), Entry("sub/two", B, 7)))
WHOLE = ChosenPath("data", Content(DIR, 10, 2))


def _names(needs: tuple[Need, ...]) -> list[str]:
    return [need.path for need in needs]


def _all(plan: TransferPlan) -> dict[str, list[str]]:
    groups = {"files": plan.files, "trees": plan.trees, "missing": plan.missing, "withheld": plan.withheld}
    return {name: _names(needs) for name, needs in groups.items() if needs}


def test_equal_digests_of_many_versions_are_one_object() -> None:
    def versions() -> Iterator[tuple[Digest, Tree]]:
        for number in range(3):
            yield Digest("md5", f"{number}" * 32 + ".dir"), Tree((Entry("a", Digest(A.algorithm, A.hex)),))

    wanted = gather([ChosenPath("data", Content(digest)) for digest, _ in versions()], versions())
    assert len(wanted.children) == 3
    assert len({id(child) for children in wanted.children.values() for child in children}) == 1


def test_a_file_needs_its_object() -> None:
    wanted = gather([ChosenPath("x.csv", Content(A, 3))], ())

    assert wanted == Wanted({A: Need(A, "x.csv", 3)}, {}, {})


def test_a_directory_needs_its_tree_and_the_files_in_it() -> None:
    wanted = gather([WHOLE], {DIR: TREE}.items())

    assert wanted.files == {A: Need(A, "data/one"), B: Need(B, "data/sub/two", 7)}
    assert wanted.trees == {DIR: Need(DIR, "data")}
    assert wanted.children == {DIR: (A, B)}
    assert set(wanted.objects()) == {A, B, DIR}


def test_a_part_of_a_directory_needs_its_tree_and_that_part() -> None:
    wanted = gather([ChosenPath("data", WHOLE.content, "sub")], {DIR: TREE}.items())

    assert list(wanted.files) == [B]
    assert list(wanted.trees) == [DIR]
    assert wanted.children == {DIR: (A, B)}


def test_two_parts_of_a_directory_add_up() -> None:
    wanted = gather([ChosenPath("data", WHOLE.content, "sub"), ChosenPath("data", WHOLE.content, "one")], {DIR: TREE}.items())

    assert set(wanted.files) == {A, B}


def test_equal_content_is_needed_once() -> None:
    wanted = gather([ChosenPath("x", Content(A)), ChosenPath("y", Content(A)), WHOLE], {DIR: TREE}.items())

    assert wanted.files[A].path == "x"
    assert len(wanted.files) == 2


def test_what_the_target_has_is_not_copied() -> None:
    wanted = gather([WHOLE], {DIR: TREE}.items())

    assert _all(plan_transfer(wanted, {B}, set())) == {"files": ["data/sub/two"]}
    assert _all(plan_transfer(wanted, set(), set())) == {}


def test_files_come_before_the_trees_that_name_them() -> None:
    plan = plan_transfer(gather([WHOLE], {DIR: TREE}.items()), {A, B, DIR}, set())

    assert _all(plan) == {"files": ["data/one", "data/sub/two"], "trees": ["data"]}
    assert plan.count == 3


def test_a_tree_at_the_target_does_not_excuse_its_files() -> None:
    plan = plan_transfer(gather([WHOLE], {DIR: TREE}.items()), {A}, set())

    assert _all(plan) == {"files": ["data/one"]}


def test_a_tree_stays_behind_when_a_file_is_nowhere() -> None:
    plan = plan_transfer(gather([WHOLE], {DIR: TREE}.items()), {A, B, DIR}, {B})

    assert _all(plan) == {"files": ["data/one"], "missing": ["data/sub/two"], "withheld": ["data"]}


def test_a_tree_stays_behind_when_the_rest_of_it_was_not_chosen() -> None:
    part = gather([ChosenPath("data", WHOLE.content, "one")], {DIR: TREE}.items())

    assert _all(plan_transfer(part, {A, B, DIR}, set())) == {"files": ["data/one"], "withheld": ["data"]}
    assert _all(plan_transfer(part, {A, DIR}, set())) == {"files": ["data/one"], "trees": ["data"]}


def test_a_tree_that_nobody_has_is_missing() -> None:
    assert _all(plan_transfer(gather([WHOLE], ()), {DIR}, {DIR})) == {"missing": ["data"]}


def test_results_add_up() -> None:
    one = TransferResult(1, 10, (("x", "gone bad"),), ("y",), ("z",))

    assert one + TransferResult(2, 5, (), ("w",)) == TransferResult(3, 15, (("x", "gone bad"),), ("y", "w"), ("z",))


def test_a_result_is_complete_when_nothing_is_left() -> None:
    assert TransferResult(3, 10).complete
    assert not TransferResult(3, 10, failed=(("x", "gone bad"),)).complete
    assert not TransferResult(3, 10, missing=("x",)).complete
    assert not TransferResult(3, 10, withheld=("x",)).complete
