"""Facts about templates: variables, `${...}`, `foreach`, `matrix`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from dvx.errors import SchemaError
from dvx.model.pipelines.expanded import CommandStyle
from dvx.model.pipelines.template import Expanded, expand
from tests.patience import within
from tests.template_facts import DEFAULT_PARAMS, FACTS, Fact, outcome, strict

PARAMS = {"lr": 0.1, "name": "net", "layers": [64, 32], "train": {"epochs": 3, "shuffle": True, "tags": ["a", "b"]}}
FILES: Mapping[str, Any] = {"params.yaml": PARAMS}


def resolved(document: Mapping[str, Any], files: Mapping[str, Any] = FILES, style: CommandStyle | None = None) -> Expanded:
    return expand(document, "dvx.yaml", files.__getitem__, style)


def command(text: str, files: Mapping[str, Any] = FILES, style: CommandStyle | None = None) -> Any:
    return resolved({"stages": {"s": {"cmd": text}}}, files, style).stages["s"]["cmd"]


def refused(document: Mapping[str, Any], files: Mapping[str, Any] = FILES) -> tuple[str, tuple[str | int, ...], str]:
    with pytest.raises(SchemaError) as caught:
        resolved(document, files)
    return caught.value.message, caught.value.where, caught.value.hint


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_what_dvc_says_of_a_document_is_said_here(fact: Fact):
    assert strict(outcome(fact)) == strict(fact.dvc)


def test_there_are_facts_of_every_kind():
    assert len(FACTS) >= 300
    assert sum(fact.dvc is None for fact in FACTS) >= 80
    assert any("foreach" in str(fact.document) for fact in FACTS if fact.dvc)
    assert DEFAULT_PARAMS["b"] == "text"


def test_a_variable_stands_in_a_text():
    assert command("train --lr ${lr} -n ${ train.epochs } ${layers[1]}") == "train --lr 0.1 -n 3 32"


def test_a_mapping_in_a_command_becomes_options():
    assert command("run ${train}") == "run --epochs 3 --shuffle --tags a b"
    style = CommandStyle(booleans="boolean_optional", lists="append")
    files = {"params.yaml": {"t": {"off": False, "on": True, "tags": ["a", "b c"]}}}
    assert command("run ${t}", files, style) == "run --no-off --on --tags a --tags 'b c'"
    assert command("run ${t}", files) == "run --on --tags a 'b c'"


def test_texts_are_quoted_only_when_asked_for():
    files = {"params.yaml": {"evil": "x; rm -rf ~", "options": "-a -b", "n": 1}}
    assert command("run ${evil}", files) == "run x; rm -rf ~"
    quoting = CommandStyle(quote=True)
    assert command("run ${evil} ${n} ${options!r}", files, quoting) == "run 'x; rm -rf ~' 1 -a -b"
    assert command("${options}", files, quoting) == "-a -b"
    document = {"stages": {"s": {"cmd": "p", "deps": ["in ${evil}"]}}}
    assert resolved(document, files, quoting).stages["s"]["deps"] == ["in x; rm -rf ~"]


def test_a_whole_text_keeps_the_type_of_its_variable():
    document = {"stages": {"s": {"cmd": "p", "meta": {"a": "${lr}", "b": "${train.shuffle}", "c": "x${train.shuffle}"}}}}
    assert resolved(document).stages["s"]["meta"] == {"a": 0.1, "b": True, "c": "xtrue"}


def test_stages_of_a_foreach_are_named_after_its_values():
    expanded = resolved(
        {"stages": {"one": {"cmd": "p"}, "train": {"foreach": ["a", "b"], "do": {"cmd": "train ${item}"}}, "two": {"cmd": "q"}}}
    )
    assert list(expanded.stages) == ["one", "train@a", "train@b", "two"]
    assert expanded.stages["train@b"] == {"cmd": "train b"}
    assert expanded.groups == {"train": ("train@a", "train@b")}
    assert expanded.generated == {"train@a", "train@b"}
    assert expanded.places["train@a"] == ("stages", "train", "do")
    assert expanded.places["two"] == ("stages", "two")


def test_a_matrix_makes_a_stage_for_each_combination():
    document = {"stages": {"t": {"matrix": {"m": ["${name}", "b"], "n": [{"k": 1}]}, "cmd": "${item.m} ${item.n.k} ${key}"}}}
    expanded = resolved(document)
    assert {name: stage["cmd"] for name, stage in expanded.stages.items()} == {"t@net-n0": "net 1 net-n0", "t@b-n0": "b 1 b-n0"}
    assert expanded.groups == {"t": ("t@net-n0", "t@b-n0")}


def test_a_group_without_values_is_known_and_empty():
    expanded = resolved({"stages": {"t": {"foreach": [], "do": {"cmd": "p"}}}})
    assert (expanded.stages, expanded.groups) == ({}, {"t": ()})


def test_stages_of_a_group_are_generated_even_when_they_are_all_alike():
    assert resolved({"stages": {"t": {"foreach": [1], "do": {"cmd": "p"}}}}).generated == {"t@1"}


def test_of_equal_generated_names_the_last_counts():
    document = {"stages": {"t": {"foreach": [1, "1"], "do": {"cmd": "p", "meta": "${item}"}}}}
    assert resolved(document).stages == {"t@1": {"cmd": "p", "meta": "1"}}


def test_only_templated_stages_are_generated():
    document = {
        "stages": {
            "plain": {"cmd": "p"},
            "escaped": {"cmd": "p \\${x}"},
            "own": {"cmd": "p", "vars": [{"x": 1}]},
            "t": {"cmd": "${lr}"},
        }
    }
    expanded = resolved(document)
    assert expanded.generated == {"escaped", "t"}
    assert expanded.stages["own"] == {"cmd": "p"}


def test_the_variables_that_stages_use_are_told_by_file():
    document = {
        "vars": ["more.yaml:x", {"inline": 1}],
        "stages": {
            "a": {"cmd": "p ${lr} ${layers[-1]} ${inline} ${x.y}"},
            "b": {"foreach": "${train.tags}", "do": {"cmd": "p ${item}"}},
        },
        "metrics": ["${name}.json"],
    }
    expanded = resolved(document, {**FILES, "more.yaml": {"x": {"y": 1}, "z": 2}})
    assert expanded.used == {"more.yaml": ("x.y",), "params.yaml": ("layers.1", "lr", "train.tags.0", "train.tags.1")}
    assert expanded.metrics == ["net.json"]


def test_nothing_is_loaded_or_copied_when_nothing_is_templated():
    stage = {"cmd": "p", "deps": ["a"]}
    document = {"stages": {"s": stage}, "metrics": ["m.json"]}

    def never(path: str) -> Any:
        raise AssertionError(path)

    expanded = expand(document, "dvx.yaml", never)
    assert expanded.stages["s"] is stage
    assert expanded.metrics is document["metrics"]


def test_the_document_and_the_files_stay_as_they_are():
    document = {"vars": [{"train": {"more": 1}}], "stages": {"s": {"cmd": "p ${train.more}", "deps": ["${name}"]}}}
    before = repr((document, FILES))
    resolved(document)
    assert repr((document, FILES)) == before


def test_each_file_is_loaded_once():
    loaded = []

    def load(path: str) -> Any:
        loaded.append(path)
        return {"x": 1} if path == "sub/v.yaml" else {}[path]

    document = {"stages": {"s": {"foreach": [1, 2, 3], "do": {"wdir": "sub", "vars": ["v.yaml"], "cmd": "p ${x}"}}}}
    expand(document, "dvx.yaml", load)
    assert loaded == ["params.yaml", "sub/v.yaml"]


def test_an_undefined_variable_is_told_with_its_place_and_the_nearest_one():
    message, where, hint = refused({"stages": {"s": {"cmd": ["p", "q ${train.epoch}"]}}})
    assert message == "`train.epoch` is not defined"
    assert where == ("stages", "s", "cmd", 1)
    assert hint == "did you mean `train.epochs`?"
    message, where, hint = refused(
        {"stages": {"s": {"foreach": [1], "do": {"cmd": "p", "outs": [{"${zzz}": {"cache": False}}]}}}}
    )
    assert (message, where) == ("`zzz` is not defined", ("stages", "s", "do", "outs", 0, "${zzz}"))
    assert hint == "variables come from `params.yaml` and from `vars`"


def test_a_name_with_a_dot_in_it_is_not_proposed():
    _, _, hint = refused({"stages": {"s": {"cmd": "p ${a.b}"}}}, {"params.yaml": {"a.b": 1}})
    assert hint == "variables come from `params.yaml` and from `vars`"


@pytest.mark.parametrize("expression", ["", ".a", "a.", "a..b", "a[", "a]", "a[0", "[a]", "a[0]x", "a[[0]]"])
def test_what_is_no_path_names_no_variable(expression: str):
    message, where, hint = refused({"stages": {"s": {"cmd": f"p ${{{expression}}}"}}}, {"params.yaml": {"a": [1]}})
    assert message == f"`${{{expression}}}` names no variable"
    assert where == ("stages", "s", "cmd")
    assert hint == "a variable is written `${name}`, `${group.name}` or `${list[0]}`"


def test_lists_and_mappings_stand_only_where_they_can():
    assert refused({"stages": {"s": {"cmd": "p ${layers}"}}})[0] == "`${layers}` is a list, which cannot stand here"
    message, where, hint = refused({"stages": {"s": {"cmd": "${train}"}}})
    assert (message, where) == ("`${train}` is a mapping, which cannot stand here", ("stages", "s", "cmd"))
    assert hint == "name one of its values; only in `cmd`, after the program, a mapping becomes options"
    files = {"params.yaml": {"o": {"deep": [[1]]}}}
    message = refused({"stages": {"s": {"cmd": "p ${o}"}}}, files)[0]
    assert message == "the list `deep` holds a list, which cannot become an option"


def test_variables_are_defined_once():
    message, where, hint = refused({"vars": [{"train": {"epochs": 4}}], "stages": {}})
    assert message == "`train.epochs` of `vars[0]` is already defined in `params.yaml`"
    assert (where, hint) == (("vars", 0), "variables can be added, not redefined")
    document = {"stages": {"s": {"cmd": "p", "vars": [{"x": 1}, {"x": 2}]}}}
    assert refused(document)[0] == "`x` of `stages.s.vars[1]` is already defined in `stages.s.vars[0]`"
    document = {"stages": {"s": {"foreach": [1], "do": {"cmd": "p", "vars": [{"item": 2}]}}}}
    assert refused(document)[:2] == ("`item` is set by `foreach` and `matrix`", ("stages", "s", "do", "vars", 0))


def test_files_of_variables_must_hold_what_is_asked_of_them():
    def of(item: str, files: Mapping[str, Any]) -> tuple[str, tuple[str | int, ...], str]:
        return refused({"vars": ["x.yaml:a", item]}, {"x.yaml": {"a": 1, "abc": 2}, **files})

    assert of("no.yaml", {})[:2] == ("`no.yaml`, which `dvx.yaml` loads, does not exist", ("vars", 1))
    assert of("x.yaml:abd", {}) == ("`x.yaml` has no `abd`", ("vars", 1), "did you mean `abc`?")
    assert of("y.yaml", {"y.yaml": [1]})[0] == "`y.yaml` holds a list, not a mapping of variables"
    assert of("x.yaml:a", {})[0] == "`x.yaml` is loaded twice"
    assert of("x.yaml", {})[::2] == ("`x.yaml` is loaded twice", "load it whole once, or different keys of it")


def test_an_empty_file_of_variables_defines_none():
    assert command("p", {"params.yaml": None}) == "p"
    assert refused({"stages": {"s": {"cmd": "p ${x}"}}}, {"params.yaml": None})[0] == "`x` is not defined"


def test_keys_that_are_no_texts_do_not_count():
    files = {"params.yaml": {1: "one", "o": {2: "two", "a": [{3: "three", "b": 4}]}}}
    assert command("p ${o.a.0}", files) == "p --b 4"
    assert refused({"stages": {"s": {"cmd": "p ${1}"}}}, files)[0] == "`1` is not defined"
    document = {"stages": {"s": {"foreach": [{5: "five", "c": 6}], "do": {"cmd": "p ${item}"}}}}
    assert resolved(document).stages["s@0"]["cmd"] == "p --c 6"


def test_vars_are_not_templates():
    assert refused({"vars": [{"x": ["a ${lr}"]}]})[:2] == ("`${...}` cannot stand in `vars`", ("vars", 0))
    assert command("p ${x}", {"params.yaml": {"x": "\\${lr}"}}) == "p ${lr}"


def test_what_a_foreach_or_matrix_goes_over_is_checked():
    document = {"stages": {"s": {"foreach": "${name}", "do": {"cmd": "p"}}}}
    assert refused(document)[:2] == ("`foreach` needs a list or a mapping, not `net`", ("stages", "s", "foreach"))
    document = {"stages": {"s": {"matrix": {"a": "text"}, "cmd": "p"}}}
    assert refused(document)[:2] == ("the values of `a` need to be a list, not `text`", ("stages", "s", "matrix", "a"))
    document = {"stages": {"s": {"foreach": [""], "do": {"cmd": "p"}}}}
    assert refused(document)[0] == "a value is empty, and stages are named after their values"
    document = {"stages": {"s": {"foreach": ["a"], "do": {"cmd": "p"}}, "s@a": {"cmd": "q"}}}
    assert refused(document)[:2] == ("two stages are called `s@a`", ("stages", "s@a"))


BOMBS = {
    "matrix": {"stages": {"s": {"matrix": {name: list(range(100)) for name in "abcdefgh"}, "cmd": "p ${item.a}"}}},
    "plain matrix": {"stages": {"s": {"matrix": {name: list(range(100)) for name in "abcdefgh"}, "cmd": "p"}}},
    "text": {"vars": [{"x": "y" * 100_000}], "stages": {"s": {"cmd": "p " + "${x}" * 10_000}}},
    "options": {"vars": [{"x": {str(n): "y" * 100 for n in range(1000)}}], "stages": {"s": {"cmd": "p " + "${x}" * 10_000}}},
    "text of a group": {
        "vars": [{"x": "y" * 100_000}],
        "stages": {"s": {"foreach": list(range(1000)), "do": {"cmd": "p", "deps": ["${item}${x}"] * 100}}},
    },
    "body": {"stages": {"s": {"foreach": list(range(100_000)), "do": {"cmd": "p ${item}", "deps": ["d"] * 10_000}}}},
    "many groups": {
        "vars": [{"x": list(range(10_000))}],
        "stages": {f"s{n}": {"foreach": "${x}", "do": {"cmd": "p ${item}"}} for n in range(1000)},
    },
}


@pytest.mark.parametrize("document", BOMBS.values(), ids=BOMBS)
def test_a_document_that_grows_without_measure_is_refused_soon(document: Mapping[str, Any]):
    with within(5, time.process_time):
        assert refused(document)[0] == "the templates expand to more than 64 MiB"


@pytest.mark.parametrize("expression", ["a " * 50_000 + "]", "a." * 50_000 + "]", "a[b] " * 50_000 + "]", "${" * 50_000])
def test_a_long_expression_is_refused_at_once(expression: str):
    with within(1, time.process_time):
        refused({"stages": {"s": {"cmd": f"p ${{{expression}}}"}}})
