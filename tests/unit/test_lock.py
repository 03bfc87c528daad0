"""Facts about reading and writing lock entries."""

from __future__ import annotations

from typing import Any

import pytest

from dvx.errors import SchemaError
from dvx.model.dialect import DVC, NATIVE
from dvx.model.digest import LEGACY, Digest
from dvx.model.pipelines.lock import Lock, StageState, decode_lock, encode_state
from dvx.model.pipelines.stage import Pipeline, Stage
from dvx.model.tracked.pointer import Recorded
from dvx.model.tree import Content

ONE = "b026324c6904b2a9cb4b88d6d61c81d1"
TWO = "26ab0db90d72e28ad0ba1e22ee510510"

ENTRY = {
    "cmd": "python train.py",
    "deps": [{"path": "./data", "hash": "md5", "md5": ONE + ".dir", "size": 4, "nfiles": 2}],
    "params": {"params.yaml": {"epochs": 2, "lr": 0.1}, "conf.json": {"a": None}},
    "outs": [{"path": "model", "hash": "md5", "md5": TWO, "size": 2, "isexec": True}],
}
STAGE = Stage("train", "train", "python train.py", "dvc.yaml", "work", written={"work/data": "./data", "work/model": "model"})
STATE = StageState(
    command="python train.py",
    deps={"work/data": Recorded("work/data", Content(Digest("md5", ONE + ".dir"), 4, 2))},
    params={"work/params.yaml": {"epochs": 2, "lr": 0.1}, "work/conf.json": {"a": None}},
    outs={"work/model": Recorded("work/model", Content(Digest("md5", TWO), 2, None, executable=True))},
)


def read(stages: Any, **top: Any) -> Lock:
    pipeline = Pipeline("dvc.yaml", {"train": STAGE, "s": Stage("s", "s", "x", "dvc.yaml")})
    return decode_lock({"schema": "2.0", "stages": stages, **top}, "dvc.lock", DVC, pipeline)


def test_an_entry_is_read_by_the_working_folder_of_its_stage() -> None:
    assert read({"train": ENTRY}).stages == {"train": STATE}


def test_an_entry_is_written_as_it_was_read() -> None:
    written = encode_state(STATE, STAGE)
    assert written == ENTRY
    assert list(written) == ["cmd", "deps", "params", "outs"]
    assert list(written["params"]) == ["params.yaml", "conf.json"]
    assert list(written["outs"][0]) == ["path", "hash", "md5", "size", "isexec"]


def test_entries_are_sorted_by_path_and_keys_on_the_first_level() -> None:
    state = StageState(
        command=("a", "b"),
        deps={path: Recorded(path, None) for path in ("z", "a", "B")},
        params={"z.yaml": {"b": {"y": 1, "x": 2}, "a": 1}},
    )
    written = encode_state(state, Stage("s", "s", ("a", "b"), "dvc.yaml"))
    assert written == {
        "cmd": ["a", "b"],
        "deps": [{"path": "B"}, {"path": "a"}, {"path": "z"}],
        "params": {"z.yaml": {"a": 1, "b": {"y": 1, "x": 2}}},
    }
    assert list(written["params"]["z.yaml"]["b"]) == ["y", "x"]


def test_an_entry_without_hash_is_of_the_old_kind_and_stays_so() -> None:
    old = {"cmd": "x", "outs": [{"path": "o", "md5": ONE, "size": 2}]}
    state = read({"s": old}).stages["s"]
    content = state.outs["o"].content
    assert content is not None
    assert content.digest == Digest(LEGACY, ONE)
    assert encode_state(state, Stage("s", "s", "x", "dvc.yaml")) == old


def test_fields_that_are_not_read_are_kept() -> None:
    old = {"cmd": "x", "deps": [{"path": "s3://b/k", "etag": "abc", "size": 3}]}
    state = read({"s": old}).stages["s"]
    assert state.deps["s3://b/k"].extras == {"etag": "abc", "size": 3}
    assert encode_state(state, Stage("s", "s", "x", "dvc.yaml")) == old


def test_what_is_recorded_outside_of_the_project_is_no_output_of_it() -> None:
    entry = {"hash": "md5", "md5": ONE, "size": 2}
    outs = [
        {"path": "../../o", **entry},
        {"path": "/data/made", **entry},
        {"path": "/elsewhere", **entry},
        {"path": "in", **entry},
    ]
    old = {"cmd": "x", "params": {"/data/p.yaml": {"a": 1}}, "outs": outs}
    written = {"../o": "../../o", "../../data/made": "/data/made", "w/in": "in", "../../data/p.yaml": "/data/p.yaml"}
    train = Stage("s", "s", "x", "dvc.yaml", "w", written=written)
    document = {"schema": "2.0", "stages": {"s": old}}
    state = decode_lock(document, "dvc.lock", DVC, Pipeline("dvc.yaml", {"s": train})).stages["s"]
    assert list(state.outs) == ["w/in"]
    assert list(state.outside) == ["../o", "../../data/made", "/elsewhere"]
    assert state.params == {"../../data/p.yaml": {"a": 1}}
    assert encode_state(state, train) == old


def test_stages_that_the_pipeline_lacks_are_left_out_since_their_folder_is_unknown() -> None:
    gone = {"cmd": "x", "outs": [{"path": "../o", "md5": ONE, "hash": "md5", "size": 2}]}
    assert list(read({"gone": gone, "train": ENTRY}).stages) == ["train"]


def test_datasets_are_read_and_kept() -> None:
    dataset = {"name": "raw", "url": "../x", "type": "dvc", "rev_lock": "k"}
    old = {"cmd": "x", "deps": [{"path": "ds://raw", "dataset": dataset}]}
    lock = read({"s": old}, datasets=[{**dataset, "unknown": 1}, {"name": "broken"}, None])
    assert lock.datasets == {"raw": dataset}
    assert lock.having("s", lock.stages["s"]) == lock
    assert encode_state(lock.stages["s"], Stage("s", "s", "x", "dvc.yaml")) == old


def test_native_entries_name_their_hash() -> None:
    digest = "be573118fb47cf582ef3a1a12238c2e5"
    document = {
        "schema": "2.0",
        "stages": {"s": {"cmd": "x", "outs": [{"path": "o", "hash": "xxh128", "xxh128": digest, "size": 2}]}},
    }
    lock = decode_lock(document, "dvx.lock", NATIVE, None)
    assert lock.stages["s"].outs["o"].content == Content(Digest("xxh128", digest), 2)


def test_an_empty_file_is_an_empty_lock() -> None:
    assert decode_lock(None, "dvc.lock", DVC, None) == Lock({})


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"stages": {}}, ()),
        ({"schema": "1.0"}, ("schema",)),
        ({"schema": "2.0", "stage": {}}, ("stage",)),
        ({"schema": "2.0", "stages": []}, ("stages",)),
        ({"schema": "2.0", "datasets": {}}, ("datasets",)),
    ],
)
def test_a_file_of_another_kind_is_refused(document: Any, where: tuple[str | int, ...]) -> None:
    with pytest.raises(SchemaError) as caught:
        decode_lock(document, "dvc.lock", DVC, None)
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        ({"cmd": "x", "out": []}, ("out",)),
        ({"cmd": 1}, ("cmd",)),
        ({}, ()),
        ({"cmd": "x", "outs": {}}, ("outs",)),
        ({"cmd": "x", "outs": [{"path": "o", "md6": "1"}]}, ("outs", 0, "md6")),
        ({"cmd": "x", "outs": [{"path": ".git/o"}]}, ("outs", 0, "path")),
        ({"cmd": "x", "outs": [{"path": "o", "hash": "md5", "md5": "zz"}]}, ("outs", 0)),
        ({"cmd": "x", "params": {"p.yaml": [1]}}, ("params", "p.yaml")),
    ],
)
def test_an_entry_that_breaks_the_schema_is_refused_where_it_does(entry: Any, where: tuple[str | int, ...]) -> None:
    with pytest.raises(SchemaError) as caught:
        read({"s": entry})
    assert caught.value.where == ("stages", "s", *where)


def test_having_replaces_one_state() -> None:
    lock = Lock({"a": StageState("1"), "b": StageState("2")})
    assert lock.having("a", StageState("3")) == Lock({"a": StageState("3"), "b": StageState("2")})
