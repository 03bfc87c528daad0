"""Facts about reading pipeline files."""

from __future__ import annotations

from typing import Any

import pytest

from dvx.errors import GraphError, SchemaError
from dvx.model.dialect import DVC, NATIVE, Dialect
from dvx.model.pipelines.definition import decode_pipeline
from dvx.model.pipelines.expanded import CommandStyle
from dvx.model.pipelines.stage import ParamFile, Pipeline, Stage
from dvx.model.tracked.pointer import Output, OutputKind


def no_file(name: str) -> Any:
    raise KeyError(name)


def read(document: Any, file: str = "dvx.yaml", dialect: Dialect = NATIVE) -> Pipeline:
    return decode_pipeline(document, file, dialect, no_file, CommandStyle())


def stage(fields: dict[str, Any], file: str = "dvx.yaml", dialect: Dialect = NATIVE) -> Stage:
    return read({"stages": {"s": fields}}, file, dialect).stages["s"]


def refused(document: Any, dialect: Dialect = NATIVE) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        read(document, dialect=dialect)
    return caught.value


def test_an_empty_file_has_no_stages() -> None:
    assert read(None) == Pipeline("dvx.yaml", {})


def test_a_full_stage() -> None:
    found = stage(
        {
            "desc": "learn",
            "cmd": "python train.py",
            "deps": ["train.py", "./data"],
            "params": ["lr", "epochs", {"conf.json": ["a"]}, {"all.yaml": None}],
            "outs": ["model", {"log": {"cache": False, "persist": True, "push": False, "remote": "r", "labels": ["x"]}}],
            "metrics": [{"m.json": {"cache": False}}],
            "plots": [{"p.csv": {"x": "step", "y": "loss", "desc": "curve"}}],
            "frozen": True,
            "always_changed": True,
            "meta": {"k": 1},
        }
    )
    assert found == Stage(
        name="s",
        address="s",
        command="python train.py",
        file="dvx.yaml",
        deps=("train.py", "data"),
        params=(ParamFile("params.yaml", ("lr", "epochs")), ParamFile("conf.json", ("a",)), ParamFile("all.yaml", None)),
        outs=(
            Output("model"),
            Output("log", cached=False, persist=True, push=False, remote="r", annotations={"labels": ["x"]}),
            Output("m.json", OutputKind.METRIC, cached=False),
            Output("p.csv", OutputKind.PLOT, annotations={"desc": "curve"}, plot={"x": "step", "y": "loss"}),
        ),
        frozen=True,
        always=True,
        desc="learn",
        meta={"k": 1},
        written={
            "train.py": "train.py", "data": "./data", "params.yaml": "params.yaml", "conf.json": "conf.json",
            "all.yaml": "all.yaml", "model": "model", "log": "log", "m.json": "m.json", "p.csv": "p.csv",
        },
    )  # fmt: skip


def test_paths_are_relative_to_the_working_folder() -> None:
    found = stage({"cmd": "x", "wdir": "../work", "deps": ["../sub/a", "b"], "outs": ["out/c"], "params": ["k"]}, "sub/dvx.yaml")
    assert found.workdir == "work"
    assert found.deps == ("sub/a", "work/b")
    assert [output.path for output in found.outs] == ["work/out/c"]
    assert found.params == (ParamFile("work/params.yaml", ("k",)),)
    assert found.written["sub/a"] == "../sub/a"
    assert found.address == "sub/dvx.yaml:s"


def test_paths_may_leave_the_project() -> None:
    texts = ["../../shared/a", "/abs/b", "s3://bucket/c", "/home/me/project/in"]
    outs = [{"../../o": {"cache": False}}, "inside", {"/home/o": {"cache": False}}, "/home/me/project/w/x"]
    raw = {"cmd": "x", "wdir": "w", "deps": texts, "params": [{"../../p.yaml": ["a"]}], "outs": outs}
    document = {"stages": {"s": raw}}
    found = decode_pipeline(document, "dvx.yaml", NATIVE, no_file, CommandStyle(), root="/home/me/project").stages["s"]
    assert found.deps == ("../shared/a", "../../../abs/b", "s3://bucket/c", "in")
    assert found.params == (ParamFile("../p.yaml", ("a",)),)
    assert [output.path for output in found.outs] == ["w/inside", "w/x"]
    assert [output.path for output in found.outside] == ["../o", "../../o"]
    assert [output.path for output in found.all_outs] == ["../o", "w/inside", "../../o", "w/x"]
    assert list(found.written.values()) == [*texts[:3], "../in", "../../p.yaml", "../../o", "inside", "/home/o", "x"]
    away = {"../../shared/a": "../shared/a", "../../p.yaml": "../p.yaml", "../../o": "../o"}
    assert found.led_back == away | {"/abs/b": "../../../abs/b", "/home/o": "../../o", "../in": "in"}


@pytest.mark.parametrize("path", [".git/hooks/post-commit", ".dvx/config", "a/../.git/x", "/home/me/project/.git/x"])
def test_outputs_stay_in_the_project(path: str) -> None:
    document = {"stages": {"s": {"cmd": "x", "outs": [path]}}}
    with pytest.raises(SchemaError) as caught:
        decode_pipeline(document, "dvx.yaml", NATIVE, no_file, CommandStyle(), root="/home/me/project")
    assert caught.value.where == ("stages", "s", "outs")


def test_a_working_folder_stays_in_the_project() -> None:
    assert refused({"stages": {"s": {"cmd": "x", "wdir": "../elsewhere"}}}).where == ("stages", "s", "wdir")


@pytest.mark.parametrize(
    ("document", "where", "hint"),
    [
        ({"stagse": {}}, ("stagse",), "stages"),
        ({"stages": {"s": {"cmd": "x", "dep": []}}}, ("stages", "s", "dep"), "deps"),
        ({"stages": {"s": {"cmd": "x", "outs": [{"o": {"cached": 1}}]}}}, ("stages", "s", "outs", 0, "o", "cached"), "cache"),
        ({"stages": {"s": {"foreach": [1], "do": {"cmd": "x", "outz": []}}}}, ("stages", "s", "do", "outz"), "outs"),
        ({"plots": [{"p": {"yy_lable": 1}}]}, ("plots", 0, "p", "yy_lable"), "y_label"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(document: Any, where: tuple[str | int, ...], hint: str) -> None:
    error = refused(document)
    assert error.where == where
    assert error.message == f"unknown key `{where[-1]}`"
    assert error.hint == f"did you mean `{hint}`?"


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({}, ()),
        ({"cmd": 3}, ("cmd",)),
        ({"cmd": None}, ("cmd",)),
        ({"cmd": ["a", 1]}, ("cmd", 1)),
        ({"cmd": "x", "deps": "a"}, ("deps",)),
        ({"cmd": "x", "deps": None}, ("deps",)),
        ({"cmd": "x", "outs": [{"o": None}]}, ("outs", 0, "o")),
        ({"cmd": "x", "outs": [{"o": {"cache": "yes"}}]}, ("outs", 0, "o", "cache")),
        ({"cmd": "x", "params": [1]}, ("params", 0)),
        ({"cmd": "x", "params": [{"p.yaml": "k"}]}, ("params", 0, "p.yaml")),
        ({"cmd": "x", "frozen": "${yes}"}, ("frozen",)),
        ({"foreach": [1]}, ()),
        ({"cmd": "x", "matrix": [1]}, ("matrix",)),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_where_it_stands(fields: dict[str, Any], where: tuple[str | int, ...]) -> None:
    assert refused({"stages": {"s": fields}}).where == ("stages", "s", *where)


def test_an_output_listed_twice_is_refused() -> None:
    with pytest.raises(GraphError, match="lists the output `o` twice"):
        stage({"cmd": "x", "outs": ["o"], "metrics": ["./o"]})


def test_run_settings_stand_under_the_stage_or_under_meta() -> None:
    assert stage({"cmd": "x", "run": {"retry": 2}}).run.retry.maximum_attempts == 2
    assert stage({"cmd": "x", "meta": {"run": {"retry": 2}}}, "dvc.yaml", DVC).run.retry.maximum_attempts == 2
    assert refused({"stages": {"s": {"cmd": "x", "run": {}}}}, DVC).message == "unknown key `run`"


def test_templates_are_resolved_and_marked() -> None:
    document = {
        "vars": [{"n": 3, "names": ["a", "b"]}],
        "stages": {
            "plain": {"cmd": "x"},
            "one": {"cmd": "run ${n}", "deps": ["d${n}"]},
            "many": {"foreach": "${names}", "do": {"cmd": "go ${item}", "outs": ["o-${item}"]}},
        },
    }
    found = read(document)
    assert list(found.stages) == ["plain", "one", "many@a", "many@b"]
    assert found.stages["one"].command == "run 3"
    assert found.stages["many@b"].outs == (Output("o-b"),)
    assert [stage.generated for stage in found.stages.values()] == [False, True, True, True]
    assert found.groups == {"many": ("many@a", "many@b")}


def test_a_mistake_in_a_template_is_located_in_the_file() -> None:
    document = {"stages": {"s": {"foreach": [".git/up"], "do": {"cmd": "x", "outs": ["${item}"]}}}}
    assert refused(document).where == ("stages", "s", "do", "outs")


def test_top_level_entries_are_relative_to_the_file() -> None:
    found = read(
        {"params": ["p.yaml"], "metrics": ["m.json"], "plots": ["a.csv", {"b": None}], "artifacts": {"m": {"path": "x"}}},
        "sub/dvx.yaml",
    )
    assert (found.params_files, found.metrics) == (("sub/p.yaml",), ("sub/m.json",))
    assert found.plots == (("a.csv", None), ("b", None))
    assert found.artifacts == {"m": {"path": "x"}}


def test_a_text_runs_line_by_line_and_a_list_item_by_item() -> None:
    assert stage({"cmd": "a\n\n b \n"}).lines == ("a", " b ")
    assert stage({"cmd": ["a\nb", "c"]}).lines == ("a\nb", "c")


def test_a_stage_that_nothing_can_vouch_for_is_never_fresh() -> None:
    assert stage({"cmd": "x"}).never_fresh
    assert not stage({"cmd": "x", "params": ["k"]}).never_fresh
    assert not stage({"cmd": "x", "outs": ["o"]}).never_fresh
