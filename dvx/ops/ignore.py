"""Which paths dvx leaves alone: the ignore files, with Git's pattern rules (read by pathspec), and what is never looked at."""

from __future__ import annotations

import os
import re

from msgspec import Struct

from dvx.model.globs import bounded
from dvx.model.lines import lines_of
from dvx.project import Project
from dvx.store import files

BUILT_IN = frozenset({".git", ".hg", ".dvx", ".dvc"})
# pathspec marks with this group where a pattern ends before the path does: there it speaks of a folder above
_MARK = "ps_d"
_NEGATED = re.compile(r"(?<!\\)\[\^(?!/)")


class Rule(Struct, frozen=True):
    """A line of an ignore file; it leaves alone what it matches, or with `!` takes it back."""

    file: str
    line: int
    text: str
    excludes: bool
    regex: re.Pattern[str]

    def matches(self, path: str, is_folder: bool) -> bool:
        """Whether the line is about this path itself (relative to the folder of the file), and not about a folder above it."""
        if _MARK not in self.regex.groupindex:
            return self.regex.search(path) is not None
        found = self.regex.finditer(path + "/" if is_folder else path)
        return any(match.start(_MARK) in (-1, len(path)) for match in found)


class Ignore:
    """The rules of one project; ignore files are read when their folder is first asked about."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._rules: dict[str, tuple[Rule, ...]] = {}
        self._any = False

    def skip(self, path: str, is_folder: bool) -> bool:
        """Whether `path`, in a folder that is not left alone, is; folders that hold another project are."""
        folder, _, name = path.rpartition("/")
        if name in BUILT_IN:
            return True
        if folder not in self._rules:
            for above in _folders(path):
                if above not in self._rules:
                    self._load(above)
        if self._any:
            rule = self.pattern(path, is_folder)
            if rule is not None and rule.excludes:
                return True
        return is_folder and self.is_project(path)

    def skip_always(self, path: str, is_folder: bool) -> bool:
        """Like `skip`, but whatever the ignore files say."""
        return path.rpartition("/")[2] in BUILT_IN or (is_folder and self.is_project(path))

    def ruling(self, path: str, is_folder: bool) -> Rule | None:
        """The rule because of which `path`, or a folder that it lies in, is left alone; None if no rule is the reason."""
        for above in (*_folders(path)[1:], path):
            rule = self.pattern(above, is_folder or above != path)
            if rule is not None and rule.excludes:
                return rule
        return None

    def pattern(self, path: str, is_folder: bool) -> Rule | None:
        """The rule that decides over `path` itself: the last one that matches; None when none does."""
        for folder in reversed(_folders(path)):
            inner = path[len(folder) :].lstrip("/")
            for rule in reversed(self._of(folder)):
                if rule.matches(inner, is_folder):
                    return rule
        return None

    def patterns(self, path: str, is_folder: bool) -> list[Rule]:
        """All rules that match `path`, the one that decides last."""
        return [
            rule
            for folder in _folders(path)
            for rule in self._of(folder)
            if rule.matches(path[len(folder) :].lstrip("/"), is_folder)
        ]

    def is_project(self, path: str) -> bool:
        """Whether the folder `path` holds another project."""
        place = self._project.abs(path)
        return os.path.isdir(f"{place}/.dvc") or os.path.isdir(f"{place}/.dvx")

    def _of(self, folder: str) -> tuple[Rule, ...]:
        if folder not in self._rules:
            self._load(folder)
        return self._rules[folder]

    def _load(self, folder: str) -> None:
        place = f"{folder}/{self._project.dialect.ignore}" if folder else self._project.dialect.ignore
        try:
            text = files.read(self._project.abs(place)).decode("utf-8", "surrogateescape")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            text = ""
        found = (_rule(place, number, line) for number, line in enumerate(lines_of(text.removeprefix("\ufeff")), 1))
        self._rules[folder] = tuple(rule for rule in found if rule is not None)
        self._any = self._any or bool(self._rules[folder])


def _folders(path: str) -> list[str]:
    """The folders that `path` lies in, from the project downwards."""
    parts = path.split("/")[:-1]
    return ["", *("/".join(parts[: count + 1]) for count in range(len(parts)))]


def _rule(file: str, number: int, line: str) -> Rule | None:
    """What a line says; None for a blank one, a comment, and what is no pattern, which matches nothing in Git."""
    if not line.strip().removeprefix("!").strip("/") or line.startswith("#"):
        return None
    from pathspec import GitIgnoreSpec

    try:
        (pattern,) = GitIgnoreSpec.from_lines([line]).patterns
    except ValueError:
        return None
    if pattern.regex is None:
        return None
    # to pathspec `[!a]` may be a slash, to Git it may not
    regex = re.compile(bounded(_NEGATED.sub("[^/", pattern.regex.pattern)), pattern.regex.flags)
    return Rule(file, number, line, bool(pattern.include), regex)
