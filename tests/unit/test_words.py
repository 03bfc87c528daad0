"""Options that stand alone, or before several values."""

from __future__ import annotations

import pytest

from dvx.cli.words import written_out

KNOWN = {"--untracked-files", "--targets", "--json"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a --json", "a --json"),
        ("--untracked-files", "--untracked-files=all"),
        ("--untracked-files a", "--untracked-files=all a"),
        ("--untracked-files no a", "--untracked-files no a"),
        ("--untracked-files --json", "--untracked-files=all --json"),
        ("HEAD --targets a b --json", "HEAD --targets a --targets b --json"),
        ("--targets a --targets b", "--targets a --targets b"),
        ("--targets --json", "--json"),
        ("--targets a -- --targets b", "--targets a -- --targets b"),
    ],
)
def test_each_option_gets_one_value(given: str, expected: str):
    assert written_out(given.split(), KNOWN) == expected.split()


def test_options_of_other_commands_are_left_alone():
    assert written_out(["--untracked-files", "--targets", "a", "b"], {"--json"}) == ["--untracked-files", "--targets", "a", "b"]
