"""What could not be read of several revisions: each reason once, with the revisions that it is about, and the way out."""

from __future__ import annotations

from collections.abc import Iterable

from dvx.cli.terminal import colour, render
from dvx.cli.terminal.colour import Ink
from dvx.errors import NOT_CACHED

_SHOWN = 5


def tell(troubles: Iterable[tuple[str, str]]) -> None:
    """Say what is wrong: pairs of a revision and the reason."""
    by_reason: dict[str, dict[str, None]] = {}
    for revision, reason in troubles:
        by_reason.setdefault(reason, {})[revision] = None
    for reason, revisions in by_reason.items():
        more = f" and {len(revisions) - _SHOWN} more" if len(revisions) > _SHOWN else ""
        render.note(f"{', '.join([*revisions][:_SHOWN])}{more}: {reason}")
    lacking = {revision for reason, named in by_reason.items() if reason.endswith(NOT_CACHED) for revision in named}
    if lacking:
        command = "dvx pull" if lacking == {"workspace"} else "dvx fetch --all-commits"
        render.note(f"{colour.err('hint:', Ink.CYAN)} run `{command}` to get what a remote has of it")
