"""Experiments as values: refs, names and the hash of a result."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvx.errors import UsageError
from dvx.model.experiments.refs import ExpRef, check_name, draw_name, result_hash, why_bad

BASE = "3d07f4618e2ea13647830491caa8b7e8b20675e7"


def test_a_ref_is_split_as_dvc_splits_it():
    assert str(ExpRef(BASE, "e-one")) == "refs/exps/3d/07f4618e2ea13647830491caa8b7e8b20675e7/e-one"
    assert ExpRef.parse("refs/exps/3d/07f4618e2ea13647830491caa8b7e8b20675e7/e-one") == ExpRef(BASE, "e-one")


@pytest.mark.parametrize(
    "ref",
    [
        "refs/exps/stash",
        "refs/exps/exec/EXEC_HEAD",
        "refs/exps/celery/stash",
        "refs/exps/apply/ORIG_HEAD",
        "refs/exps/temp/07f4618e2ea13647830491caa8b7e8b20675e7/x",
        "refs/exps/3d/07f4618e2ea13647830491caa8b7e8b20675e7",
        "refs/exps/3d/07f4618e2ea13647830491caa8b7e8b20675e7/a/b",
        "refs/exps/3d/07f4/short",
        "refs/heads/3d/07f4618e2ea13647830491caa8b7e8b20675e7/e-one",
    ],
)
def test_other_refs_are_no_experiments(ref):
    assert ExpRef.parse(ref) is None


@pytest.mark.parametrize("name", ["e-one", "lr_0.1", "Übung", "a", "1", "x@y"])
def test_good_names(name):
    assert why_bad(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-x",
        ".x",
        "a b",
        "a/b",
        "a..b",
        "a.lock",
        "a.",
        "@",
        "a@{b",
        "a~b",
        "a^b",
        "a:b",
        "a?b",
        "a*b",
        "a[b",
        "a\\b",
        "a\nb",
        "a\x7f",
    ],
)
def test_bad_names_are_refused(name):
    with pytest.raises(UsageError, match="is not a name for an experiment"):
        check_name(name)
    with pytest.raises(UsageError):
        ExpRef(BASE, name)


@given(st.integers(min_value=0))
def test_drawn_names_are_good_and_free(number):
    first = draw_name(number, ())
    second = draw_name(number, {first})
    assert first != second
    assert (why_bad(first), why_bad(second)) == ("", "")


def test_enough_names_to_choose_from():
    assert len({draw_name(number, ()) for number in range(30_000)}) > 10_000


def test_the_hash_of_a_result_is_dvcs():
    # the value that DVC 3.67.1 wrote for this stage
    entry = {
        "cmd": "python3 train.py",
        "deps": [
            {"path": "d", "hash": "md5", "md5": "8dd0e31e3c69bf3bfcbdc566ad436782.dir", "size": 1, "nfiles": 1},
            {"path": "data.csv", "hash": "md5", "md5": "6137cde4893c59f76f005a8123d8e8e6", "size": 5},
            {"path": "train.py", "hash": "md5", "md5": "f7ff9b5ed958bbe881b2d68b7a72b1d6", "size": 237},
        ],
        "params": {"params.yaml": {"lr": 0.2}},
        "outs": [
            {"path": "metrics.json", "hash": "md5", "md5": "d120c4eecdb394d2534fa27d6003c1a9", "size": 12},
            {"path": "model.bin", "hash": "md5", "md5": "4eb80f2bf315f456f372d2e629dd2030", "size": 4},
        ],
    }
    assert result_hash({"train": entry}) == "330e5f8e8ef73be6954d5c3083816125a67ab16c781599cc36b7ed63f69a29a1"
    assert result_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
