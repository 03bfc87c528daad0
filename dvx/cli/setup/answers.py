"""How what is offered after Tab reaches the shell: a name a line, behind a tab what it is for."""

from __future__ import annotations

from typing import Any

from typer._click.shell_completion import add_completion_class
from typer._completion_classes import FishComplete

ASKED = "complete_fish"


class Answers(FishComplete):
    """As typer asks for fish, without what it loads to take markup out of help."""

    def format_completion(self, item: Any) -> str:
        """See typer."""
        return f"{item.value}\t{item.help}" if item.help else f"{item.value}"


def listen() -> None:
    """Let typer answer so."""
    add_completion_class(Answers, "fish")
