"""How the words of a command line are read: options by any unambiguous prefix, without the value that they mostly have, or with
several."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import typer.core
from typer._click.parser import _OptionParser

from dvx.errors import UsageError

# option -> (its value when it stands alone, the values that may follow it as the next word; without any, every word)
BARE: dict[str, tuple[str, tuple[str, ...]]] = {"--untracked-files": ("all", ("no", "all")), "--output-format": ("csv", ())}
# options that take all words up to the next option
MANY = ("--targets", "--unset")
# options that take all words up to the next one that is not `NAME=VALUE`
PAIRS = ("--remote-config", "--fs-config")
_PAIR = re.compile(r"[\w.-]+=")


class Parser(_OptionParser):
    """Reads `--set` as `--set-param` where no other option begins like that, as DVC does."""

    def _match_long_opt(self, opt: str, explicit_value: str | None, state: Any) -> None:
        super()._match_long_opt(full_name(opt, self._long_opt), explicit_value, state)


def parser_of(command: Any, ctx: Any) -> Parser:
    """The parser of a command or group, which knows its options."""
    parser = Parser(ctx)
    for parameter in command.get_params(ctx):
        parameter.add_to_parser(parser, ctx)
    return parser


def full_name(word: str, options: Mapping[str, object]) -> str:
    """The one option, of those under all their names, that begins with `word`; the word itself where none does.

    Raises:
        UsageError: several do.
    """
    if word in options or not word.startswith("--"):
        return word
    found = [name for name in options if name.startswith(word)]
    if len({id(options[name]) for name in found}) > 1:
        names = ", ".join(f"`{name}`" for name in sorted(found))
        raise UsageError(f"option `{word}` is ambiguous", f"pass one of {names}")
    return found[0] if found else word


class Command(typer.core.TyperCommand):
    """A command that takes prefixes of options, and writes out those that may stand without a value."""

    def make_parser(self, ctx: Any) -> Parser:
        """See typer."""
        return parser_of(self, ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See typer."""
        known = {word for parameter in self.params if not getattr(parameter, "is_flag", False) for word in parameter.opts}
        if known.intersection((*BARE, *MANY, *PAIRS)):
            options = {word: parameter for parameter in self.params for word in parameter.opts}
            end = args.index("--") if "--" in args else len(args)
            args = written_out([*(_full(word, options) for word in args[:end]), *args[end:]], known)
        return super().parse_args(ctx, args)


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


def _full(word: str, options: Mapping[str, object]) -> str:
    name, equals, value = word.partition("=")
    return full_name(name, options) + equals + value


def _is_value(word: str, values: tuple[str, ...]) -> bool:
    return word in values if values else bool(word) and not word.startswith("-")
