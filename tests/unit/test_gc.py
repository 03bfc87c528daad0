"""What may go from a store, in which order, and what pointers and locks name."""

from __future__ import annotations

import pytest

from dvx.errors import SchemaError, UsageError
from dvx.model.digest import LEGACY, Digest
from dvx.model.tracked.named import Named, declared_in, named_in, names_objects
from dvx.model.upkeep.gc import Stored, Used, parse_age, plan_gc

A, B, C = (Digest("md5", letter * 32) for letter in "abc")
TREE = Digest("md5", "d" * 32 + ".dir")


def test_what_is_used_or_young_stays() -> None:
    plan = plan_gc([Stored(A, 1, 5.0), Stored(B, 2, 5.0), Stored(C, 3, 15.0)], Used({A}), horizon=10.0)
    assert [stored.digest for stored in plan.objects] == [B]
    assert (plan.kept, plan.young, plan.size) == (1, 1, 2)


def test_files_that_an_unreadable_tree_may_name_stay() -> None:
    other = Digest("blake3", "e" * 64)
    stored = [Stored(A, 1, 5.0), Stored(B, 1, 5.0), Stored(TREE, 1, 5.0), Stored(other, 1, 5.0)]
    plan = plan_gc(stored, Used({A}, frozenset({"md5"})), horizon=10.0)
    assert [stored.digest for stored in plan.objects] == [TREE, other]
    assert (plan.kept, plan.unsure) == (2, 1)


def test_a_pipeline_says_what_is_kept_in_the_cache() -> None:
    pipeline = {
        "stages": {
            "one": {"outs": ["a", {"b": {"cache": False}}], "plots": [{"c": {"cache": False, "x": "y"}}]},
            "many": {"foreach": [1], "do": {"wdir": "w", "metrics": [{"m-${item}": {"cache": True}}]}},
            "odd": [],
        }
    }
    found = dict(declared_in(pipeline, "p/dvc.yaml"))
    assert found == {"p/a": True, "p/b": False, "p/c": False, "p/m-${item}": True}
    assert not [*declared_in(None, "dvc.yaml"), *declared_in([], "dvc.yaml"), *declared_in({"stages": 3}, "dvc.yaml")]


def test_trees_go_before_files() -> None:
    plan = plan_gc([Stored(A, 1, 5.0), Stored(TREE, 2, 5.0), Stored(B, 1, 5.0)], Used(frozenset()), horizon=10.0)
    assert [stored.digest for stored in plan.objects] == [TREE, A, B]


def test_a_plan_can_be_cut_down() -> None:
    plan = plan_gc([Stored(A, 1, 5.0), Stored(TREE, 2, 5.0), Stored(B, 1, 5.0)], Used(frozenset()), horizon=10.0).only({A, TREE})
    assert [stored.digest for stored in plan.objects] == [TREE, A]


@pytest.mark.parametrize(
    ("text", "seconds"), [("14d", 14 * 86_400), ("0", 0), ("2", 2 * 86_400), ("1.5h", 5_400), ("10s", 10), ("1W", 7 * 86_400)]
)
def test_ages(text: str, seconds: float) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "-1d", "14 d", "d", "1y"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(UsageError):
        parse_age(text)


@pytest.mark.parametrize(
    ("name", "does"),
    [
        ("a.dvc", True),
        ("a.dvx", True),
        ("dvc.lock", True),
        ("dvx.lock", True),
        ("dvc.yaml", False),
        (".dvc", False),
        ("a", False),
    ],
)
def test_which_files_name_objects(name: str, does: bool) -> None:
    assert names_objects(name) is does


def test_a_pointer_names_its_outputs_from_its_folder() -> None:
    document = {"wdir": "sub", "outs": [{"path": "x", "md5": "a" * 32, "hash": "md5", "size": 3, "remote": "far"}]}
    assert named_in(document, "data/x.dvc") == (Named("data/sub/x", A, 3, "far"),)


def test_an_old_md5_may_be_of_either_kind() -> None:
    names = named_in({"outs": [{"path": "x", "md5": "a" * 32}]}, "x.dvc")
    assert {named.digest for named in names} == {A, Digest(LEGACY, "a" * 32)}


def test_a_lock_names_outputs_of_all_stages_and_no_dependency() -> None:
    stage = {"cmd": "x", "deps": [{"path": "in", "md5": "b" * 32}], "outs": [{"path": "out", "hash": "md5", "md5": "a" * 32}]}
    assert named_in({"schema": "2.0", "stages": {"one": stage}}, "dvc.lock") == (Named("out", A, locked=True),)
    assert named_in({"one": stage}, "p/dvc.lock") == (Named("p/out", A, locked=True),)


def test_files_of_a_versioned_folder_are_named() -> None:
    part = {"relpath": "x", "md5": "a" * 32}
    document = {"outs": [{"path": "d", "hash": "md5", "files": [part]}]}
    assert named_in(document, "d.dvc") == (Named("d/x", A),)


@pytest.mark.parametrize(
    "document", [[1], {"outs": {"a": 1}}, {"outs": [1]}, {"outs": [{"path": "x", "md5": "zz"}]}, {"outs": [{"md5": "a" * 31}]}]
)
def test_what_is_in_doubt_is_an_error(document: object) -> None:
    with pytest.raises(SchemaError):
        named_in(document, "x.dvc")
