"""docs/security.md counts what the tests do."""

from __future__ import annotations

import re

import pytest

from tests.faults import (
    decoders,
    hostile_repositories,
    test_bombs,
    test_concurrent,
    test_executes_nothing,
    test_hostile,
    test_hostile_state,
    test_killed_runs,
    test_killed_workers,
    test_losing,
    test_reading,
)
from tests.faults.harness import ERRORS
from tests.faults.scenarios import SCENARIOS
from tests.helpers import ROOT
from tests.store.test_remote import KINDS
from tests.unit.test_paths import ATTACKS

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
COUNTS = {
    "(\\d+) scenarios": len(SCENARIOS),
    "(\\d+) series": sum(len(scenario.dialects) for scenario in SCENARIOS.values()),
    "(\\d+) points of each": 1 + len(ERRORS),
    "(\\d+) commands, emptied pointers": len(test_losing._COMMANDS),
    "(\\d+) paths in": len(test_hostile._MORE) + len(ATTACKS),
    "paths in (\\d+) places": len(test_hostile._CHANNELS),
    "(\\d+) commands after each": len(test_hostile._COMMANDS),
    "(\\d+) attacks a dialect": len(list(test_hostile._attacks(everything=False))),
    "attacks a dialect \\| (\\d+)": len(list(test_hostile._attacks(everything=True))),
    "(\\d+) decoders, of": len(decoders.DECODERS),
    "for each of (\\d+), 1,000": sum(not one.is_slow for one in decoders.DECODERS.values()),
    "(\\d+) states of databases": len(list(test_hostile_state.attacks())),
    "and pipes; (\\d+) commands": len(test_hostile_state.COMMANDS),
    "(\\d+) attacks, and random": len(ATTACKS),
    "on (\\d+) kinds of remotes": len(KINDS),
    "processes, (\\d+) commands": len(test_concurrent._MIX),
    "(\\d+) processes": test_concurrent._PROCESSES,
    "(\\d+) hostile repositories, ": len(hostile_repositories.MAKERS),
    "repositories, (\\d+) command lines": len(test_executes_nothing.COMMANDS),
    "(\\d+) commands, every change": len(test_reading._READING),
    "(\\d+) kills; ": test_killed_runs._QUICK,
    "kills; (\\d+) experiments": test_killed_workers._QUICK[1],
    "experiments \\| (\\d+); ": test_killed_runs._ALL,
    "experiments \\| \\d+; (\\d+)": test_killed_workers._ALL[1],
    "(\\d+) documents, ": len(test_bombs.BOMBS),
    "documents, (\\d+) trees": len(test_bombs._TREES),
}


@pytest.mark.parametrize("words", COUNTS)
def test_a_count_is_that_of_the_test(words: str) -> None:
    assert re.findall(words, PAGE) == [str(COUNTS[words])]


def test_the_errors_are_those_of_the_trials() -> None:
    assert set(re.findall(r"`(E[A-Z]+)`", PAGE)) == set(ERRORS)


def test_the_tests_exist() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))
    assert len(named) >= 14
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []
