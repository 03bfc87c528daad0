"""The picture of the rooms in docs/architecture.md, drawn from the imports by `python -m tests.docs.rooms`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.architecture import ROOMS, imports, load
from tests.helpers import ROOT

PAGE = ROOT / "docs" / "architecture.md"
_BEGIN, _END = "```mermaid\n", "```\n"


def needs() -> dict[str, set[str]]:
    """For each room of `ops` the rooms that its modules import from."""
    found: dict[str, set[str]] = {room: set() for room in ROOMS}
    for module in load(ROOT):
        parts = module.name.split(".")
        if parts[:2] == ["dvx", "ops"] and len(parts) > 3:
            named = (name.split(".") for name, _ in imports(module.tree))
            found[parts[2]] |= {other[2] for other in named if other[:2] == ["dvx", "ops"] and other[2:] and other[2] != parts[2]}
    return found


def picture() -> str:
    """The rooms in Mermaid: an arrow to each room that is needed, but for those that are needed by way of others."""
    found = needs()
    lines = ["flowchart RL"]
    for room in ROOMS:
        direct = {other for other in found[room] if not any(other in _all(found, between) for between in found[room] - {other})}
        lines += [f"    {room} --> {other}" for other in ROOMS if other in direct] or [f"    {room}"]
    return "\n".join(lines) + "\n"


def _all(found: Mapping[str, set[str]], room: str) -> set[str]:
    return found[room].union(*(_all(found, other) for other in found[room]))


def page() -> str:
    """The text of docs/architecture.md as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    return before + _BEGIN + picture() + _END + rest.partition(_END)[2]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} has {len(ROOMS)} rooms")
