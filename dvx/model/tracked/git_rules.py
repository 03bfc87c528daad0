"""The lines of one of Git's ignore files, kept so that thousands of paths can be looked up: most lines are plain names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct

from dvx.model.lines import lines_of
from dvx.model.tracked.wildmatch import Pattern, read_pattern

# what dvx and DVC write: a slash and a name
_NAMES = r"(?m)^(/[^*?\[\\/\s]+)$\n?"
_LONG = 2000
_SPECIAL = frozenset("*?[\\")
_SILENT = (-1, False)


class GitRule(Struct, frozen=True):
    """A line that excludes what it matches, or takes it back: where it stands, and what each name holds that it is about."""

    number: int
    line: bytes
    excludes: bool
    mark: str = ""

    def matches(self, prefix: str, name: str, *, is_folder: bool) -> bool:
        """Whether it is about `name` in the folder `prefix` (empty, or with a slash), relative to the folder of the file."""
        pattern = _pattern(self.line)
        return pattern is not None and pattern.matches(_encoded(prefix + name), is_folder)


class GitRules(Struct, frozen=True):
    """What a file says of folders, by `name` or `/path` where a line is plain, and which lines may be about certain files.

    Of lines, the last comes first.
    """

    exact: dict[str, tuple[int, bool]]
    wild: tuple[tuple[str, GitRule], ...]
    of_files: tuple[GitRule, ...]

    def ignores_folder(self, prefix: str, name: str) -> bool | None:
        """Whether it ignores the folder `name` in the folder `prefix`; None if it says nothing of it."""
        number, verdict = max(self.exact.get(name, _SILENT), self.exact.get(f"/{prefix}{name}", _SILENT))
        for rule in [rule for mark, rule in self.wild if mark in name]:
            if rule.number < number:
                break
            if rule.matches(prefix, name, is_folder=True):
                return rule.excludes
        return verdict if number >= 0 else None

    def about(self, names: str) -> tuple[GitRule, ...]:
        """The lines that may be about one of some files, whose names stand in one text and end as `read_rules` was told."""
        return tuple(rule for rule in self.of_files if rule.mark in names)


def read_rules(text: str, ends: Sequence[str]) -> GitRules:
    """What the text of an ignore file says of folders, and of files whose names end in one of `ends`."""
    text = text.removeprefix("\ufeff")
    # where no line takes anything back, their order is no matter, and thousands of names are found at once
    names = re.findall(_NAMES, text) if len(text) > _LONG and "!" not in text else []
    exact: dict[str, tuple[int, bool]] = dict.fromkeys(names, (0, True))
    endings = tuple(ends)
    of_files = [GitRule(0, _encoded(name), excludes=True, mark=name[1:]) for name in names if name.endswith(endings)]
    wild: list[GitRule] = []
    for number, line in enumerate(lines_of(re.sub(_NAMES, "", text) if names else text)):
        if not line or line.startswith("#"):
            continue
        body = line.rstrip(" ").removeprefix("!")
        bare = body.removesuffix("/")
        pieces = _pieces(bare)
        rule = GitRule(number, _encoded(line), not line.startswith("!"), max(pieces, key=len))
        if _SPECIAL.isdisjoint(bare):
            exact["/" + bare.removeprefix("/") if "/" in bare else bare] = (number, rule.excludes)
        else:
            wild.append(rule)
        if bare == body and any(end.endswith(pieces[-1]) or pieces[-1].endswith(end) for end in ends):
            of_files.append(rule)
    return GitRules(exact, tuple((rule.mark, rule) for rule in reversed(wild)), tuple(reversed(of_files)))


def _pieces(line: str) -> list[str]:
    """What stands between the wildcards of the last part of a path; nothing where that is not plain to see."""
    if "\\" in line or "/" in line.partition("[")[2]:
        return [""]
    name = line.rpartition("/")[2]
    if "[" in name:
        name = name.partition("[")[0] + "*" + name.rpartition("]")[2]
    return name.replace("?", "*").split("*")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=1000)
def _pattern(line: bytes) -> Pattern | None:
    return read_pattern(line)
