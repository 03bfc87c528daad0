"""What a command did beside making its outputs: to its own dependencies, and in the folders where it works.

A lock that names a dependency as it was before the run is true: outputs came from that. If it changed meanwhile, the stage
runs again. Only byte code that Python leaves in a source folder is no change to speak of.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from dvx.model.events import Notice, Tell, silent
from dvx.model.paths import join, overlap, parent, printable
from dvx.model.pointer import Recorded
from dvx.model.stage import Stage, is_url
from dvx.model.tree import Tree, diff_trees
from dvx.ops.index import Index
from dvx.ops.track import look
from dvx.project import Project

_BYTE_CODE = "__pycache__"
_MANY = 2_000
_SHOWN = 3


class Before:
    """The directories that a stage depends on, as they are when this is made."""

    def __init__(self, project: Project, stage: Stage) -> None:
        self._project = project
        self._stage = stage
        self._trees: dict[str, Tree] = {}
        for dep in (dep for dep in stage.deps if not is_url(dep)):
            seen = look(project, stage.place(dep), silent, project.algorithm)
            if seen and seen.tree:
                self._trees[dep] = seen.tree

    def settle(self, deps: Mapping[str, Recorded], tell: Tell) -> dict[str, Recorded]:
        """The dependencies to record, given what they were before the run."""
        return {dep: self._settled(recorded, tell) for dep, recorded in deps.items()}

    def _settled(self, before: Recorded, tell: Tell) -> Recorded:
        if is_url(before.path):
            return before
        now = look(self._project, self._stage.place(before.path), tell, self._project.algorithm)
        if now and before.content and now.content.digest == before.content.digest:
            return before
        tree = self._trees.get(before.path)
        if now and tree and now.tree and _only_byte_code(tree, now.tree):
            return Recorded(before.path, now.content)
        hint = "what was recorded is its state before the run, so the stage will run again"
        tell(Notice(f"`{printable(before.path)}` changed while the stage `{self._stage.address}` ran", hint))
        return before


class Beside:
    """The names in the folders where a stage works, as they are when this is made. Nothing else may run meanwhile."""

    def __init__(self, project: Project, index: Index, stage: Stage) -> None:
        self._project = project
        self._index = index
        self._stage = stage
        folders = {stage.workdir, *(parent(output.path) for output in stage.outs)}
        self._before = {folder: self._names(folder) for folder in sorted(folders)}

    def tell(self, tell: Tell) -> None:
        """Say what is new there, and neither declared by anyone nor ignored by Git."""
        strays = []
        for folder, before in self._before.items():
            if before is not None:
                strays += [path for path in sorted((self._names(folder) or set()) - before) if not self._is_known(path)]
        if strays and self._project.git is not None:
            ignored = self._project.git.ignored(strays)
            strays = [path for path in strays if path not in ignored]
        if strays:
            shown = ", ".join(f"`{printable(path)}`" for path in strays[:_SHOWN]) + (", ..." if len(strays) > _SHOWN else "")
            hint = f"list it under `outs` in `{self._stage.file}`, or let Git ignore it"
            tell(Notice(f"the stage `{self._stage.address}` also wrote {shown}, which is none of its outputs", hint))

    def _names(self, folder: str) -> set[str] | None:
        """The paths in a folder; None if there are so many that to look would cost more than it tells."""
        found: set[str] = set()
        try:
            with os.scandir(self._project.abs(folder)) as entries:
                for entry in entries:
                    found.add(join(folder, entry.name))
                    if len(found) > _MANY:
                        return None
        except OSError:
            pass
        return found

    def _is_known(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        dialect = self._project.dialect
        own = name == _BYTE_CODE or name in (dialect.lock, dialect.folder, ".gitignore", ".git")
        return own or any(overlap(path, tracked.output.path) for tracked in self._index.tracked)


def _only_byte_code(before: Tree, now: Tree) -> bool:
    changed = diff_trees(before, now)
    return all(_BYTE_CODE in path.split("/") for path in (*changed.added, *changed.deleted, *changed.modified))
