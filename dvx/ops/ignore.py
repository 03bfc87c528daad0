"""Which paths dvx leaves alone: the ignore files, with Git's pattern rules (by pathspec), and what is never looked at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dvx.project import Project
from dvx.store import files

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

BUILT_IN = frozenset({".git", ".hg", ".dvx", ".dvc"})


class Ignore:
    """The rules of one project; ignore files are read when their folder is first asked about."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._rules: dict[str, GitIgnoreSpec | None] = {}
        self._any = False

    def skip(self, path: str, is_folder: bool) -> bool:
        """Whether `path` is left alone; folders that hold another project are."""
        folder, _, name = path.rpartition("/")
        if name in BUILT_IN:
            return True
        if folder not in self._rules:
            for above in _folders(path):
                if above not in self._rules:
                    self._load(above)
        if self._any and self._matches(path, is_folder):
            return True
        return is_folder and self.is_project(path)

    def pattern(self, path: str, is_folder: bool) -> tuple[str, int, str] | None:
        """The rule that decides over `path`: (ignore file, line, pattern); None when no rule matches."""
        return next(reversed(self.patterns(path, is_folder)), None)

    def patterns(self, path: str, is_folder: bool) -> list[tuple[str, int, str]]:
        """All rules that match `path`, the one that decides last."""
        found = []
        for folder in _folders(path):
            place = f"{folder}/{self._project.dialect.ignore}" if folder else self._project.dialect.ignore
            inner = path[len(folder) :].lstrip("/") + ("/" if is_folder else "")
            for number, line in enumerate(self._lines(place), 1):
                spec = _compile([line])
                if spec is not None and any(pattern.match_file(inner) is not None for pattern in spec.patterns):
                    found.append((place, number, line))
        return found

    def _matches(self, path: str, is_folder: bool) -> bool:
        ignored = False
        for folder in _folders(path):
            spec = self._rules[folder]
            if spec is not None:
                inner = path[len(folder) :].lstrip("/") + ("/" if is_folder else "")
                result = spec.check_file(inner).include
                if result is not None:
                    ignored = result
        return ignored

    def _load(self, folder: str) -> None:
        place = f"{folder}/{self._project.dialect.ignore}" if folder else self._project.dialect.ignore
        spec = _compile(self._lines(place))
        self._rules[folder] = spec
        self._any = self._any or spec is not None

    def _lines(self, place: str) -> list[str]:
        try:
            text = files.read(self._project.abs(place)).decode("utf-8", "surrogateescape")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return []
        return text.splitlines()

    def is_project(self, path: str) -> bool:
        """Whether the folder `path` holds another project."""
        place = self._project.abs(path)
        return os.path.isdir(f"{place}/.dvc") or os.path.isdir(f"{place}/.dvx")


def _folders(path: str) -> list[str]:
    """The folders that `path` lies in, from the project downwards."""
    parts = path.split("/")[:-1]
    return ["", *("/".join(parts[: count + 1]) for count in range(len(parts)))]


def _compile(lines: list[str]) -> GitIgnoreSpec | None:
    kept = [line for line in lines if line.strip() and not line.startswith("#")]
    if not kept:
        return None
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(kept)
