"""Parameters as values: keys, overrides, comparison."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from dvx.errors import DvxError, UsageError
from dvx.model.compare.params import (
    Change,
    diff,
    flatten,
    found_at,
    measured,
    parse_key,
    picked,
    same,
    select,
)
from dvx.model.experiments.override import Op, Override, apply, parse_override

VALUES = {"lr": 0.1, "train": {"epochs": 2, "layers": [1, 2]}, "empty": {}, 3: "three"}


def override(text: str) -> Override:
    return parse_override(text, "params.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-1", -1), ("+1", 1), ("1_000", 1000), ("0.5", 0.5), ("1e-5", 1e-05), ("1e5", 100000.0), (".5", 0.5), ("5.", 5.0),
        ("inf", math.inf), ("-inf", -math.inf), ("true", True), ("False", False), ("null", None), ("NULL", None), ("", ""),
        ("yes", "yes"), ("012", "012"), ("0x1F", "0x1F"), ("1.2.3", "1.2.3"), ("2020-01-01", "2020-01-01"), ("1_", "1_"),
        ("a b", "a b"), (" 1 ", 1), ("a:b", "a:b"), ("x=y", "x=y"), ("/x/y.z", "/x/y.z"), ("é", "é"),
        ("''", ""), ("'1'", "1"), ('"x \'y\'"', "x 'y'"), (r"'it\'s'", "it's"), (r"'a\\'", "a\\"), (r"'a\nb'", r"a\nb"),
        (r"a\,b", "a,b"), (r"a\ ", "a "), (r"\\x", r"\x"),
        ("[1,2]", [1, 2]), ("[1, a b ,'c']", [1, "a b", "c"]), ("[]", []), ("[[1],{b:c}]", [[1], {"b": "c"}]),
        ("{}", {}), ("{b: 1, c:[2]}", {"b": 1, "c": [2]}), ("{'a:b': x:y}", {"a:b": "x:y"}),
    ],
)  # fmt: skip
def test_values_are_typed_as_dvc_types_them(text: str, value: Any):
    assert same(override(f"k={text}").value, value)


@pytest.mark.parametrize("text", ["1,2", "a,", "choice(1,2)", "range(1,5)", "glob(*)"])
def test_a_sweep_is_refused_with_a_way_out(text: str):
    with pytest.raises(UsageError) as caught:
        override(f"lr={text}")
    assert caught.value.message == f"`{text}` stands for several values, and one run takes one"
    assert caught.value.hint.startswith("run an experiment for each value with `dvx exp run --queue`")


@pytest.mark.parametrize("text", ["[1", "{a}", "{a:}", "[,]", "(1)", "f(1)", "'a", "'a'b", "a'b", "x[1]", "[1]x", "[" * 60])
def test_a_malformed_value_is_refused(text: str):
    with pytest.raises(UsageError, match="is not a value"):
        override(f"k={text}")


def test_the_parts_of_an_override():
    assert override("train.lr=0.1") == Override("params.yaml", ("train", "lr"), Op.CHANGE, 0.1)
    assert override("sub/p.toml:+a.new=x:y") == Override("sub/p.toml", ("a", "new"), Op.ADD, "x:y")
    assert override("++a[0].b=1") == Override("params.yaml", ("a", 0, "b"), Op.FORCE, 1)
    assert override("p.yaml:~a") == Override("p.yaml", ("a",), Op.REMOVE)


@pytest.mark.parametrize(("text", "message"), [
    ("lr", "`lr` has no value"), ("+lr", "`+lr` has no value"), ("=1", "`=1` names no parameter"), ("", "`` names no parameter"),
    ("a..b=1", "`a..b=1` names no parameter"), (":a=1", "`:a=1` names no parameter"),
])  # fmt: skip
def test_an_override_without_key_or_value_is_refused(text: str, message: str):
    with pytest.raises(UsageError) as caught:
        override(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("lr=0.5", "lr", 0.5),
        ("train.layers.0=9", "train.layers", [9, 2]),
        ("train.layers[1]=9", "train.layers", [1, 9]),
        ("train.layers=[3]", "train.layers", [3]),
        ("+train.layers[2]=3", "train.layers", [1, 2, 3]),
        ("~train.layers.0", "train.layers", [2]),
        ("train={epochs: 3}", "train", {"epochs": 3, "layers": [1, 2]}),
        ("+train={decay: 1}", "train.decay", 1),
        ("+new.deep.key=1", "new", {"deep": {"key": 1}}),
        ("++lr=2", "lr", 2),
        ("++lr.deep=2", "lr", {"deep": 2}),
        ("train=1", "train", 1),
        ("lr={a: 1}", "lr", {"a": 1}),
        ("3=drei", "3", "drei"),
    ],
)
def test_an_override_changes_its_key(text: str, key: str, value: Any):
    after = apply(VALUES, override(text))
    assert select(after, [key]) == {key: value}


def test_an_override_leaves_the_value_it_was_given_alone():
    apply(VALUES, override("train.layers.0=9"))
    assert VALUES["train"] == {"epochs": 2, "layers": [1, 2]}


def test_a_key_is_removed():
    assert apply({"a": 1, "b": {"c": 2}}, override("~b.c")) == {"a": 1, "b": {}}


def test_a_file_that_is_empty_takes_new_keys():
    assert apply(None, override("+a=1")) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("lrr=1", "there is no parameter `lrr` in `params.yaml`", "did you mean `lr`?; write `+lrr=...` to add it"),
        ("train.epoch=1", "there is no parameter `train.epoch` in `params.yaml`",
         "did you mean `train.epochs`?; write `+train.epoch=...` to add it"),
        ("zzzzzz=1", "there is no parameter `zzzzzz` in `params.yaml`", "write `+zzzzzz=...` to add it"),
        ("~zzzzzz", "there is no parameter `zzzzzz` in `params.yaml`", ""),
        ("train={wwwwww: 1}", "there is no parameter `train.wwwwww` in `params.yaml`",
         "write `+train.wwwwww=...` to add it"),
        ("+lr=1", "`lr` is already in `params.yaml`", "write `lr=...` to change it"),
        ("lr.x=1", "`lr` in `params.yaml` is a value and has no parameters below it", ""),
    ],
)  # fmt: skip
def test_an_unknown_key_is_told_with_the_way_out(text: str, message: str, hint: str):
    with pytest.raises(DvxError) as caught:
        apply(VALUES, override(text))
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize("text", ["train.layers[5]=1", "+train.layers[5]=1"])
def test_a_list_has_no_holes(text: str):
    with pytest.raises(DvxError, match=r"there is no parameter `train\.layers\.5`"):
        apply(VALUES, override(text))


def test_keys_are_paths():
    assert parse_key("train.layers[0].k") == ("train", "layers", 0, "k")
    assert [parse_key(text) for text in ("", ".", "a.", "a[", "a[x]", "a]")] == [()] * 6


def test_select_leaves_out_what_is_missing():
    assert select(VALUES, ["train.epochs", "train.layers[1]", "nope", "lr.x", "train.layers.7"]) == {
        "train.epochs": 2,
        "train.layers[1]": 2,
    }


def test_flatten_takes_lists_as_leaves_and_drops_empty_mappings():
    assert flatten(VALUES) == {"lr": 0.1, "train.epochs": 2, "train.layers": [1, 2], "3": "three"}
    assert flatten(3.5) == {"": 3.5}


def test_what_is_picked_stands_where_it_was():
    value = {"a": {"b": 1, "c": 2, "d": 0}, "l": [3, 4], "x": 5}
    assert picked(value, ["a.b", "a.c", "l[0]", "l.1", "y"]) == {"a": {"b": 1, "c": 2}, "l[0]": 3, "l.1": 4}
    assert picked(value, ["a.[bc]", "l.?"]) == {"a": {"b": 1, "c": 2}, "l.0": 3, "l.1": 4}
    assert picked(value, ["*.b", "**.d", "**.x"]) == {"a": {"b": 1, "d": 0}, "x": 5}


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("grp.ab*", [1]),
        ("grp.[ab]b", [1]),
        ("grp.[!z]*", [1]),
        ("grp.??", [1]),
        ("*.ab", [1]),
        ("**.ab", [1]),
        ("**", [{"ab": 1, "z": [2, {"q": 4}]}, 1, [2, {"q": 4}], 2, {"q": 4}, 4, 7]),
        ("grp.**", [1, [2, {"q": 4}], 2, {"q": 4}, 4]),
        ("grp.**.q", [4]),
        ("grp.z.*", [2, {"q": 4}]),
        ("grp.z.1.q*", [4]),
        ("grp.z[1].q", [4]),
        ("**.**.q", []),
        ("grp.c*", []),
        ("grp.ab.*", []),
        ("1*", [7]),
        ("grp.", []),
    ],
)
def test_patterns_mean_what_they_mean_to_dpath(key: str, found: list[object]):
    value = {"grp": {"ab": 1, "z": [2, {"q": 4}]}, 12: 7}
    assert [item for _, _, item in found_at(value, key)] == found
    assert select(value, [key]) == ({key: found[0]} if len(found) == 1 else {})


def test_a_key_is_what_it_says_before_it_is_a_pattern():
    assert select({"l*": 1, "lx": 2, "q[1]": 3}, ["l*", "q[1]"]) == {"l*": 1}


def test_patterns_of_large_documents_are_cheap():
    value = {f"k{number}": {"a" * 200: number} for number in range(20_000)}
    start = time.monotonic()
    assert select(value, ["**." + "*a" * 50 + "b"]) == {}
    assert time.monotonic() - start < 5


def test_metrics_are_numbers_texts_and_booleans():
    value = {"acc": 1.5, "ok": True, "s": "x", "n": None, "l": [1], "e": {}, "in": {"l": [2]}, "deep": {"a": 0}}
    assert measured(value) == {"acc": 1.5, "ok": True, "s": "x", "deep": {"a": 0}}
    assert measured([1, 2]) is None


def test_params_compare_by_type_too():
    assert same(1, 1)
    assert not same(1, 1.0)
    assert not same(1, True)
    assert same(math.nan, math.nan)
    assert not same({"a": 1, "b": 2}, {"a": 1})
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})


def test_diff_has_what_changed_sorted():
    old, new = {"z": 1, "a": 1, "same": 5, "gone": "x", "flag": True}, {"z": 2.5, "a": 1.0, "same": 5, "new": 3, "flag": False}
    assert diff(old, new) == {
        "a": Change(1, 1.0),
        "flag": Change(old=True, new=False),
        "gone": Change("x", None),
        "new": Change(None, 3),
        "z": Change(1, 2.5),
    }
    assert list(diff(old, new)) == sorted(diff(old, new))
    assert diff({"a": 1}, {"a": 1}, unchanged=True) == {"a": Change(1, 1)}


def test_a_key_that_is_null_looks_like_one_that_is_missing():
    assert diff({"b": None}, {"a": None}) == {}
    assert diff({}, {"a": None}, unchanged=True) == {"a": Change(None, None)}


def test_only_numbers_have_a_difference():
    assert Change(1, 2.5).difference == 1.5
    assert Change(old=True, new=False).difference == -1
    assert Change("1", 2).difference is None
    assert Change(None, 2).difference is None
    assert Change(0.5, 10**400).difference is None


def test_a_pattern_of_any_length_takes_little_time() -> None:
    for sign in ("[", "*", "?", "[!", "*[a-"):
        assert select({"a": {"b": 1}}, [sign * 50_000, "a." + sign * 50_000]) == {}
