"""docs/cli.md: the help of every command, written by `python -m tests.docs.reference`."""

from __future__ import annotations

import os
from pathlib import Path

from dvx.cli.commands import COMMANDS, GROUPS
from tests.helpers import ROOT, run_dvx

PAGE = ROOT / "docs" / "cli.md"


def page() -> str:
    """The text of docs/cli.md as it should be."""
    rows = [f"| [`dvx {name}`](#dvx-{name.replace(' ', '-')}) | {entry[2]} |" for name, entry in COMMANDS.items()]
    parts = [
        "# Commands",
        "",
        "Written by `make docs` from the commands themselves.",
        "",
        "| command | what it does |",
        "|---|---|",
        *rows,
        "",
    ]
    for name in COMMANDS:
        help_text = run_dvx(ROOT, *name.split(" "), "--help").out
        lines = [line.rstrip() for line in help_text.strip().splitlines()]
        parts += [f"## dvx {name}", "", "```text", *lines, "```", ""]
    return "\n".join(parts).rstrip() + "\n"


def undescribed() -> set[str]:
    """Groups without commands, which would be missing on the page."""
    return {group for group in GROUPS if not any(name.startswith(group + " ") for name in COMMANDS)}


def main(path: Path = PAGE) -> None:
    """Write the page."""
    os.environ["COLUMNS"] = "100"
    path.write_text(page(), encoding="utf-8")
    print(f"{path} has {len(COMMANDS)} commands")


if __name__ == "__main__":
    main()
