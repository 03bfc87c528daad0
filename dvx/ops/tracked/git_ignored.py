"""Which folders and files of a project Git ignores, found while they are walked through, without asking Git."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from msgspec import Struct

from dvx.config.git_excludes import excludes_file
from dvx.errors import UnknownTarget, UnsafePath, quoted
from dvx.git.places import GitPlace, find_place
from dvx.model.paths import printable
from dvx.model.tracked.git_rules import GitRule, GitRules, read_rules
from dvx.project import Project
from dvx.store.reading import read_regular

NAME = ".gitignore"
_LARGEST = 1 << 24


class _Level(Struct, frozen=True):
    """The rules of one ignore file. They are about `lead` and what comes after `cut` characters of a project path."""

    rules: GitRules
    lead: str
    cut: int


class Above(Struct, frozen=True):
    """The ignore files that count in a folder, the one that decides first first."""

    levels: tuple[_Level, ...] = ()

    def ignores_folder(self, prefix: str, name: str) -> bool:
        """Whether Git ignores a folder in this one, whose path is `prefix`."""
        for level in self.levels:
            verdict = level.rules.ignores_folder(level.lead + prefix[level.cut :], name)
            if verdict is not None:
                return verdict
        return False

    def ignored_files(self, prefix: str, names: Sequence[str]) -> set[str]:
        """Those of the pointer and pipeline files in this folder, whose path is `prefix`, that Git ignores."""
        text = "\n".join(names)
        levels = [(rules, level.lead + prefix[level.cut :]) for level in self.levels if (rules := level.rules.about(text))]
        return {name for name in names if _decides(levels, name)} if levels else set()


class GitIgnored:
    """The ignore files of a project's repository, and of the user; nothing is ignored without Git."""

    def __init__(self, project: Project) -> None:
        self._root = project.root
        self._ends = (project.dialect.pointer_suffix, project.dialect.pipeline)
        self._place = None if project.config.flag("core.no_scm", False) else find_place(project.root)
        self._known: dict[str, Above | None] = {}
        self.top = Above(self._outside(self._place, project)) if self._place is not None else Above()

    def inside(self, prefix: str, above: Above, names: Sequence[str]) -> Above:
        """What counts in the folder `prefix` with files of these names; `above` counts in the one that it lies in."""
        if self._place is None or NAME not in names:
            return above
        own = self._read(os.path.join(self._root, prefix + NAME))
        return Above((_Level(own, "", len(prefix)), *above.levels)) if own is not None else above

    def ignored(self, paths: Iterable[str]) -> list[str]:
        """Those of the paths of pointers and pipeline files, which need not exist, that Git ignores."""
        if self._place is None:
            return []
        self._known[""] = self.inside("", self.top, (NAME,))
        found = []
        for path in paths:
            folder, _, name = path.rpartition("/")
            above = self._in(folder)
            if above is None or above.ignored_files(folder + "/" if folder else "", [name]):
                found.append(path)
        return found

    def _in(self, folder: str) -> Above | None:
        """What counts in a folder; None if Git ignores it as a whole."""
        if folder not in self._known:
            upper, _, name = folder.rpartition("/")
            above = self._in(upper)
            is_hidden = above is None or above.ignores_folder(upper + "/" if upper else "", name)
            self._known[folder] = None if above is None or is_hidden else self.inside(folder + "/", above, (NAME,))
        return self._known[folder]

    def _outside(self, place: GitPlace, project: Project) -> tuple[_Level, ...]:
        below = os.path.relpath(os.path.realpath(self._root), place.top).replace(os.sep, "/")
        parts = [] if below == "." else below.split("/")
        files = [os.path.join(place.top, *parts[:count], NAME) for count in range(len(parts) - 1, -1, -1)]
        leads = ["/".join(parts[count:]) + "/" for count in range(len(parts) - 1, -1, -1)]
        whole = leads[-1] if leads else ""
        files += [os.path.join(place.common, "info", "exclude"), excludes_file(place, project.config.environ)]
        found = zip(files, [*leads, whole, whole], strict=True)
        return tuple(_Level(rules, lead, 0) for file, lead in found if file and (rules := self._read(file)) is not None)

    def _read(self, file: str) -> GitRules | None:
        """The rules of a file; like Git, not through a link in the work tree."""
        try:
            if os.path.basename(file) == NAME and os.path.islink(file):
                return None
            data = read_regular(file, _LARGEST)[0]
        except OSError:
            return None
        return read_rules(data.decode("utf-8", "surrogateescape"), self._ends) if data.strip() else None


def demand_shared(project: Project, paths: Iterable[str]) -> None:
    """Refuse to make pointers and pipeline files at paths that Git ignores and does not track: no clone would have them.

    Raises:
        UnsafePath: one is such a path.
    """
    hidden = GitIgnored(project).ignored(paths)
    if hidden and project.git is not None:
        hidden = [path for path in hidden if path not in project.git.tracked(hidden)]
    if hidden:
        hint = f"`git check-ignore -v {quoted(hidden[0])}` shows the line: change it, or choose another place"
        raise UnsafePath(f"`{printable(hidden[0])}` would be ignored by Git, so no clone would have it", hint)


def check_seen(project: Project, target: str) -> None:
    """Say of a target that is not known that Git ignores the file that it names; raises UnknownTarget."""
    file = target if os.path.lexists(os.path.join(project.cwd, target)) else target.rpartition(":")[0]
    if not project.dialect.is_machinery(os.path.basename(file)) or project.git is None:
        return
    path = project.relative(file)
    if os.path.isfile(project.abs(path)) and project.git.ignored([path]):
        hint = f"`git check-ignore -v {quoted(path)}` shows the line: change it, or run `git add -f {quoted(path)}`"
        raise UnknownTarget(f"`{printable(path)}` is ignored by Git, so dvx does not read it", hint)


def _decides(levels: Sequence[tuple[Sequence[GitRule], str]], name: str) -> bool:
    """Whether the first line that is about a file ignores it."""
    return next(
        (rule.excludes for rules, prefix in levels for rule in rules if rule.matches(prefix, name, is_folder=False)), False
    )
