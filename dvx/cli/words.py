"""A command whose options may stand without the value that they mostly have, or with several."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

import typer.core

# option -> (its value when it stands alone, the values that may follow it as the next word; without any, every word)
BARE: dict[str, tuple[str, tuple[str, ...]]] = {"--untracked-files": ("all", ("no", "all")), "--output-format": ("csv", ())}
# options that take all words up to the next option
MANY = ("--targets", "--unset")
# options that take all words up to the next one that is not `NAME=VALUE`
PAIRS = ("--remote-config", "--fs-config")
_PAIR = re.compile(r"[\w.-]+=")


class Command(typer.core.TyperCommand):
    """A command that writes such options out before they are read."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See typer."""
        known = {word for parameter in self.params if not getattr(parameter, "is_flag", False) for word in parameter.opts}
        return super().parse_args(ctx, written_out(args, known) if known.intersection((*BARE, *MANY, *PAIRS)) else args)


def written_out(args: Sequence[str], known: Collection[str]) -> list[str]:
    """The words of a command line, with one value for each of its `known` options: `--targets a b` names the option twice."""
    given = list(args[: args.index("--")] if "--" in args else args)
    found: list[str] = []
    many = ""
    for number, word in enumerate(given):
        following = given[number + 1] if number + 1 < len(given) else ""
        if word.startswith("-"):
            many = word if word in (*MANY, *PAIRS) and word in known else ""
            if word in BARE and word in known and not _is_value(following, BARE[word][1]):
                found.append(f"{word}={BARE[word][0]}")
            elif not many:
                found.append(word)
        else:
            if many in PAIRS and given[number - 1] != many and not _PAIR.match(word):
                many = ""
            found += [many, word] if many else [word]
    return [*found, *args[len(given) :]]


def _is_value(word: str, values: tuple[str, ...]) -> bool:
    return word in values if values else bool(word) and not word.startswith("-")
