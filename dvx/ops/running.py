"""The lock that marks a stage as being worked on. Its command holds it too, so it stays until both have ended."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

from dvx.errors import DvxError
from dvx.model.events import Notice, Tell
from dvx.model.stage import Stage
from dvx.ops.attempt import slug
from dvx.project import Project
from dvx.store.files.locking import claimed


@contextlib.contextmanager
def working(project: Project, stage: Stage, waiting: Callable[[], None]) -> Iterator[int]:
    """Keep other processes from working on a stage; yields the descriptor that its command is to inherit.

    `waiting` is called again and again while another process works on it.

    Raises:
        DvxError: this process is part of the stage's own command.
    """

    def wait() -> None:
        if _is_inside(project, stage):
            hint = "take it out of the command, or let the stage depend on what it needs"
            raise DvxError(f"the command of the stage `{stage.address}` needs that stage itself", hint)
        waiting()

    with claimed(_place(project, stage), wait) as handle:
        yield handle


@contextlib.contextmanager
def recording(project: Project, stage: Stage, tell: Tell) -> Iterator[None]:
    """Keep other processes from recording a stage or working on it, for a short while.

    Raises:
        DvxError: the stage is running.
    """

    def refuse() -> None:
        hint = "let it end, or stop it, and run this again"
        raise DvxError(f"the stage `{stage.address}` is running, and its outputs may be half-written", hint)

    notice = Notice(f"waiting for another process that records `{stage.address}`")
    with project.lock(f"stage {stage.address}", lambda: tell(notice)), claimed(_place(project, stage), refuse):
        yield


def _place(project: Project, stage: Stage) -> str:
    return os.path.join(project.state, "locks", f"stage-{slug(stage.address)}")


def _is_inside(project: Project, stage: Stage) -> bool:
    prefix, environ = project.dialect.environment_prefix, project.config.environ
    return (environ.get(f"{prefix}_ROOT"), environ.get(f"{prefix}_STAGE")) == (project.root, stage.address)
