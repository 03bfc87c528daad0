"""The words of help: a verb and its object in each line of the list of commands, and no option that says nothing."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest

from dvx.cli import main
from dvx.cli.commands import COMMANDS, GROUPS

_VERBS = """
add apply bring cancel change check clean compare convert create delete download draw explain export freeze import initialize
install inspect kill list make manage merge move pause plot print queue record register remove rename restore resume review run
save set show start stop switch test track undo unfreeze update upload verify
"""
VERBS = frozenset(_VERBS.split())
# of the house, not of the field; and turns of phrase that have to be decoded
BANNED = re.compile(
    r"\b(is no|there is no|exists already|none here|no store|nobody|what is there|rot|in the way of|say less|say more|mend"
    r"|put aside|take away|how many\.|may be repeated|may be given)\b",
    re.IGNORECASE,
)


def _texts() -> list[tuple[str, str, str]]:
    """Each command with the name and help of each of its options and arguments."""
    found = []
    for name, entry in COMMANDS.items():
        group, space, last = name.rpartition(" ")
        built: Any = main._command(group + space, last, entry)
        found += [(name, each.name, each.help) for each in built.params if getattr(each, "help", None)]
    return found


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPS])
def test_the_line_of_a_command_is_a_verb_and_its_object(name: str) -> None:
    line = COMMANDS[name][2] if name in COMMANDS else GROUPS[name][0]
    assert 30 <= len(line) <= 75, line
    assert line.split()[0].rstrip(",").lower() in VERBS, line
    assert not line.endswith("."), line
    assert not BANNED.search(line), line


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_begins_with_its_line(name: str) -> None:
    module, function, line = COMMANDS[name]
    assert getattr(importlib.import_module(module), function).__doc__.split("\n")[0] == f"{line}."


def test_the_help_of_options_is_whole_sentences_in_the_words_of_the_field() -> None:
    texts = _texts()
    assert len(texts) > 500
    assert [found for found in texts if len(found[2].split()) < 3] == []
    assert [found for found in texts if BANNED.search(found[2])] == []


def test_a_text_of_the_house_is_found() -> None:
    for text in ("Say less.", "Data that is nowhere is no error. Another may be given often; what is there stays.", "Find rot"):
        assert BANNED.search(text)
