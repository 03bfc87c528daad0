"""Facts about overrides in parameter files: scripts, which read YAML 1.1 or 1.2, find all else as it was."""

from __future__ import annotations

import io
import json
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
import yaml
from ruamel.yaml import YAML

from dvx.errors import DvxError
from dvx.formats import edit_data, load_data
from dvx.model.experiments.override import parse_override

STYLES = {
    "block": "# top\nv: 0.10   # rate\nkept:\n    a: 'no'   # quoted\n    b: \"on\"\n    c: '12:30'\n    d: 1e-3\n    e: yes\n",
    "nested": "kept: ['no', \"on\", 12:30, 2020-01-01, 0o17, ~]\nv:\n  # why\n  - {a: 'no'}\n  - b\n# behind\nlast: 'yes' # end",
    "flow": "{kept: {a: 'no', b: \"1\"}, v: [1, '2'], last: }\n",
    "json": '{"v":1,"kept":{"a":"no","b":[1,"on"]}}',
    "windows": "v: |\r\n  a\r\n  b\r\nkept: 'no' # c\r\n",
    "deep": "kept: 'off'\nx:\n- y: [\"n\"]\n  v: {a: 'y'}\n  w: \"on\"\n- 'yes'\n",
    "tagged": "--- # head\nv: !!str 5\nkept: 0x1F\n...\n",
    "folded": "v: a long\n  text # c\nkept: >-\n  no\n  yes\n",
    "null": "v:\nkept: 017",
}
VALUES = [
    ("0.000001", 1e-06), ("1e22", 1e22), ("2.5", 2.5), ("1_000", 1000), ("inf", float("inf")), ("-7", -7), ("true", True),
    ("null", None), ("yes", "yes"), ("on", "on"), ("n", "n"), ("0o17", "0o17"), ("017", "017"), ("0x1F", "0x1F"),
    ("'1_000'", "1_000"),
    ("12:30", "12:30"), ("2020-01-01", "2020-01-01"), ("'null'", "null"), ("'true'", "true"), ("~", "~"), ("''", ""),
    ("'1e-06'", "1e-06"),
    ("'='", "="), ("'<<'", "<<"), ("'a: b # c'", "a: b # c"), ("'- x'", "- x"), ("'é😀'", "é😀"), ("s3://b/x", "s3://b/x"),
    ("1.2.3", "1.2.3"), ("[1,no,[off]]", [1, "no", ["off"]]), ("[]", []), ("{yes: 1, b: {c: on}}", {"yes": 1, "b": {"c": "on"}}),
]  # fmt: skip


def edited(text: str, path: str, *overrides: str) -> str:
    return edit_data(text.encode(), path, [parse_override(one, path) for one in overrides]).decode()


def readings(text: str) -> list[Any]:
    """What scripts read: PyYAML, ruamel.yaml by the rules of YAML 1.1, of 1.2, and dvx."""
    found: list[Any] = [yaml.safe_load(text), load_data(text.encode(), "p.yaml")]
    for version in ("1.1", "1.2"):
        reader = YAML(typ="safe", pure=True)
        reader.version = version
        found.append(reader.load(io.StringIO(text, newline="")))
    return found


def place(document: Any, key: str) -> tuple[Any, Any]:
    *above, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    for part in above:
        document = document[part]
    return document, last


def key_of(style: str, name: str) -> str:
    return f"x.0.{name}" if style == "deep" else name


# ruamel.yaml warns of what YAML 1.1 reads otherwise
@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.MantissaNoDotYAML1_1Warning")
@pytest.mark.parametrize("style", STYLES)
def test_a_value_is_read_alike_by_everyone_and_all_else_as_before(style: str) -> None:
    before = readings(STYLES[style])
    for typed, value in VALUES:
        for name, op in (("v", "++" if isinstance(value, dict) else ""), ("new", "+")):
            key = key_of(style, name)
            after = edited(STYLES[style], "p.yaml", f"{op}{key}={typed}")
            for wanted, new in zip(deepcopy(before), readings(after), strict=True):
                holder, last = place(wanted, key)
                merges = isinstance(value, dict) and isinstance(holder.get(last), dict)
                holder[last] = {**holder[last], **value} if merges else value
                assert repr(new) == repr(wanted), after


@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.MantissaNoDotYAML1_1Warning")
@pytest.mark.parametrize("style", STYLES)
def test_a_key_is_removed_alone(style: str) -> None:
    key = key_of(style, "v")
    for wanted, new in zip(readings(STYLES[style]), readings(edited(STYLES[style], "p.yaml", f"~{key}")), strict=True):
        holder, last = place(wanted, key)
        del holder[last]
        assert repr(new) == repr(wanted)


ANCHORS = """\
w3: &w3 2500
weights: [1, *w3]
base: &b
  lr: 0.1
  opt: {name: 'no'}
exp: {<<: *b, n: 1}
more:
  <<: [*b]
  m: 2
same: *b
last: &l [1]
"""


@pytest.mark.parametrize(("override", "old", "new"), [
    ("w3=5200", "&w3 2500", "&w3 5200"),
    ("w3=[1]", "&w3 2500", "&w3 [1]"),
    ("weights.1=7", "[1, *w3]", "[1, 7]"),
    ("weights=[1,3]", "[1, *w3]", "[1, 3]"),
    ("base.lr=0.2", "lr: 0.1", "lr: 0.2"),
    ("base.opt.name=on", "'no'", '"on"'),
    ("exp.n=5", "n: 1}", "n: 5}"),
    ("exp.lr=0.3", "n: 1}", "n: 1, lr: 0.3}"),
    ("more.lr=0.3", "  m: 2\n", "  m: 2\n  lr: 0.3\n"),
    ("more.opt=null", "  m: 2\n", "  m: 2\n  opt:\n"),
    ("~exp.n", ", n: 1}", "}"),
    ("~more", "more:\n  <<: [*b]\n  m: 2\n", ""),
    ("same=3", "same: *b", "same: 3"),
    ("~last", "last: &l [1]\n", ""),
])  # fmt: skip
def test_below_merges_and_at_anchors_one_value_changes_and_aliases_follow(override: str, old: str, new: str) -> None:
    assert edited(ANCHORS, "p.yaml", override) == ANCHORS.replace(old, new)


@pytest.mark.parametrize(("override", "message", "hint"), [
    ("same.lr=1", "`same` in `p.yaml` has `lr` from `base`", "write `base.lr=...`, which changes it there, too"),
    ("exp.opt.name=x", "`exp` in `p.yaml` has `opt.name` from `base`", "write `base.opt.name=...`, which changes it there, too"),
    ("+more.opt.new=x", "`more` in `p.yaml` has `opt.new` from `base`", "write `base.opt.new=...`, which changes it there, too"),
    ("~exp.lr", "`exp` in `p.yaml` has `lr` from `base`", "write `~base.lr`, which changes it there, too"),
    ("~base", "`base` in `p.yaml` holds the anchor `&b`, and `*b` stands elsewhere", "edit the file by hand"),
    ("base=1", "`p.yaml` is written in a way in which `base` cannot be changed", "edit the file by hand"),
])  # fmt: skip
def test_what_is_written_elsewhere_is_told_with_the_key_to_set(override: str, message: str, hint: str) -> None:
    with pytest.raises(DvxError) as caught:
        edited(ANCHORS, "p.yaml", override)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(("text", "override", "new"), [
    ("a:\n- x # 1\n- y # 2\n- z # 3\n", "~a.1", "a:\n- x # 1\n- z # 3\n"),
    ("a:\n- x # 1\n- y # 2\n", "a=[x,w]", "a:\n- x # 1\n- w # 2\n"),
    ("a:\n- x # 1\n# end\nb: 1\n", "a=[x,w]", "a:\n- x # 1\n- w\n# end\nb: 1\n"),
    ("a:\n- x\nb: 1\n", "a=5", "a: 5\nb: 1\n"),
    ("a: # why\n- x\nb: 1\n", "~a.0", "a: [] # why\nb: 1\n"),
    ("- a: 1\n  b: 2\n- c\n", "~0.a", "- b: 2\n- c\n"),
    ("a:\n  - - 1\n    - 2\n", "~a.0.0", "a:\n  - - 2\n"),
    ("a: [1, 2,]\n", "+a.2=3", "a: [1, 2, 3,]\n"),
    ("a: {b: 1}\n", "~a.b", "a: {}\n"),
    ("a: {}\n", "+a.b=x", "a: {b: x}\n"),
    ("a: {}\n", "+a[0]=x", "a: {0: x}\n"),
    ("a: 1", "+b.c=2", "a: 1\nb:\n  c: 2"),
    ("", "+b=2", "b: 2\n"),
    ("# only\n", "+b=2", "# only\nb: 2\n"),
    ("\ufeffa: 'no'\n", "+b=2", "\ufeffa: 'no'\nb: 2\n"),
    ("~\n", "+b=2", "b: 2\n"),
    ("{}\n", "+b=[2,{c: 3}]", "b:\n- 2\n- {c: 3}\n"),
    ("a:\n    x: 1 # c\n", "+a.b={c: [1], d: null}", "a:\n    x: 1 # c\n    b:\n      c:\n      - 1\n      d:\n"),
])  # fmt: skip
def test_lists_and_mappings_change_line_by_line(text: str, override: str, new: str) -> None:
    assert edited(text, "p.yaml", override) == new


JSON = '{\n\t"a":1,\n\t"lr" : 1e-3,\n\t"l": [1,2, 3],\n\t"o": {"x":1.0, "y": "\\u00e9"},\n\t"z": NaN\n}'
TOML = "# top\nt = 'x' # t\nd = 2020-01-01\nn = 1_000\n\n[u] # tt\nl = [\n  1, # one\n  2,\n]\ni = { a = 1, b = \"q\" }\n"
PYTHON = 'x = (1, 2)  # t\ny = {"a": 1,\n  "b": [1, 2],  # c\n}\nz: float = 1e-3\ns = {3, 1}\n'


@pytest.mark.parametrize(("path", "text", "override", "old", "new"), [
    ("p.json", JSON, "a=2", '"a":1', '"a":2'),
    ("p.json", JSON, "lr=0.000001", "1e-3", "1e-06"),
    ("p.json", JSON, "l=[1,5]", "[1,2, 3]", "[1,5]"),
    ("p.json", JSON, "+l.3=no", "2, 3]", '2, 3, "no"]'),
    ("p.json", JSON, "~l.0", "[1,2,", "[2,"),
    ("p.json", JSON, "~o.y", ', "y": "\\u00e9"', ""),
    ("p.json", JSON, "~a", '"a":1,\n\t', ""),
    ("p.json", JSON, "z=1", "NaN", "1"),
    ("p.json", JSON, "++o[0]=on", '"\\u00e9"', '"\\u00e9", "0": "on"'),
    ("p.json", '{"o": {}}\n', "++o[2].j=1", "{}", '{\n    "2": {\n        "j": 1\n    }\n}'),
    ("p.json", JSON, "+new=on", "NaN", 'NaN,\n\t"new": "on"'),
    ("p.toml", TOML, "t=y", "'x'", '"y"'),
    ("p.toml", TOML, "n=5", "1_000", "5"),
    ("p.toml", TOML, "u.l.0=9", "1, # one", "9, # one"),
    ("p.toml", TOML, "~t", "t = 'x' # t\n", ""),
    ("p.toml", TOML, "+new=1", "n = 1_000\n", "n = 1_000\nnew = 1\n"),
    ("p.py", PYTHON, "x=[3]", "(1, 2)", "(3,)"),
    ("p.py", PYTHON, "+x.2=3", "(1, 2)", "(1, 2, 3)"),
    ("p.py", PYTHON, "~x.0", "(1, 2)", "(2,)"),
    ("p.py", PYTHON, "y.b=[7]", "[1, 2]", "[7]"),
    ("p.py", PYTHON, "s=[1,2]", "{3, 1}", "{1, 2}"),
])  # fmt: skip
def test_files_of_other_kinds_change_in_one_place(path: str, text: str, override: str, old: str, new: str) -> None:
    for eol in ("\n", "\r\n"):
        before, after = (one.replace("\n", eol) for one in (text, text.replace(old, new)))
        assert edited(before, path, override) == after


def test_what_a_list_of_tables_cannot_hold_is_refused() -> None:
    for value in ("[]", "text"):
        with pytest.raises(DvxError, match="cannot be changed in place"):
            edited("[a]\nb = 1\n[[b]]\nc = 1\n[[b]]\nc = 2\n", "p.toml", f"b.0={value}")


def test_what_is_no_text_is_refused() -> None:
    for path in ("p.yaml", "p.json", "p.toml"):
        with pytest.raises(DvxError):
            edited({"p.yaml": "a: 1\n", "p.json": '{"a": 1}'}.get(path, "a = 1\n"), path, "a=\udcff")


def test_readers_of_json_and_toml_agree() -> None:
    seen: Mapping[str, Any] = json.loads(edited(JSON, "p.json", "lr=1e-6", "o.x=no"))
    assert (seen["lr"], seen["o"]["x"]) == (1e-06, "no")
    assert tomllib.loads(edited(TOML, "p.toml", "t='1e-06'"))["t"] == "1e-06"
