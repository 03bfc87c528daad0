"""Facts about the names of runs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from dvx.model.pipelines.runcache import is_recordable, is_restorable, run_key, run_value
from dvx.model.pipelines.stage import Stage
from dvx.model.tracked.pointer import Output, OutputKind

MD5 = "b026324c6904b2a9cb4b88d6d61c81d1"
ENTRY = {
    "cmd": "cp a b",
    "deps": [{"path": "a", "hash": "md5", "md5": MD5, "size": 2}],
    "outs": [{"path": "b", "hash": "md5", "md5": MD5, "size": 2}],
}
STAGE = Stage("s", "s", "x", "dvx.yaml", deps=("a",), outs=(Output("o"),))


def test_names_are_those_that_dvc_gives() -> None:
    assert run_key(ENTRY) == "d61e4ab01f3b7cd2ca80ab511545259ba585e5453c90342c3cf7f3a2a82aae87"
    assert run_value(ENTRY) == "d0355a61e09a917e7bf7622c68d6bf9df33960be9dace3b555568b39c2ca4960"


def test_sizes_are_not_part_of_a_name() -> None:
    other = {**ENTRY, "deps": [{"path": "a", "hash": "md5", "md5": MD5, "size": 9, "nfiles": 1}]}
    assert run_key(other) == run_key(ENTRY)
    assert run_value(other) == run_value(ENTRY)


def test_a_key_does_not_depend_on_what_came_out() -> None:
    other = {**ENTRY, "outs": [{"path": "b", "hash": "md5", "md5": "0" * 32}]}
    assert run_key(other) == run_key(ENTRY)
    assert run_value(other) != run_value(ENTRY)


def test_a_plain_stage_can_be_restored_and_recorded() -> None:
    assert is_restorable(STAGE)
    assert is_recordable(STAGE)


@pytest.mark.parametrize(
    "stage",
    [
        replace(STAGE, deps=()),
        replace(STAGE, outs=()),
        replace(STAGE, always=True),
        replace(STAGE, outs=(Output("o"), Output("p", persist=True))),
        replace(STAGE, deps=("s3://bucket/key",)),
    ],
)
def test_some_stages_have_to_run(stage: Stage) -> None:
    assert not is_restorable(stage)


def test_data_that_is_not_cached_keeps_a_run_from_being_saved_but_metrics_do_not() -> None:
    assert not is_recordable(replace(STAGE, outs=(Output("o", cached=False),)))
    assert is_recordable(replace(STAGE, outs=(Output("o"), Output("m", OutputKind.METRIC, cached=False))))
