"""What may go from a store, in which order, and what pointers and locks name."""

from __future__ import annotations

import pytest

from dvx.errors import SchemaError, UsageError
from dvx.model.digest import LEGACY, Digest
from dvx.model.gc import Stored, parse_age, plan_gc
from dvx.model.named import Named, named_in, names_objects

A, B, C = (Digest("md5", letter * 32) for letter in "abc")
TREE = Digest("md5", "d" * 32 + ".dir")


def test_what_is_used_or_young_stays() -> None:
    plan = plan_gc([Stored(A, 1, 5.0), Stored(B, 2, 5.0), Stored(C, 3, 15.0)], {A}, horizon=10.0)
    assert [stored.digest for stored in plan.objects] == [B]
    assert (plan.kept, plan.young, plan.size) == (1, 1, 2)


def test_trees_go_before_files() -> None:
    plan = plan_gc([Stored(A, 1, 5.0), Stored(TREE, 2, 5.0), Stored(B, 1, 5.0)], set(), horizon=10.0)
    assert [stored.digest for stored in plan.objects] == [TREE, A, B]


def test_a_plan_can_be_cut_down() -> None:
    plan = plan_gc([Stored(A, 1, 5.0), Stored(TREE, 2, 5.0), Stored(B, 1, 5.0)], set(), horizon=10.0).only({A, TREE})
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
    assert named_in({"schema": "2.0", "stages": {"one": stage}}, "dvc.lock") == (Named("out", A),)
    assert named_in({"one": stage}, "p/dvc.lock") == (Named("p/out", A),)


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
