"""What a command did to its own dependencies while it ran.

A lock that names a dependency as it was before the run is true: outputs came from that. If it changed meanwhile, the stage
runs again. Only byte code that Python leaves in a source folder is no change to speak of.
"""

from __future__ import annotations

from collections.abc import Mapping

from dvx.model.events import Notice, Tell, silent
from dvx.model.paths import printable
from dvx.model.pointer import Recorded
from dvx.model.stage import Stage
from dvx.model.tree import Tree, diff_trees
from dvx.ops.track import look
from dvx.project import Project

_BYTE_CODE = "__pycache__"


class Before:
    """The directories that a stage depends on, as they are when this is made."""

    def __init__(self, project: Project, stage: Stage) -> None:
        self._project = project
        self._stage = stage
        self._trees: dict[str, Tree] = {}
        for dep in stage.deps:
            seen = look(project, stage.place(dep), silent, project.algorithm)
            if seen and seen.tree:
                self._trees[dep] = seen.tree

    def settle(self, deps: Mapping[str, Recorded], tell: Tell) -> dict[str, Recorded]:
        """The dependencies to record, given what they were before the run."""
        return {dep: self._settled(recorded, tell) for dep, recorded in deps.items()}

    def _settled(self, before: Recorded, tell: Tell) -> Recorded:
        now = look(self._project, self._stage.place(before.path), tell, self._project.algorithm)
        if now and before.content and now.content.digest == before.content.digest:
            return before
        tree = self._trees.get(before.path)
        if now and tree and now.tree and _only_byte_code(tree, now.tree):
            return Recorded(before.path, now.content)
        hint = "what was recorded is its state before the run, so the stage will run again"
        tell(Notice(f"`{printable(before.path)}` changed while the stage `{self._stage.address}` ran", hint))
        return before


def _only_byte_code(before: Tree, now: Tree) -> bool:
    changed = diff_trees(before, now)
    return all(_BYTE_CODE in path.split("/") for path in (*changed.added, *changed.deleted, *changed.modified))
