"""What Git says of the outputs of stages, asked once for all of them: a question costs more than the rest of a short stage."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from dvx.model.pipelines.stage import Stage
from dvx.project import Project


class InGit:
    """Asks when the first answer is needed."""

    def __init__(self, project: Project, stages: Iterable[Stage]) -> None:
        self._git = project.git
        self._paths = [output.path for stage in stages for output in stage.outs if output.cached]

    @cached_property
    def tracked(self) -> frozenset[str]:
        """Cached outputs that Git tracks."""
        return frozenset(self._git.tracked(self._paths) if self._git is not None and self._paths else ())

    @cached_property
    def ignored(self) -> frozenset[str]:
        """Cached outputs that Git ignores, by any of its rules."""
        return frozenset(self._git.ignored(self._paths) if self._git is not None and self._paths else ())
