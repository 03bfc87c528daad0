"""The lock that marks a stage as being worked on. Its command holds it too, so it stays until both have ended."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator

from dvx.errors import DvxError
from dvx.model.events import Notice, Tell
from dvx.model.kept import file_name
from dvx.model.pipelines.stage import Stage, is_url
from dvx.project import Project
from dvx.store import files, path_locks
from dvx.store.files.locking import claimed, is_claimed

_MARK = "stage-"
_NAME = re.compile(rf"{_MARK}[\w.@-]+", re.ASCII)


@contextlib.contextmanager
def working(project: Project, stage: Stage, tell: Tell, check: Callable[[], None], follow: Callable[[], None]) -> Iterator[int]:
    """Keep other processes from working on a stage; yields the descriptor that its command is to inherit.

    `check` and `follow` are called again and again while another process works on it: the first may raise, the second waits
    itself if it can do better than that.

    Raises:
        DvxError: this process is part of the stage's own command.
    """

    notices = [Notice(f"waiting for another process that works on `{stage.address}`")]

    def wait() -> None:
        check()
        refuse_inside(project, stage)
        follow()
        while notices:
            tell(notices.pop())

    with claimed(_place(project, stage), wait) as handle, _beside_dvc(project, stage, tell, check):
        yield handle


@contextlib.contextmanager
def _beside_dvc(project: Project, stage: Stage, tell: Tell, check: Callable[[], None]) -> Iterator[None]:
    """Where DVC may work too: keep it from what the stage reads and writes."""
    if not project.dialect.shares_locks:
        yield
        return
    read = [os.path.normpath(project.abs(dep)) for dep in stage.deps if not is_url(dep)]
    write = [os.path.normpath(project.abs(output.path)) for output in stage.all_outs if not is_url(output.path)]
    told: list[str] = []

    def wait(reason: str) -> None:
        if not told:
            told.append(reason)
            tell(Notice(f"waiting for DVC: {reason}"))
        check()

    with path_locks.paths(project.dvc_locks, f"dvx repro {stage.address}", read, write, wait):
        yield


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


def claims(project: Project) -> list[str]:
    """The stages that are worked on now, as their `file_name`."""
    folder = os.path.join(project.state, "locks")
    return [name.removeprefix(_MARK) for name in files.names_in(folder, _NAME) if is_claimed(os.path.join(folder, name))]


def refuse_inside(project: Project, stage: Stage) -> None:
    """Raises DvxError if this process is part of the command of the stage."""
    prefix, environ = project.dialect.environment_prefix, project.config.environ
    if (environ.get(f"{prefix}_ROOT"), environ.get(f"{prefix}_STAGE")) == (project.root, stage.address):
        hint = "take it out of the command, or let the stage depend on what it needs"
        raise DvxError(f"the command of the stage `{stage.address}` needs that stage itself", hint)


def _place(project: Project, stage: Stage) -> str:
    return os.path.join(project.state, "locks", f"{_MARK}{file_name(stage.address)}")
