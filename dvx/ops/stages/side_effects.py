"""What a command did beside making its outputs: in the folders where it works."""

from __future__ import annotations

import os

from dvx.model.events import Notice, Tell
from dvx.model.paths import join, overlap, parent, printable
from dvx.model.pipelines.stage import Stage
from dvx.ops.tracked.index import Index
from dvx.project import Project

_BYTE_CODE = "__pycache__"
_MANY = 2_000
_SHOWN = 3


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
