"""Ignore patterns take bounded time, and mean what they meant."""

from __future__ import annotations

import random
import re
import time

import pytest
from pathspec import GitIgnoreSpec

from dvx.model.globs import bounded
from dvx.ops.ignore import _NEGATED

_PIECES = ("a", "b", "ab", "*", "*", "**", "?", "/", "/", "[ab]", "[!a]", ".", "\\*", "a*", "*b", "/**/", "/**/a")


def _regex(pattern: str) -> str:
    (found,) = GitIgnoreSpec.from_lines([pattern]).patterns
    return "" if found.regex is None else _NEGATED.sub("[^/", found.regex.pattern)


def test_a_bounded_pattern_matches_the_same():
    dice = random.Random(1)
    paths = [
        "/".join("".join(dice.choices("aab.*", k=dice.randint(1, 6))) for _ in range(dice.randint(1, 6))) for _ in range(300)
    ]
    changed = 0
    for _ in range(3_000):
        pattern = "".join(dice.choices(_PIECES, k=dice.randint(1, 8)))
        try:
            plain = _regex(pattern)
        except ValueError:
            continue
        if not plain:
            continue
        changed += bounded(plain) != plain
        one, other = re.compile(plain), re.compile(bounded(plain))
        for path in dice.sample(paths, 40):
            assert [m.span() for m in one.finditer(path)] == [m.span() for m in other.finditer(path)], (pattern, path)
    assert changed > 200


@pytest.mark.parametrize(
    "pattern",
    ["*a" * 30 + "b", "*[a-z]" * 20 + "1", "**/a/" * 12 + "b", "a*/**/" * 12 + "*a*a*a*b", "*" * 40 + "b", "?*" * 20 + "b"],
)
def test_no_pattern_takes_time_without_end(pattern: str):
    regex = re.compile(bounded(_regex(pattern)))
    start = time.thread_time()
    for path in ("a" * 250, "/".join(["a"] * 500), "/".join(["a" * 200] * 10), "a" * 250 + "/b" * 100):
        regex.search(path)
    assert time.thread_time() - start < 2
