"""docs/cli.md is what the commands say of themselves."""

from __future__ import annotations

import re

import pytest

from dvx.cli.commands import COMMANDS
from tests.docs.reference import PAGE, page, undescribed
from tests.helpers import ROOT, run_dvx


def test_the_reference_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"
    assert undescribed() == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_an_example_of_it(name: str) -> None:
    result = run_dvx(ROOT, *name.split(" "), "--help")
    assert result.code == 0
    assert re.search(rf"Example: +dvx {name}\b", result.out), result.out
