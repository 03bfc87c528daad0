"""ExpRef, Experiment: a run kept in Git, and the names of such runs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from msgspec import Struct

from dvx.errors import UsageError
from dvx.model.canonical import json_sorted
from dvx.model.paths import printable

EXPERIMENTS = "refs/exps/"
OWN_REFS = "refs/dvx/"
"""Refs that keep what DVC does not know of, such as the snapshots of queued experiments."""
_COMMIT = re.compile(r"(?:[0-9a-f]{24})?[0-9a-f]{40}")
# most names are of this kind, and need no second look
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_FORBIDDEN = frozenset(" ~^:?*[\\/")


class ExpRef(Struct, frozen=True, order=True):
    """The ref of an experiment: `name`, below the commit that it started from."""

    baseline: str
    name: str

    def __post_init__(self) -> None:
        check_name(self.name)

    @staticmethod
    def parse(ref: str) -> ExpRef | None:
        """Read `refs/exps/<2>/<38>/<name>`; None for the other refs that experiments need."""
        parts = ref.removeprefix(EXPERIMENTS).split("/")
        if not ref.startswith(EXPERIMENTS) or len(parts) != 3:
            return None
        baseline = parts[0] + parts[1]
        if len(parts[0]) != 2 or not _COMMIT.fullmatch(baseline) or why_bad(parts[2]):
            return None
        return ExpRef(baseline, parts[2])

    def __str__(self) -> str:
        return f"{EXPERIMENTS}{self.baseline[:2]}/{self.baseline[2:]}/{self.name}"


class Experiment(Struct, frozen=True):
    """An experiment: its ref, its commit and when that was made (seconds since the epoch)."""

    ref: ExpRef
    commit: str
    created: int


def why_bad(name: str) -> str:
    """What keeps `name` from being the name of an experiment; empty for a good one (source: git-check-ref-format)."""
    if _PLAIN.fullmatch(name):
        return ""
    if not name:
        return "it is empty"
    if name[0] in "-.":
        return f"it begins with `{name[0]}`"
    if name.endswith((".lock", ".")):
        return "it ends in `.` or `.lock`"
    if ".." in name or "@{" in name or name == "@":
        return "it holds `..` or `@{`, or is `@`"
    bad = next((c for c in name if c in _FORBIDDEN or ord(c) < 32 or ord(c) == 127), "")
    return f"it holds {bad!r}" if bad else ""


def check_name(name: str) -> None:
    """Raise UsageError if no experiment can have this name."""
    reason = why_bad(name)
    if reason:
        raise UsageError(f"`{printable(name)}` is not a name for an experiment: {reason}", "use letters, digits, `-` and `_`")


def named(name: str, known: Iterable[tuple[ExpRef, str]]) -> list[ExpRef]:
    """Of refs with their commits those that `name` means: by name, whole ref or commit, or else by the beginning of a commit."""
    known = list(known)
    found = [ref for ref, commit in known if name in (ref.name, str(ref), commit)]
    if not found and len(name) >= 4:
        found = [ref for ref, commit in known if commit.startswith(name.lower())]
    return found


def draw_name(number: int, taken: Collection[str]) -> str:
    """The adjective-noun pair that `number` picks, or the next one that is not taken."""
    adjectives, nouns = _ADJECTIVES.split(), _NOUNS.split()
    total = len(adjectives) * len(nouns)
    for step in range(total):
        first, second = divmod((number + step) % total, len(nouns))
        name = f"{adjectives[first]}-{nouns[second]}"
        if name not in taken:
            return name
    return f"{adjectives[0]}-{nouns[0]}-{number}"


def result_hash(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """The hash of what a run led to, from the lock entries of its stages by address (source: DVC's format, experiment commit)."""
    return hashlib.sha256(json_sorted(entries).encode()).hexdigest()


_ADJECTIVES = """
    able agile airy amber ample apt arctic avid azure balmy bold brave breezy bright brisk broad bronze calm candid
    careful cheery chilly civil clean clear clever coastal cosy crimson crisp curious daring deep dense distant eager
    early earthy easy elder even exact fair famous fancy fast festive fine firm fleet fluent fond frank fresh frosty
    gentle glad gleaming golden good grand green happy hardy hasty hazel hearty honest humble icy ideal jolly keen
    kind large lasting level light lively loyal lucid lunar mellow merry mild modest neat nimble noble open orderly
    patient placid plain polite prime proud quick quiet rapid ready rosy rural sandy sharp shiny silent silver sleek
    smooth snowy solid spry stable steady still sturdy subtle sunny sure swift tall tame tender tidy tough tranquil
    true upbeat vast vivid warm wise witty young zesty
"""

_NOUNS = """
    acorn alder anchor anvil apple arch ash aspen badger bamboo basil beacon beaver beech birch bison bobcat breeze
    bridge brook cabin candle canoe canyon cedar chestnut cliff cloud clover comet copper coral cove crane creek
    cricket dahlia dawn delta dove dune eagle echo elm ember falcon fern ferry finch fjord flint forest fox garden
    geyser ginger glacier grove gull harbor harp hazelnut hawk hedge heron hill hollow ibis inlet iris island ivy
    jasmine juniper kestrel kite lagoon lake lantern larch lark laurel ledge lichen lily linden lotus lynx magnet
    maple marble marsh meadow mesa meteor mill mint moon moss mountain newt nutmeg oak oasis ocean olive orbit orchard
    osprey otter owl panda path pebble pepper pine planet plum pond poplar prairie quail quartz rain raven reef ridge
    river robin rocket sage salmon satin shore sparrow spring spruce star stone stream summit swan thicket thistle
    thrush tide timber trail tulip valley violet walnut wave willow wren yarrow zephyr
"""
