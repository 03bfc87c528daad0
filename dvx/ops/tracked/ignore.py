"""Which paths dvx leaves alone: the ignore files, with Git's pattern rules, and what is never looked at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol, TypeVar

from msgspec import Struct

from dvx.model.lines import lines_of
from dvx.model.tracked.wildmatch import Pattern, read_pattern
from dvx.project import Project
from dvx.store import files

T = TypeVar("T")

BUILT_IN = frozenset({".git", ".hg", ".dvx", ".dvc"})


class Rule(Struct, frozen=True):
    """A line of an ignore file; it leaves alone what it matches, or with `!` takes it back."""

    file: str
    line: int
    text: str
    pattern: Pattern

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.text}"

    @property
    def excludes(self) -> bool:
        """Whether it leaves alone what it matches."""
        return self.pattern.excludes


class Texts(Protocol):
    """A state of the project's files, for its ignore files and for what is another project."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; None when there is no such file."""

    def is_project(self, path: str) -> bool:
        """Whether the folder `path` holds another project."""


class Ignore:
    """The rules of one project, in the workspace or in other `texts`; ignore files are read when first asked about."""

    def __init__(self, project: Project, texts: Texts | None = None) -> None:
        self._project = project
        self._texts = texts
        self._alone: dict[str, bool] = {"": False}
        self._rules: dict[str, tuple[Rule, ...]] = {}
        self._any = False

    def skip(self, path: str, is_folder: bool) -> bool:
        """Whether `path`, in a folder that is not left alone, is; folders that hold another project are."""
        folder, _, name = path.rpartition("/")
        if name in BUILT_IN:
            return True
        if folder not in self._rules:
            self._load_above(path)
        if self._any:
            rule = self.pattern(path, is_folder)
            if rule is not None and rule.excludes:
                return True
        return is_folder and self.is_project(path)

    def skip_always(self, path: str, is_folder: bool) -> bool:
        """Like `skip`, but whatever the ignore files say."""
        return path.rpartition("/")[2] in BUILT_IN or (is_folder and self.is_project(path))

    def spared(self, prefix: str, names: list[str]) -> list[str]:
        """The files in the folder `prefix`, which is not left alone, that are not either."""
        if names and not self._any:
            self._load_above(prefix + names[0])
        return [name for name in names if not self.skip(prefix + name, False)] if self._any else names

    def kept(self, found: Mapping[str, Mapping[str, T]]) -> dict[str, dict[str, T]]:
        """Of files, by folder and name, those that are not left alone, nor any folder that they lie in; in order."""
        kept = {}
        for folder in sorted(found):
            if not self._is_alone(folder):
                names = self.spared(folder + "/" if folder else "", list(found[folder]))
                kept[folder] = {name: found[folder][name] for name in names}
        return kept

    def _is_alone(self, folder: str) -> bool:
        if folder not in self._alone:
            self._alone[folder] = self._is_alone(folder.rpartition("/")[0]) or self.skip(folder, True)
        return self._alone[folder]

    def ruling(self, path: str, is_folder: bool) -> Rule | None:
        """The rule because of which `path`, or a folder that it lies in, is left alone; None if no rule is the reason."""
        for above in (*_folders(path)[1:], path):
            rule = self.pattern(above, is_folder or above != path)
            if rule is not None and rule.excludes:
                return rule
        return None

    def hiding(self, folder: str) -> Rule | None:
        """The first rule because of which something in `folder` is left alone."""
        for place, folders, names in files.walk_folders(self._project.abs(folder)):
            below = os.path.relpath(place, self._project.root).replace(os.sep, "/")
            found = ((f"{below}/{name}", name in folders) for name in sorted([*folders, *names]))
            if (rule := next(filter(None, (self.ruling(path, is_folder) for path, is_folder in found)), None)) is not None:
                return rule
        return None

    def pattern(self, path: str, is_folder: bool) -> Rule | None:
        """The rule that decides over `path` itself: the last one that matches; None when none does."""
        for folder in reversed(_folders(path)):
            inner = os.fsencode(path[len(folder) :].lstrip("/"))
            for rule in reversed(self._of(folder)):
                if rule.pattern.matches(inner, is_folder):
                    return rule
        return None

    def patterns(self, path: str, is_folder: bool) -> list[Rule]:
        """All rules that match `path`, the one that decides last."""
        return [
            rule
            for folder in _folders(path)
            for rule in self._of(folder)
            if rule.pattern.matches(os.fsencode(path[len(folder) :].lstrip("/")), is_folder)
        ]

    def is_project(self, path: str) -> bool:
        """Whether the folder `path` holds another project."""
        if self._texts is not None:
            return self._texts.is_project(path)
        place = self._project.abs(path)
        return os.path.isdir(f"{place}/.dvc") or os.path.isdir(f"{place}/.dvx")

    def _load_above(self, path: str) -> None:
        for above in _folders(path):
            if above not in self._rules:
                self._load(above)

    def _of(self, folder: str) -> tuple[Rule, ...]:
        if folder not in self._rules:
            self._load(folder)
        return self._rules[folder]

    def _load(self, folder: str) -> None:
        place = f"{folder}/{self._project.dialect.ignore}" if folder else self._project.dialect.ignore
        text = (self._read(place) or b"").decode("utf-8", "surrogateescape")
        lines = enumerate(lines_of(text.removeprefix("\ufeff")), 1)
        found = ((number, line, read_pattern(os.fsencode(line))) for number, line in lines)
        self._rules[folder] = tuple(Rule(place, number, line, pattern) for number, line, pattern in found if pattern is not None)
        self._any = self._any or bool(self._rules[folder])

    def _read(self, place: str) -> bytes | None:
        if self._texts is not None:
            return self._texts.read(place)
        try:
            return files.read(self._project.abs(place))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None


def _folders(path: str) -> list[str]:
    """The folders that `path` lies in, from the project downwards."""
    parts = path.split("/")[:-1]
    return ["", *("/".join(parts[: count + 1]) for count in range(len(parts)))]
