"""YAML, TOML, JSON and Python in and out: the rules, the limits, and the words of errors."""

from __future__ import annotations

import datetime as dt
import io
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from dvx.errors import DvxError, FormatError, SchemaError
from dvx.formats import (
    dump_yaml,
    edit_data,
    edit_yaml,
    load_data,
    load_yaml,
    locate,
    locks,
    only_stage,
    remove_from_lock,
    schema_error,
    splice_dataset,
    splice_lock,
)
from dvx.model.experiments.override import parse_override
from tests.patience import within

STAGE = {"cmd": "python train.py", "outs": [{"path": "model.bin", "hash": "md5", "md5": "0" * 31 + "a", "size": 4}]}
LOCK = """\
schema: '2.0'
# the first one
stages:
  prepare:
    cmd:   python   prepare.py   # by hand
    outs: [{path: data, hash: md5}]
  train:
    cmd: |
      line one
      line two

  # about evaluate
  evaluate:
    cmd: python evaluate.py
"""


def refused(text: str) -> str:
    with pytest.raises(FormatError) as caught:
        load_yaml(text, "f.yaml")
    return caught.value.message


# reading YAML


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("True", True), ("FALSE", False), ("tRUE", "tRUE"), ("yes", "yes"), ("on", "on"), ("n", "n"),
        ("null", None), ("~", None), ("", None), ("Null", None), ("nULL", "nULL"),
        ("12", 12), ("+12", 12), ("-0x1F", -31), ("0o17", 15), ("0b101", 5), ("012", 12), ("1_000", 1000), ("+_", "+_"),
        ("1.5", 1.5), ("1.", 1.0), (".5", 0.5), ("1e5", 100000.0), ("1e-5", 1e-05), (".5e5", ".5e5"), ("-.inf", float("-inf")),
        ("nan", "nan"), ("1.2.3", "1.2.3"), ("12:30", "12:30"), ("2020-01-01", "2020-01-01"), ("=", "="),
        ("'12'", "12"), ('"true"', "true"), ("!!str 12", "12"), ("!!int '12'", 12), ("!!float 3", 3.0), ("9" * 5000, "9" * 5000),
    ],
)  # fmt: skip
def test_scalars_mean_what_yaml_1_2_says(text: str, value: Any):
    loaded = load_yaml(f"k: {text}\n", "f.yaml")["k"]
    assert (type(loaded), loaded) == (type(value), value)


def test_scalars_mean_what_they_mean_to_dvc():
    # where ruamel.yaml raises or makes a date, a text is right
    rng = random.Random(7)
    for _ in range(3000):
        word = "".join(rng.choice("+-._0123456789abeExofntruyY~<:TZ ") for _ in range(rng.randrange(1, 7)))
        try:
            theirs = YAML(typ="safe", pure=True).load(f"k: {word}\n")
        except Exception:  # noqa: BLE001
            continue
        if isinstance(theirs, dict) and isinstance(theirs.get("k"), dt.date):
            continue
        assert repr(load_yaml(f"k: {word}\n", "f.yaml")) == repr(theirs)


def test_an_empty_document_is_none():
    assert load_yaml("", "f") is None
    assert load_yaml("# only a comment\n", "f") is None


def test_merged_keys_come_first_and_lose():
    assert load_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3, z: 4}\n", "f")["b"] == {"x": 1, "y": 3, "z": 4}
    assert list(load_yaml("a: &a {x: 1}\nb: {z: 4, <<: *a}\n", "f")["b"]) == ["x", "z"]
    assert load_yaml("a: &a {x: 1}\nb: &b {x: 2, q: 3}\nc: {<<: [*a, *b]}\n", "f")["c"] == {"x": 1, "q": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: {c: 2\nd: 3\n", "f.yaml:3:2: did not find expected ',' or '}'\n    d: 3"),
        ("stages: [\n", "f.yaml:1:10: did not find expected node content\n    stages: ["),
        ("a: 'x\n", "f.yaml:1:4: found unexpected end of stream\n    a: 'x"),
        ("k: v: 2\n", "f.yaml:1:5: mapping values are not allowed in this context\n    k: v: 2"),
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: the key `a` stands twice\n    a: 3"),
        ("x:\n  - {1: a, true: b}\n", "f.yaml:2:12: the key `True` stands twice\n    - {1: a, true: b}"),
        ("a: *b\n", "f.yaml:1:4: the alias `b` has no anchor before it\n    a: *b"),
        ("a: &a [*a]\n", "f.yaml:1:8: the alias `a` has no anchor before it\n    a: &a [*a]"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: only one document may stand in the file\n    ---"),
        ("? [a]\n: 1\n", "f.yaml:1:3: a key must be a single value\n    ? [a]"),
        ("<<: 3\n", "f.yaml:1:1: `<<` merges mappings only\n    <<: 3"),
        ("a: !!python/object:x 1\n", "f.yaml:1:4: the tag `!!python/object:x` is not supported here\n    a: !!python/object:x 1"),
        ("a: !x {}\n", "f.yaml:1:4: the tag `!x` is not supported\n    a: !x {}"),
        ("a: 1\nb: \x1b[31m\n", "f.yaml:2:4: a character that YAML forbids\n    b: \\x1b[31m"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_line(text: str, message: str):
    assert refused(text) == message


def test_tabs_are_told_with_the_cure():
    with pytest.raises(FormatError) as caught:
        load_yaml("a:\n\t- b\n", "f.yaml")
    assert caught.value.hint == "indent with blanks, not tabs"


def test_a_long_line_is_shown_around_its_mistake():
    message = refused("k: [" + "x, " * 5000 + "}")
    assert "f.yaml:1:15005: " in message
    assert len(message) < 250


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 20)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BOMB, "aliases stand for more than 100000 values"),
        ("[" * 500_000, "nested deeper than 100 levels"),
        ("- " * 500_000, "nested deeper than 100 levels"),
        ("{a: " * 250_000, "nested deeper than 100 levels"),
        ("? " * 500_000, "a key must be a single value"),
        ("*a " * 300_000, "the alias `a` has no anchor before it"),
        ("!" * 1_000_000, "is not supported here"),
    ],
    ids=["bomb", "flow", "block", "mapping", "keys", "aliases", "tag"],
)
def test_bad_input_is_cheap_to_refuse(text: str, problem: str):
    with within(2, time.process_time):
        message = refused(text)
    assert problem in message
    assert len(message) < 400


def test_aliases_are_no_mistake():
    assert load_yaml("a: &x {k: 1}\nb: *x\n", "f") == {"a": {"k": 1}, "b": {"k": 1}}


# places in YAML


def test_locate_finds_keys_and_items():
    text = "stages:\n  train:\n    cmd: x\n    deps:\n    - a\n    -   b\n"
    assert locate(text, ()) == (1, 1)
    assert locate(text, ("stages", "train", "cmd")) == (3, 5)
    assert locate(text, ("stages", "train", "deps", 1)) == (6, 9)
    assert locate(text, ("stages", "train", "nope", 1)) == (2, 3)
    assert locate("", ("a",)) == (1, 1)


def test_a_schema_error_gets_place_and_line():
    error = schema_error(
        SchemaError("unknown key `cmdd`", ("stages", "s", "cmdd"), "did you mean `cmd`?"),
        "stages:\n  s:\n    cmdd: x\n",
        "dvx.yaml",
    )
    assert (error.message, error.hint) == ("dvx.yaml:3:5: unknown key `cmdd`\n    cmdd: x", "did you mean `cmd`?")


# writing YAML


def test_a_pointer_is_written_as_dvc_writes_it():
    value = {"outs": [{"md5": "a03129acbcbf06412675d0e2cfd79f22.dir", "size": 9, "nfiles": 4, "hash": "md5", "path": "d"}]}
    assert dump_yaml(value) == (
        "outs:\n- md5: a03129acbcbf06412675d0e2cfd79f22.dir\n  size: 9\n  nfiles: 4\n  hash: md5\n  path: d\n"
    )


def test_null_is_empty_and_texts_that_look_like_something_else_are_quoted():
    value = {"n": None, "t": True, "s": "true", "v": "2.0", "d": "2020-01-01", "e": "", "l": [], "m": {}, "f": 1e-5, "y": "yes"}
    assert dump_yaml(value) == ("n:\nt: true\ns: 'true'\nv: '2.0'\nd: '2020-01-01'\ne: ''\nl: []\nm: {}\nf: 1e-05\ny: yes\n")


def test_long_texts_are_wrapped_at_80_as_dvc_wraps_them():
    assert dump_yaml({"cmd": "python train.py " + "--option value " * 6 + "end"}) == (
        "cmd: python train.py --option value --option value --option value --option value\n  --option value --option value end\n"
    )


def test_a_value_that_stands_twice_is_written_twice():
    shared = {"k": ["a b: c"]}
    assert "&" not in dump_yaml({"x": shared, "y": shared})


@pytest.mark.parametrize("value", [{"word " * 20 + "end": 1}, {"a" * 90: "!\tc-\\ ~a7=%"}, {"k": "é!...."}, ["a: b..."]])
def test_what_is_written_can_be_read_again(value: Any):
    assert load_yaml(dump_yaml(value), "f") == value


def sample(rng: random.Random, depth: int) -> Any:
    words = (
        "true", "null", "~", "no", "1e5", "012", "2020-01-01", "2.0", "...", "---", "- ", "a: b", "a #b", "x,y", "=", "<<",
        "python src/train.py --lr 0.1", "1234567890" * 3, "12e567890", "0000-", "a" * 90, "word " * 30, "é", "'", "\t", " a",
    )  # fmt: skip
    kind = rng.random()
    if depth < 4 and kind < 0.3:
        return {rng.choice(words)[:40].strip() or "k": sample(rng, depth + 1) for _ in range(rng.randrange(4))}
    if depth < 4 and kind < 0.45:
        return [sample(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind < 0.6:
        return rng.choice((None, True, False, 0, -5, 10**20, 0.1, 1e-5, 1e16, -2.5, float("inf"), 100000.0))
    if kind < 0.8:
        return rng.choice(words)
    return " ".join(
        "".join(rng.choice("abcdef0123456789./-_") for _ in range(rng.randrange(1, 12))) for _ in range(rng.randrange(1, 15))
    )


def test_text_is_equal_to_that_of_the_library_that_dvc_writes_with():
    rng = random.Random(11)
    for _ in range(400):
        value = {f"k{number}": sample(rng, 1) for number in range(3)}
        writer, stream = YAML(), io.StringIO()
        writer.default_flow_style = False
        writer.dump(value, stream)
        assert dump_yaml(value) == stream.getvalue()
        assert repr(load_yaml(dump_yaml(value), "f")) == repr(value)


def test_an_edit_keeps_comments_and_order():
    text = "# top\nb: 1 # one\na:\n- x # item\n"
    assert edit_yaml(text, lambda document: document["a"].append("y")) == "# top\nb: 1 # one\na:\n- x # item\n- y\n"


def test_an_edit_that_changes_nothing_changes_no_byte():
    text = "a:   'x'\nl:\n    - 1\n"
    assert edit_yaml(text, lambda document: document.update(a="x")) == text


def test_an_empty_document_is_edited_as_a_mapping():
    assert edit_yaml("", lambda document: document.update(a=1)) == "a: 1\n"
    assert edit_yaml("# why\n", lambda document: document.update(a=1)) == "# why\na: 1\n"


MACHINE_WRITTEN = """outs:
- md5: 0b77aff5274216de57efcb8a7af07ed0
  size: 6
  nfiles: 20
  path: data
meta:
  n: '1'
"""


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: document["outs"][0].update(size=7, note="a b"),
        lambda document: document["outs"][0].pop("nfiles"),
        lambda document: document.update(frozen=True, desc="a: b"),
        lambda document: document["outs"][0].update(path="x" * 100 + " y"),
        lambda document: document.update(empty=None, none={}, list=[]),
        lambda document: document.clear(),
        lambda document: document.update(meta={"n": "1"}),
    ],
)
def test_a_text_without_comments_is_edited_like_one_with_a_comment(edit):
    assert edit_yaml("# c\n" + MACHINE_WRITTEN, edit).removeprefix("# c\n") == edit_yaml(MACHINE_WRITTEN, edit)


def test_editing_a_text_without_comments_does_not_load_the_library_for_those():
    code = (
        "import sys; from dvx.formats import edit_yaml\n"
        "print(edit_yaml('a: 1\\n', lambda d: d.update(a=2)), 'ruamel.yaml' in sys.modules)\n"
        "print(edit_yaml('a: 1 # c\\n', lambda d: d.update(a=2)), 'ruamel.yaml' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert answer == "a: 2\n False\na: 2 # c\n True\n"


# lock files


def test_a_new_lock_starts_with_its_schema():
    assert splice_lock(None, "train", STAGE) == (
        "schema: '2.0'\nstages:\n  train:\n    cmd: python train.py\n    outs:\n    - path: model.bin\n      hash: md5\n"
        "      md5: 0000000000000000000000000000000a\n      size: 4\n"
    )


def test_only_the_lines_of_that_stage_change():
    new = splice_lock(LOCK, "train", {"cmd": "new"})
    assert new == LOCK.replace("    cmd: |\n      line one\n      line two\n", "    cmd: new\n")


def test_a_new_stage_comes_last():
    assert splice_lock(LOCK, "plot", {"cmd": "p"}) == LOCK + "  plot:\n    cmd: p\n"
    assert splice_lock(LOCK.rstrip("\n"), "plot", {"cmd": "p"}) == LOCK + "  plot:\n    cmd: p\n"
    assert splice_lock(LOCK + "datasets: []\n", "plot", {"cmd": "p"}) == LOCK + "  plot:\n    cmd: p\ndatasets: []\n"


def test_an_entry_that_says_the_same_keeps_its_text():
    entry = {"cmd": "python   prepare.py", "outs": [{"path": "data", "hash": "md5"}]}
    assert splice_lock(LOCK, "prepare", entry) == LOCK


@pytest.mark.parametrize(
    "text",
    [
        "", "schema: '2.0'\n", "schema: '2.0'\nstages:\n", "schema: '2.0'\nstages: {}\n", "{stages: {a: {cmd: x}}}",
        "schema: '2.0'\nstages:\n    a:\n        cmd: x\n", "schema: '2.0'\nstages:\n  a: &a\n    cmd: x\n  b: *a\n",
        "stages: {train: {cmd: x}}\nschema: '2.0'\n", LOCK,
    ],
)  # fmt: skip
def test_any_lock_takes_a_stage(text: str):
    before = (load_yaml(text, "l") or {}).get("stages") or {}
    after = load_yaml(splice_lock(text, "train", STAGE), "l")
    assert {"schema": "2.0", **after} == {"schema": "2.0", "stages": {**before, "train": STAGE}}


def test_a_stage_is_removed_with_its_lines():
    assert remove_from_lock(LOCK, "prepare") == LOCK.replace(
        "  prepare:\n    cmd:   python   prepare.py   # by hand\n    outs: [{path: data, hash: md5}]\n", ""
    )
    assert remove_from_lock(LOCK, "nope") == LOCK
    assert (
        remove_from_lock("schema: '2.0'\nstages: {a: {cmd: x}, b: {cmd: y}}\n", "a") == "schema: '2.0'\nstages: {b: {cmd: y}}\n"
    )


def test_a_lock_without_stages_is_empty():
    text = splice_lock(None, "train", STAGE)
    assert remove_from_lock(text, "train") == ""
    assert load_yaml(remove_from_lock(text + "datasets: []\n", "train"), "l") == {"schema": "2.0", "stages": {}, "datasets": []}


DATASET = {"name": "a", "url": "../x", "type": "dvc", "rev_lock": "k"}


def test_a_dataset_is_recorded_in_its_place():
    new = splice_dataset(None, DATASET)
    assert new == "schema: '2.0'\ndatasets:\n- name: a\n  url: ../x\n  type: dvc\n  rev_lock: k\nstages: {}\n"
    assert splice_dataset(new, DATASET) == new
    two = splice_dataset(new, {**DATASET, "name": "b"})
    assert splice_dataset(two, {**DATASET, "rev_lock": "m"}) == two.replace("rev_lock: k", "rev_lock: m", 1)
    # DVC, too, puts what is new behind the stages
    tidy = splice_lock(None, "train", STAGE)
    assert splice_dataset(tidy, DATASET) == tidy + new.removeprefix("schema: '2.0'\n").removesuffix("stages: {}\n")
    with_stage = splice_lock(new, "train", {"cmd": "x"})
    assert with_stage == new.replace("stages: {}", "stages:\n  train:\n    cmd: x")
    assert remove_from_lock(with_stage, "train") == new


# parameters and metrics files

PYTHON = '''\
"""Parameters."""
lr = 0.1  # rate
size: int = 5
pair = ("é", -1)
tags = {"b", "a"}
skipped = compute()
a, b = 1, 2
both = other = 3

class Train:
    layers = [1, 2]
    def __init__(self):
        self.seed = 7
        seed = 8

open("ran", "w")
'''
TOML = '# why\ntitle = "x"  # t\n[a]\nb = 1\nday = 2020-01-01\n[a.e]\nf = 1.0\n'


def test_the_suffix_decides():
    assert load_data(b'{"a": [1, null]}', "m.json") == {"a": [1, None]}
    assert load_data(TOML.encode(), "p.toml") == {"title": "x", "a": {"b": 1, "day": "2020-01-01", "e": {"f": 1.0}}}
    assert load_data(b"a: yes\n", "p.txt") == {"a": "yes"}
    assert load_data(b"\xef\xbb\xbfa: 1\n", "p.yaml") == {"a": 1}


def test_python_is_read_and_never_run(tmp_path: Any):
    assert load_data(PYTHON.encode(), "p.py") == {
        "lr": 0.1,
        "size": 5,
        "pair": ["é", -1],
        "tags": ["a", "b"],
        "Train": {"layers": [1, 2], "seed": 7},
    }
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        (b'{"a":\n 1,}', "m.json", "m.json:2:4: illegal trailing comma"),
        (b"", "m.json", "m.json:1:1: expecting value"),
        (b"[" * 100_000, "m.json", "`m.json` cannot be read: maximum recursion"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "m.json", "`m.json` is nested deeper than 100 levels"),
        (b"1" * 5000, "m.json", "`m.json` cannot be read: Exceeds the limit"),
        (b"x = 1\na = \n", "p.toml", "p.toml:2:5: invalid value\n    a ="),
        (b"a = [1,", "p.toml", "p.toml:1:8: "),
        (b"a = " + b"[" * 100_000, "p.toml", "`p.toml` cannot be read: "),
        (b"x = (\n", "p.py", "p.py:1:5: '(' was never closed\n    x = ("),
        (b"x = " + b"-" * 100_000 + b"1", "p.py", "p.py: cannot be read as Python: "),
        (b"a: 1\nb: \xff\n", "p.yaml", "p.yaml:2: the text is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(data: bytes, path: str, message: str):
    with pytest.raises(FormatError) as caught:
        load_data(data, path)
    assert caught.value.message.startswith(message) or "expecting property name" in caught.value.message


def edited(text: str, path: str, *overrides: str) -> str:
    return edit_data(text.encode(), path, [parse_override(one, path) for one in overrides]).decode()


PARAMS = "# top\nlr: 0.10   # rate\ntrain:\n    layers: [1, 2] # sizes\n    name: 'q'\n    note:\nflow: {a: 1, b: x}\n"


@pytest.mark.parametrize(
    ("overrides", "old", "new"),
    [
        (["lr=0.5"], "lr: 0.10   # rate", "lr: 0.5   # rate"),
        (["train.layers.1=9"], "[1, 2] # sizes", "[1, 9] # sizes"),
        (["train.name=x", "lr=1"], "lr: 0.10   # rate\ntrain:\n    layers: [1, 2] # sizes\n    name: 'q'",
         "lr: 1   # rate\ntrain:\n    layers: [1, 2] # sizes\n    name: x"),
        (["train.name='a: b'"], "'q'", '"a: b"'),
        (["train.name=2020-01-01"], "'q'", '"2020-01-01"'),
        (["train.note=5"], "note:\n", "note: 5\n"),
        (["flow.b='p,q'"], "b: x", 'b: "p,q"'),
        (["flow.a=null"], "a: 1", "a: null"),
        (["lr=0.1"], "", ""),
    ],
)  # fmt: skip
def test_one_value_of_a_yaml_file_changes_and_no_other_character(overrides: Sequence[str], old: str, new: str):
    assert edited(PARAMS, "p.yaml", *overrides) == PARAMS.replace(old, new)


def test_yaml_keeps_its_comments_when_more_changes():
    after = edited(PARAMS, "p.yaml", "+train.decay=0.5", "~flow.b", "train.layers=[3]")
    assert load_yaml(after, "p") == {
        "lr": 0.1,
        "train": {"layers": [3], "name": "q", "note": None, "decay": 0.5},
        "flow": {"a": 1},
    }
    assert [comment in after for comment in ("# top", "# rate", "# sizes")] == [True] * 3


def test_toml_keeps_its_comments():
    assert edited(TOML, "p.toml", "a.b=2", "title=y") == TOML.replace("b = 1", "b = 2").replace('"x"', '"y"')
    assert edited(TOML, "p.toml", "+a.e.g=[1]") == TOML + "g = [1]\n"


def test_toml_has_no_null():
    with pytest.raises(FormatError) as caught:
        edited(TOML, "p.toml", "a.b=null")
    assert caught.value.hint == "TOML has no null"


def test_json_keeps_its_indentation():
    assert edited('{\n  "a": 1,\n  "b": "é"\n}\n', "p.json", "a=2") == '{\n  "a": 2,\n  "b": "é"\n}\n'
    assert edited('{"a": 1}', "p.json", "+b={c: 1}") == '{"a": 1, "b": {"c": 1}}'


@pytest.mark.parametrize(
    ("override", "old", "new"),
    [
        ("lr=0.5", "lr = 0.1  # rate", "lr = 0.5  # rate"),
        ("size=null", "size: int = 5", "size: int = None"),
        ("pair.1=text", '("é", -1)', "(\"é\", 'text')"),
        ("Train.layers[0]=9", "[1, 2]", "[9, 2]"),
        ("Train.layers=[4]", "[1, 2]", "[4]"),
        ("Train.seed=8", "self.seed = 7", "self.seed = 8"),
    ],
)
def test_python_changes_the_literal_and_nothing_else(override: str, old: str, new: str):
    assert edited(PYTHON, "p.py", override) == PYTHON.replace(old, new, 1)


@pytest.mark.parametrize("override", ["+new=1", "~lr", "Train=1", "skipped=1", "lr=inf"])
def test_python_refuses_what_is_no_literal(override: str):
    with pytest.raises(DvxError):
        edited(PYTHON, "p.py", override)


def test_an_unknown_key_is_refused_before_anything_changes():
    with pytest.raises(DvxError) as caught:
        edited(PARAMS, "p.yaml", "lr=1", "train.nam=x")
    assert caught.value.hint == "did you mean `train.name`?; write `+train.nam=...` to add it"


UNTIDY = [
    "schema: '2.0'\nstages:\n  a:\n    cmd: x\n# said\n  b:\n    cmd: y\n",
    "schema: '2.0'\nstages:\n  a:\n    cmd: x\n  # said\n  b:\n    cmd: y\n",
    "stages:\n  a:\n    cmd: x\n  b:\n    cmd: y\nschema: '2.0'\n",
    "schema: '2.0'\nstages:\n  'a':\n    cmd: x\n  b:\n    cmd: y\n",
    "schema: '2.0'\nstages:\n  a: {cmd: x}\n  b:\n    cmd: y\n",
    "schema: '2.0'\nstages:\n  a:\n    cmd: x\n    params: &id001\n      p: 1\n  b:\n    cmd: y\n    params: *id001\n",
    "schema: '2.0'\nstages:\n  a:\n    cmd: x\n  b:\n    cmd: y\n\n",
    "schema: '2.0'\nstages:\n   a:\n     cmd: x\n   b:\n     cmd: y\n",
]
TIDY = [
    "schema: '2.0'\nstages:\n  null:\n    cmd: x\n  b:\n    cmd: y\n",
    "schema: '2.0'\nstages:\n  a:\n    cmd: x\n  b:\n    cmd: y\n",
    ("schema: '2.0'\nstages:\n  a:\n    cmd: x && y\n    deps:\n    - path: '*'\n"
    "  a@b.c-1:\n    cmd: y\n  b:\n    cmd: |\n      one\n\n      two\n"),
    "schema: '2.0'\nstages:\n  a:\n    cmd: \"x\n      b:\n      \\  z\"\n\n  b:\n    cmd: y\n",
    "schema: '2.0'\nstages:\n  a:\n    cmd: x\n\n\n  b:\n    cmd: y\n",
]  # fmt: skip


@pytest.mark.parametrize("text", [*TIDY, *UNTIDY])
@pytest.mark.parametrize("name", ["a", "b", "a@b.c-1", "new", "null", "1"])
def test_a_tidy_lock_is_edited_by_its_lines_with_the_same_result(text: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"cmd": "other", "outs": [{"path": "o"}]}
    fast = splice_lock(text, name, entry)
    alone = only_stage(text, name)
    monkeypatch.setattr(locks, "_find_in_tidy", lambda text, key: None)
    assert fast == splice_lock(text, name, entry)
    if alone is not None:
        stages = (load_yaml(alone, "") or {}).get("stages") or {}
        assert stages == {key: value for key, value in load_yaml(text, "")["stages"].items() if key == name}


def test_what_is_tidy() -> None:
    assert [only_stage(text, "a") is not None for text in TIDY] == [True] * len(TIDY)
    assert [only_stage(text, "b") for text in UNTIDY] == [None] * len(UNTIDY)
    assert only_stage(TIDY[1], "b") == "schema: '2.0'\nstages:\n  b:\n    cmd: y\n"
    assert only_stage(TIDY[1], "c") == "schema: '2.0'\n"


@given(st.text(st.sampled_from("ab '\":#-\\\t\n\r\v\f\x00\x1b\x85\xa0é\u2028\u2029\ufeff😀"), min_size=1, max_size=12))
def test_a_text_is_read_as_it_was_written(text: str):
    assert load_yaml(dump_yaml({"path": text, "other": 1}), "x") == {"path": text, "other": 1}
    edited = edit_yaml("# kept\nouts:\n- path: x\n", lambda document: document["outs"][0].update(path=text))
    assert load_yaml(edited, "x") == {"outs": [{"path": text}]}
    assert edited.startswith("# kept\n")
