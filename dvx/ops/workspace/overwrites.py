"""Sparing: what changed between the plan of a checkout and its execution goes to the trash, and is not overwritten."""

from __future__ import annotations

import os

from dvx.model.events import Notice, Tell
from dvx.model.paths import printable
from dvx.model.tree import Entry
from dvx.model.upkeep.undo_facts import Placed
from dvx.model.workspace.checkout import CheckoutPlan
from dvx.ops.workspace.detach import to_trash
from dvx.ops.workspace.links import is_unedited
from dvx.ops.workspace.observe import Seen
from dvx.project import Project
from dvx.store.scan import is_stale


def note_placed(project: Project, path: str, seen: Seen | None) -> None:
    """Write down what a path holds before it is replaced, so that `undo` can bring it back."""
    if seen is None:
        project.undo.places(Placed(path, None))
        return
    # what a `gc` leaves need not be kept twice
    kept = seen.tree is None or project.cache.claim(seen.content.digest) or project.cache.has(seen.content.digest)
    project.undo.places(Placed(path, seen.content, b"" if kept else seen.encoded))


class Sparing:
    """To be asked right before a file of `plan` is replaced or deleted."""

    def __init__(self, project: Project, plan: CheckoutPlan, tell: Tell) -> None:
        self._project = project
        self._tell = tell
        self._new = {entry.path for entry in plan.create}
        self._old = {entry.path: entry.digest for entry in plan.replace} | dict(plan.suspects)
        self.spared: list[str] = []

    def look(self, path: str) -> None:
        """Move the file to the trash unless it is what the plan saw, and the cache keeps that."""
        place = self._project.abs(path)
        if not os.path.lexists(place) or is_stale(place) or (os.path.isdir(place) and not os.path.islink(place)):
            return
        if path not in self._new and is_unedited(self._project, Entry(path, self._old[path])):
            # nothing need name it; so that no `gc` takes the last copy soon, it counts as new
            self._project.cache.claim(self._old[path])
            if self._project.cache.has(self._old[path]):
                return
        to_trash(self._project, path)
        self.spared.append(path)

    def finish(self) -> None:
        """Tell what was spared."""
        if self.spared:
            self._project.trash.settle()
            shown = ", ".join(f"`{printable(path)}`" for path in self.spared[:5]) + (", ..." if len(self.spared) > 5 else "")
            self._tell(Notice(f"changed meanwhile, and in the trash now: {shown}", "`dvx undo` brings it back"))
