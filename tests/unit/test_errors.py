"""Words of hints."""

from __future__ import annotations

import subprocess

import pytest

from dvx.errors import quoted


@pytest.mark.parametrize(
    ("word", "typed"),
    [
        ("data/raw.csv", "data/raw.csv"),
        ("a b;c", "'a b;c'"),
        ("$HOME", "'$HOME'"),
        ("it's", "'it'\"'\"'s'"),
        ("über", "'über'"),
        ("", "''"),
        ("a\nb", r"$'a\x0ab'"),
        ("it's\t\\", r"$'it\'s\x09\\'"),
        ("\x1b[31m", r"$'\x1b[31m'"),
        ("\udcff", r"$'\xff'"),
    ],
)
def test_a_word_is_typed_so_that_a_shell_reads_it(word: str, typed: str) -> None:
    assert quoted(word) == typed
    assert typed.isprintable()
    read = subprocess.run(["bash", "-c", f"printf %s {typed}"], capture_output=True, check=True).stdout
    assert read == word.encode("utf-8", "surrogateescape")
