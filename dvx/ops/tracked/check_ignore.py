"""check-ignore: which paths dvx leaves alone, and the rule that says so."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from msgspec import Struct

from dvx.ops.tracked.ignore import BUILT_IN, Ignore
from dvx.project import Project


class IgnoreVerdict(Struct, frozen=True):
    """A path as it was typed, whether it is left alone, and the rules that match it as `FILE:LINE:PATTERN`, the last deciding."""

    target: str
    ignored: bool
    rules: tuple[str, ...]


def check_ignore(project: Project, targets: Iterable[str]) -> Iterator[IgnoreVerdict]:
    """The verdict on each path, which need not exist. What lies outside of the repository is matched by no rule."""
    ignore = Ignore(project)
    for target in targets:
        yield _judge(project, ignore, target)


def _judge(project: Project, ignore: Ignore, target: str) -> IgnoreVerdict:
    path = os.path.relpath(os.path.normpath(os.path.join(project.cwd, target)), project.root).replace(os.sep, "/")
    if path in (".", "..") or path.startswith("../"):
        return IgnoreVerdict(target, False, ())
    parts = path.split("/")
    for count in range(1, len(parts) + 1):
        above = "/".join(parts[:count])
        is_folder = count < len(parts) or target.endswith("/") or os.path.isdir(project.abs(above))
        rules = _rules(ignore, above, is_folder)
        # below a folder that is left alone, no rule counts any more
        if ignore.skip(above, is_folder):
            return IgnoreVerdict(target, True, rules)
    return IgnoreVerdict(target, False, rules)


def _rules(ignore: Ignore, path: str, is_folder: bool) -> tuple[str, ...]:
    name = path.rpartition("/")[2]
    if name in BUILT_IN:
        return (f":{name}" if name == ".git" else f":{name}/",)
    if is_folder and ignore.is_project(path):
        return (f"in sub_repo:{path}",)
    return tuple(str(rule) for rule in ignore.patterns(path, is_folder))
