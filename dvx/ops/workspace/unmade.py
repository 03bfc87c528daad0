"""Outputs that no run of their stage has made: nothing can bring them back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from dvx.errors import MissingData, quoted
from dvx.model.paths import printable
from dvx.ops.tracked.index import Selected
from dvx.project import Project


def find_unmade(project: Project, chosen: Iterable[Selected]) -> dict[str, str]:
    """Outputs of which nothing is recorded, and that are not in the workspace either, with the address of their stage."""
    outs = [one.tracked for one in chosen if one.tracked.owner != one.tracked.file and one.tracked.output.cached]
    unknown = [one for one in outs if one.recorded is None or one.recorded.content is None]
    return {one.output.path: one.owner for one in unknown if not os.path.lexists(project.abs(one.output.path))}


def demand_made(unmade: Mapping[str, str]) -> None:
    """Refuse to call done what could not be restored; raises MissingData."""
    for path, stage in unmade.items():
        raise MissingData(
            f"`{printable(path)}` was never made: the stage `{stage}` has not run", f"run `dvx repro {quoted(stage)}`"
        )
