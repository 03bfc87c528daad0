"""What a claim names, and which ages are beyond doubt."""

from __future__ import annotations

import pytest

from dvx.errors import Corrupted
from dvx.model.digest import Digest
from dvx.model.transfer.claims import brief, claim_name, claimed, decode_claim, encode_claim, is_claim_name
from dvx.model.transfer.plan import Need, Wanted
from dvx.model.upkeep.ages import DAY, day, has_jumped, is_doubtful, is_surely_young

A, B, C = (Digest("md5", letter * 32) for letter in "abc")
TREE = Digest("md5", "d" * 32 + ".dir")
WANTED = Wanted({A: Need(A, "t/a"), B: Need(B, "t/b"), C: Need(C, "c")}, {TREE: Need(TREE, "t")}, {TREE: frozenset({A, B})})


def test_a_tree_stands_for_its_files():
    assert claimed(WANTED, set(), {A, B, C, TREE}) == {TREE, C}


def test_a_tree_that_is_young_stands_for_its_files_too():
    assert claimed(WANTED, set(), {A, C}) == {C}


def test_the_files_of_a_tree_that_is_yet_to_come_are_named():
    assert claimed(WANTED, {TREE, B}, {A, C}) == {A, C}


def test_nothing_old_needs_no_claim():
    assert claimed(WANTED, {B}, set()) == frozenset()


def test_a_claim_says_the_same_of_the_same():
    data = encode_claim([B, TREE, A, A])
    assert data == encode_claim([A, B, TREE])
    name = claim_name(data)
    assert is_claim_name(name)
    assert decode_claim(name, data) == {brief(A), brief(B), brief(TREE)}
    assert brief(A) == "md5:aaaaaaaaaaaaaaaa"


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"dvx-claim 2\nmd5:aaaaaaaaaaaaaaaa\n", "update dvx"),
        (b"dvx-claim 1\nmd5:aaaa\n", ""),
        (b"dvx-claim 1\nmd5:aaaaaaaaaaaaaaaa", ""),
        (b"", ""),
        (b"\xff" * 100, ""),
    ],
)
def test_what_is_no_claim_is_refused(data: bytes, hint: str):
    with pytest.raises(Corrupted, match="cannot be read") as raised:
        decode_claim(claim_name(data), data)
    assert raised.value.hint == hint


def test_a_claim_that_rotted_is_refused():
    data = encode_claim([A])
    with pytest.raises(Corrupted, match="do not hash to its name"):
        decode_claim(claim_name(data), data.replace(b"a", b"b"))


@pytest.mark.parametrize("name", ["claims/x.claim", f"claims/{'a' * 32}", f"runs/{'a' * 32}.claim", f"x/claims/{'a' * 32}.claim"])
def test_other_names_are_no_claims(name: str):
    assert not is_claim_name(name)


@pytest.mark.parametrize(
    ("modified", "young"),
    [(1e9, True), (1e9 - DAY + 1, True), (1e9 - DAY, False), (1e9 + 299, True), (1e9 + 301, False), (float("inf"), True)],
)
def test_what_seems_to_come_from_the_future_is_not_surely_young(modified: float, young: bool):
    assert is_surely_young(modified, 1e9, DAY) == young


@pytest.mark.parametrize(
    ("days", "jumped"),
    [(0, False), (30, False), (89, False), (91, True), (365, True), (-0.5, False), (-1.5, True), (-365, True)],
)
def test_a_clock_that_jumped_is_noticed(days: float, jumped: bool):
    assert has_jumped(1e9, 1e9 + days * DAY) == jumped


@pytest.mark.parametrize(("days", "doubtful"), [(0, True), (13, True), (15, False), (-365, True)])
def test_after_a_jump_ages_are_in_doubt_for_two_weeks(days: float, doubtful: bool):
    assert is_doubtful(1e9, 1e9 + days * DAY) == doubtful


@pytest.mark.parametrize(("moment", "text"), [(0.0, "1970-01-01"), (1e9, "2001-09-09"), (1e300, "another age")])
def test_any_moment_is_a_day(moment: float, text: str):
    assert day(moment) == text
