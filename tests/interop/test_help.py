"""What dvx says of DVC's commands, against DVC's own list of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tests.interop.steps import Tool


def test_each_command_of_dvc_has_a_line(tools: Mapping[str, Tool], tmp_path: Path) -> None:
    usage = tools["dvc"](tmp_path, "--help").out
    # the names stand first in their lines, aliases in parentheses
    theirs = set(re.findall(r"^    ([a-z][a-z-]+) ", usage, re.MULTILINE))
    assert len(theirs) > 35
    said = tools["dvx"](tmp_path, "help", "dvc").out.split("Commands that DVC has not")[0]
    ours = {line.split()[0] for line in said.splitlines()[1:] if line.strip()}
    assert {{"experiments": "exp", "list": "ls"}.get(name, name) for name in theirs} - ours == set()
