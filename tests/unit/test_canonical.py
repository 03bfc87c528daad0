"""json_sorted: the text by which values are hashed and compared."""

from __future__ import annotations

import hashlib

from dvx.model.canonical import json_sorted


def test_keys_are_sorted_at_every_level():
    assert json_sorted({"b": {"d": 1, "c": [1.5, None, True]}, "a": "x"}) == '{"a": "x", "b": {"c": [1.5, null, true], "d": 1}}'


def test_everything_outside_printable_ascii_is_escaped():
    assert json_sorted('é\U0001f600\x7f\n/"\\') == '"\\u00e9\\ud83d\\ude00\\u007f\\n/\\"\\\\"'


def test_numbers_and_booleans_that_are_equal_have_different_texts():
    assert [json_sorted(value) for value in (1, 1.0, True)] == ["1", "1.0", "true"]


def test_keys_of_several_types_are_sorted_as_text():
    assert json_sorted({"b": 1, 1: 2, None: 3}) == '{"1": 2, "b": 1, "null": 3}'


def test_the_stage_checksum_of_a_known_pointer():
    entry = {"hash": "md5", "md5": "b026324c6904b2a9cb4b88d6d61c81d1"}
    text = json_sorted({"outs": [{**entry, "path": "ext2"}], "deps": [{**entry, "path": "ext"}]})
    assert hashlib.md5(text.encode()).hexdigest() == "fc36cc7ee9255341bd32d18d5a12208d"
