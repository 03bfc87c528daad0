"""Session: one run of the command line."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import TYPE_CHECKING

from msgspec import Struct, field

from dvx.config import find_root
from dvx.errors import UsageError
from dvx.model.dialect import NATIVE, Dialect, ExitCodes
from dvx.model.paths import printable

if TYPE_CHECKING:
    from dvx.project import Project
    from dvx.store.undo import UndoLog


class Session(Struct, dict=True):
    """One run of the command line: where the user stands, and what was opened for them.

    `spoken` is the dialect of the name that dvx was called by: it counts where there is no repository.
    """

    cwd: str
    spoken: Dialect = NATIVE
    command: str = ""
    projects: list[Project] = field(default_factory=list)
    logs: list[UndoLog] = field(default_factory=list)

    @property
    def exit_codes(self) -> ExitCodes:
        """Those of the dialect in which the user stands, whatever state the project is in."""
        return self.here()[1].exit_codes

    def here(self) -> tuple[str | None, Dialect]:
        """The root and dialect of the project that the user stands in; no root where there is none."""
        return find_root(self.cwd) or (None, self.spoken)

    def go_to(self, typed: str) -> None:
        """Stand in another folder."""
        folder = os.path.normpath(os.path.join(self.cwd, typed))
        if not os.path.isdir(folder):
            raise UsageError(f"`{printable(typed)}` is not a folder", "give `--cd` one that exists")
        self.cwd = folder

    def close(self) -> None:
        """Release what the projects hold."""
        for project in self.projects:
            project.close()
        for log in self.logs:
            log.close()


SESSION: ContextVar[Session] = ContextVar("session")
