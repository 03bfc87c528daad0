"""Facts about why stages run."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from dvx.model.digest import Digest
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.stage import ParamFile, Stage
from dvx.model.pipelines.staleness import Cause, Reason, changes, exact, loose, reasons_to_run
from dvx.model.tracked.pointer import Output, Recorded
from dvx.model.tree import Content


def content(letter: str) -> Content:
    return Content(Digest("md5", letter * 32), 1)


def recorded(path: str, letter: str | None) -> Recorded:
    return Recorded(path, content(letter) if letter else None)


STAGE = Stage(
    "train",
    "train",
    "python train.py",
    "dvx.yaml",
    deps=("data",),
    params=(ParamFile("params.yaml", ("lr",)),),
    outs=(Output("model"),),
)
RAN = StageState(
    "python train.py", {"data": recorded("data", "a")}, {"params.yaml": {"lr": 0.1}}, {"model": recorded("model", "b")}
)


def why(
    seen: StageState, locked: StageState | None = RAN, stage: Stage = STAGE, missing: tuple[str, ...] = ()
) -> list[tuple[Cause, str]]:
    found = reasons_to_run(stage, locked, seen, {Digest("md5", letter * 32) for letter in missing}, exact)
    return [(reason.cause, reason.subject) for reason in found]


def test_an_untouched_stage_is_fresh() -> None:
    assert reasons_to_run(STAGE, RAN, RAN, (), exact) == ()


def test_a_stage_without_a_record_never_ran() -> None:
    assert why(RAN, None) == [(Cause.NEVER_RAN, "")]


def test_each_part_of_a_stage_that_never_ran_is_a_change() -> None:
    found = changes(STAGE, None, RAN, (), exact)
    assert found == (Reason(Cause.DEP_NEW, "data"), Reason(Cause.PARAM_NEW, "params.yaml:lr"), Reason(Cause.OUT_NEW, "model"))


def test_a_changed_command() -> None:
    assert why(replace(RAN, command="python train.py -v")) == [(Cause.COMMAND, "")]
    assert why(replace(RAN, command=("python train.py",))) == [(Cause.COMMAND, "")]


@pytest.mark.parametrize(("letter", "cause"), [("c", Cause.DEP_MODIFIED), (None, Cause.DEP_DELETED)])
def test_a_changed_dependency(letter: str | None, cause: Cause) -> None:
    assert why(replace(RAN, deps={"data": recorded("data", letter)})) == [(cause, "data")]


def test_a_dependency_that_the_record_lacks_is_new() -> None:
    assert why(RAN, replace(RAN, deps={})) == [(Cause.DEP_NEW, "data")]


@pytest.mark.parametrize(
    ("values", "cause"), [({"lr": 0.2}, Cause.PARAM_MODIFIED), ({"lr": "0.1"}, Cause.PARAM_MODIFIED), ({}, Cause.PARAM_DELETED)]
)
def test_a_changed_parameter(values: dict[str, Any], cause: Cause) -> None:
    assert why(replace(RAN, params={"params.yaml": values})) == [(cause, "params.yaml:lr")]


def test_a_parameter_that_the_record_lacks_is_new() -> None:
    assert why(RAN, replace(RAN, params={})) == [(Cause.PARAM_NEW, "params.yaml:lr")]


def test_of_a_file_that_is_tracked_whole_each_key_counts() -> None:
    stage = replace(STAGE, params=(ParamFile("params.yaml", None),))
    locked = replace(RAN, params={"params.yaml": {"a": 1, "b": 1, "c": 1}})
    seen = replace(RAN, params={"params.yaml": {"a": 1, "b": 2, "d": 1}})
    assert why(seen, locked, stage) == [
        (Cause.PARAM_MODIFIED, "params.yaml:b"),
        (Cause.PARAM_NEW, "params.yaml:d"),
        (Cause.PARAM_DELETED, "params.yaml:c"),
    ]


@pytest.mark.parametrize(("letter", "cause"), [("c", Cause.OUT_MODIFIED), (None, Cause.OUT_DELETED)])
def test_a_changed_output(letter: str | None, cause: Cause) -> None:
    assert why(replace(RAN, outs={"model": recorded("model", letter)})) == [(cause, "model")]


def test_an_output_that_the_cache_lacks_counts_before_all_else_of_it() -> None:
    assert why(RAN, missing=("b",)) == [(Cause.OUT_NOT_CACHED, "model")]
    assert why(replace(RAN, outs={"model": recorded("model", None)}), missing=("b",)) == [(Cause.OUT_NOT_CACHED, "model")]


def test_an_output_that_is_not_cached_is_not_missed_in_the_cache() -> None:
    assert why(RAN, stage=replace(STAGE, outs=(Output("model", cached=False),)), missing=("b",)) == []


def test_of_a_frozen_stage_only_outputs_count() -> None:
    stage = replace(STAGE, frozen=True, always=True)
    seen = StageState("other", {"data": recorded("data", "f")}, {}, {"model": recorded("model", None)})
    assert why(seen, stage=stage) == [(Cause.OUT_DELETED, "model")]


def test_some_stages_always_run() -> None:
    assert why(RAN, stage=replace(STAGE, always=True)) == [(Cause.ALWAYS, "")]
    assert why(StageState("x"), StageState("x"), Stage("s", "s", "x", "dvx.yaml")) == [(Cause.ALWAYS, "")]


def test_what_was_taken_out_of_the_pipeline_file_is_no_reason() -> None:
    bare = Stage("train", "train", "python train.py", "dvx.yaml", deps=("data",))
    assert why(replace(RAN, params={}, outs={}), stage=bare) == []


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (1, True), (0, False)])
def test_dvc_does_not_tell_kinds_of_numbers_apart_and_dvx_does(one: object, other: object) -> None:
    assert loose(one, other)
    assert not exact(one, other)
    assert loose({"k": [one]}, {"k": [other]})
    assert not exact({"k": [one]}, {"k": [other]})


@pytest.mark.parametrize("same", [exact, loose])
def test_equal_values_are_the_same_to_both(same: Any) -> None:
    nan = float("nan")
    for one, other in [({"a": 1, "b": 2}, {"b": 2, "a": 1}), ((1, 2), [1, 2]), (nan, float("nan")), (None, None)]:
        assert same(one, other)
    for one, other in [(0.1, 0.2), ([1, 2], [2, 1]), ("1", 1), (None, 0)]:
        assert not same(one, other)


def test_a_reason_in_words() -> None:
    assert str(Reason(Cause.DEP_MODIFIED, "data")) == "modified dependency `data`"
    assert str(Reason(Cause.COMMAND)) == "changed command"
