"""Flat YAML: read without a parser, and never in another way than with one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dvx.errors import FormatError
from dvx.formats.building import build
from dvx.formats.flat import load_flat

POINTER = "outs:\n- md5: 22a1a2931c8370d3aeedd7183606fd7f.dir\n  size: 14445097\n  nfiles: 3\n  hash: md5\n  path: data/a-1.xml\n"
_INDENTS = st.sampled_from(["", "", "- ", "  ", "   ", "-   "])
_KEYS = st.sampled_from(["a", "b", "md5", "null", "true", "nullable", "1", "A", "a.b", "x" * 70, "key_1", "-", "<<", "y"])
_VALUES = st.one_of(
    st.sampled_from(
        ["", " ", " x", " 1", " 0x1F", " 1e3", " 0123", " -1", " .5", " null", " ~", " a b", " x:", " 'x'", " {}", " []"]
    ),
    st.sampled_from(
        [" ...", " ---", " a#b", " a #b", " |", " é", " true", " a/b.c", " 1_0", " .inf", " *a", " &a 1", "x", " 9" * 2]
    ),
    st.text("ab01.:-_/ #'\n", max_size=6).map(lambda text: " " + text),
)
_LINES = st.builds(lambda indent, key, value: f"{indent}{key}:{value}\n", _INDENTS, _KEYS, _VALUES)
_DOCUMENTS = st.lists(st.one_of(_LINES, _LINES, st.sampled_from(["\n", "# c\n", "...\n", "---\n", "x\n"])), max_size=6).map(
    "".join
)


def test_a_pointer_is_flat():
    row = {"md5": "22a1a2931c8370d3aeedd7183606fd7f.dir", "size": 14445097, "nfiles": 3, "hash": "md5", "path": "data/a-1.xml"}
    assert load_flat(POINTER) == {"outs": [row]}
    assert load_flat("md5: a1\nwdir: ..\ndeps:\n- path: a\n- path: b\n  md5: c\nfrozen: true\n") == {
        "md5": "a1",
        "wdir": "..",
        "deps": [{"path": "a"}, {"path": "b", "md5": "c"}],
        "frozen": True,
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: 1",
        "a: 1\na: 2\n",
        "outs:\n- a: 1\n  a: 2\n",
        "a: b c\n",
        "a: 'b'\n",
        "a:\n",
        "a:\n  b: 1\n",
        "a: 1\n- b: 1\n",
        "- a: 1\n",
        "null: 1\n",
        "a: 1 # c\n",
        "a: 1\r\n",
        "a: b\n\n",
        "a: b: c\n",
        "a: é\n",
        f"{'a' * 70}: 1\n",
    ],
)
def test_what_is_not_flat_is_left_to_the_parser(text: str):
    assert load_flat(text) is None


@example(POINTER)
@example("a: b\n  c: d\n")
@given(_DOCUMENTS)
def test_what_is_flat_means_what_the_parser_says(text: str):
    flat = load_flat(text)
    if flat is not None:
        assert repr(flat) == repr(build(text, "f"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "bc", "md5", "path"]), st.from_regex(r"[A-Za-z0-9_./][A-Za-z0-9_./+-]{0,6}", fullmatch=True)
        )
    )
)
def test_plain_pairs_are_flat_unless_the_parser_refuses_them(pairs: list[tuple[str, str]]):
    text = "".join(f"{key}: {value}\n" for key, value in pairs)
    try:
        right = build(text, "f")
    except FormatError:
        right = None
    assert repr(load_flat(text)) == repr(right)
