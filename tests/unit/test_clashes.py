"""Facts about names that other systems take for one."""

from __future__ import annotations

from dvx.model.tracked.clashes import clashes


def test_names_that_differ_in_more_than_case_do_not_clash():
    assert clashes([]) == clashes(["a", "b", "a/b", "a.b"]) == ()


def test_case_clashes():
    assert clashes(["b", "a/X", "a/x", "a/y"]) == (("a/X", "a/x"),)
    assert clashes(["STRASSE", "stra\u00dfe"]) == (("STRASSE", "stra\u00dfe"),)


def test_unicode_forms_clash():
    assert clashes(["caf\u00e9", "cafe\u0301"]) == (("cafe\u0301", "caf\u00e9"),)


def test_folders_clash_once_whatever_is_in_them():
    assert clashes(["Data/x", "data/x", "data/y"]) == (("Data", "data"),)


def test_bytes_that_are_not_text_are_names_too():
    assert clashes(["\udcff", "\udcfe"]) == ()
