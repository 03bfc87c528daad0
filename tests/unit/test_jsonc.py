"""Facts about JSON with comments: what is not changed stays byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvx.errors import FormatError
from dvx.formats import ListItem, load_jsonc, put, put_item

OWN = """\
// mine
{
  "editor.rulers": [80], // wide
  /* the cache */
  "files.watcherExclude": {"**/x/**": true},
  "deep": {
    "a": 1 // last
  },
}
"""


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        ("", ["a"], 1, '{\n    "a": 1\n}\n'),
        ("// mine\n", ["a", "b"], [1], '// mine\n{\n    "a": {\n        "b": [\n            1\n        ]\n    }\n}\n'),
        ("{}", ["a"], 1, '{\n    "a": 1\n}'),
        ("{\n\t// mine\n}\n", ["a"], 1, '{\n\t// mine\n    "a": 1\n}\n'),
        ('{"a": 1}', ["b"], {"c": 2}, '{"a": 1, "b": {"c": 2}}'),
        ('{"a": 1, }', ["b"], 2, '{"a": 1, "b": 2 }'),
        ('{\n\t"a": 1 // one\n}\n', ["b"], 2, '{\n\t"a": 1, // one\n\t"b": 2\n}\n'),
        ('{\r\n  "a": 1, /* one */\r\n}\r\n', ["b"], [2], '{\r\n  "a": 1, /* one */\r\n  "b": [\r\n    2\r\n  ],\r\n}\r\n'),
        ('{\n  "a": {"x": 1},\n  "b": 2 }\n', ["c"], 3, '{\n  "a": {"x": 1},\n  "b": 2,\n  "c": 3\n}\n'),
        ('{"a": /* old */ 1 /* one */}', ["a"], "new", '{"a": /* old */ "new" /* one */}'),
        ('{"a": 1, "a": 2}', ["a"], 3, '{"a": 1, "a": 3}'),
        ('{"a": 1.0}', ["a"], 1.0, '{"a": 1.0}'),
        ('\ufeff{\n  "a": 1\n}', ["b"], 2, '\ufeff{\n  "a": 1,\n  "b": 2\n}'),
    ],
)
def test_a_value_is_put_where_it_belongs(text: str, path: list[str], value: Any, expected: str) -> None:
    assert put(text, path, value, "f") == expected
    assert put(expected, path, value, "f") == expected


def test_what_a_person_wrote_stays() -> None:
    changed = put(put(OWN, ["files.watcherExclude", "**/.dvx/cache/**"], True, "f"), ["deep", "b"], 2, "f")
    assert changed == OWN.replace('{"**/x/**": true}', '{"**/x/**": true, "**/.dvx/cache/**": true}').replace(
        "1 // last", '1, // last\n    "b": 2'
    )


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("", "x", '{\n    "l": [\n        "x"\n    ]\n}\n'),
        ('{"l": ["a"]}', "x", '{"l": ["a", "x"]}'),
        ('{"l": ["x", "a"]}', "x", '{"l": ["x", "a"]}'),
        ('{"l": [{"id": 1, "own": 2}]}', {"id": 1, "new": 3}, '{"l": [{"id": 1, "own": 2, "new": 3}]}'),
        ('{"l": [{"id": 1, "kept": 2}]}', {"id": 1, "kept": 3}, '{"l": [{"id": 1, "kept": 2}]}'),
        ('{"l": [{"id": 2}]}', {"id": 1}, '{"l": [{"id": 2}, {"id": 1}]}'),
        (
            '{\n  "l": [\n    // mine\n    {"id": 1, "a": [1]}, // one\n    {"id": 2}\n  ]\n}\n',
            {"id": 1, "a": "b", "c": {}},
            '{\n  "l": [\n    // mine\n    {"id": 1, "a": "b", "c": {}}, // one\n    {"id": 2}\n  ]\n}\n',
        ),
    ],
)
def test_a_list_holds_an_item_once(text: str, value: Any, expected: str) -> None:
    item = ListItem(value, "id", ("kept",)) if isinstance(value, dict) else ListItem(value)
    assert put_item(text, ["l"], item, "f") == expected
    assert put_item(expected, ["l"], item, "f") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{\n  a: 1}", "f:2:3: a text in double quotes is expected\n    a: 1}"),
        ('{"a" 1}', "f:1:6: `:` is expected"),
        ('{"a": 1 "b": 2}', "f:1:9: `,` or `}` is expected"),
        ('{"a": nan}', "f:1:7: a value is expected"),
        ('{"a": "\\x"}', "f:1:7: a text in double quotes is expected"),
        ('{"a": 1', "f:1:8: `,` or `}` is expected"),
        ("{} {}", "f:1:4: nothing is expected after the end"),
        ("{} /* open", "f:1:4: nothing is expected after the end"),
        ("[" * 200, "f:1:102: nested deeper than 100 levels"),
        ("[1]", "f:1:1: an object is expected here"),
        ('{"l": 1}', "f:1:7: a list is expected here"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        put_item(put(text, ["k"], 1, "f"), ["l"], ListItem(1), "f")
    assert caught.value.message.startswith(message)
    assert caught.value.hint


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), _VALUES, max_size=3)


@given(_OBJECTS, st.sampled_from(["a", "b", "new"]), _VALUES, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_the_result_says_what_was_there_and_what_was_put(
    document: dict[str, Any], key: str, value: Any, indent: int | str | None, commented: bool
) -> None:
    text = json.dumps(document, indent=indent)
    if commented:
        text = f"// c\n{text[:-1]}/* d */}} // e\n"
    changed = put(text, [key], value, "f")
    assert load_jsonc(changed, "f") == {**document, key: value}
    if commented:
        assert changed.startswith("// c\n")
        assert changed.endswith("/* d */} // e\n") or "/* d */" in changed
