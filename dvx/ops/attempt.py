"""One attempt to run a stage's command: in the journal before it starts, its output in a log."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping

from msgspec import Struct, field

from dvx.errors import StageFailed
from dvx.journal import Attempt, Journal, State
from dvx.model.canonical import json_sorted
from dvx.model.digest import digest_bytes
from dvx.model.stage import Stage
from dvx.project import Project
from dvx.shell import Ended, Job, Shell
from dvx.store import files

_KEPT_RUNS = 50
_TAIL_LINES = 20
_TAIL_BYTES = 1 << 14


class Setting(Struct, frozen=True):
    """What all attempts of one run share; `run` names it, `attended` ones may read the terminal.

    Commands get the descriptors `inherited`.
    """

    shell: Shell
    run: str
    environment: Mapping[str, str] = field(default_factory=dict)
    attended: bool = True
    inherited: tuple[int, ...] = ()


def new_run() -> str:
    """A name for a run, which sorts by time."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}"


def slug(address: str) -> str:
    """A file name that stands for a stage."""
    plain = re.sub(r"[^\w.@-]", "_", address, flags=re.ASCII)[:80]
    return plain if plain == address else f"{plain}-{digest_bytes(json_sorted(address).encode(), 'md5').hex[:8]}"


def attempt(project: Project, stage: Stage, key: str, setting: Setting, on_output: Callable[[bytes], None]) -> float:
    """Run a stage's commands; returns the wall time in seconds.

    Raises:
        StageFailed: a command did not exit with 0; the message holds the end of its output.
    """
    log = os.path.join(project.state, "logs", setting.run, f"{slug(stage.address)}.log")
    shown = os.path.relpath(log, project.root)
    _prune(os.path.join(project.state, "logs"))
    journal = Journal(os.path.join(project.state, "journal.db"), files.remove)
    files.make_folder(project.state)
    number = journal.start(Attempt(setting.run, stage.address, key, os.getpid(), shown))
    job = Job(stage.lines, project.abs(stage.workdir), _environment(project, stage, setting), setting.attended, setting.inherited)
    start = time.monotonic()
    try:
        with files.open_log(log) as writing:
            ended = setting.shell.run(job, writing, on_output)
    except BaseException:
        journal.end(number, State.INTERRUPTED, None)
        raise
    journal.end(number, State.FAILED if ended.code else State.DONE, ended.code)
    if ended.code:
        raise _failure(stage, ended, log, shown)
    return time.monotonic() - start


def _environment(project: Project, stage: Stage, setting: Setting) -> dict[str, str]:
    prefix = project.dialect.environment_prefix
    own = {f"{prefix}_ROOT": project.root, **project.config.environ, f"{prefix}_STAGE": stage.address}
    return {**own, **setting.environment}


def _failure(stage: Stage, ended: Ended, log: str, shown: str) -> StageFailed:
    message = f"the stage `{stage.address}` failed: `{ended.line}` exited with {ended.code}"
    with open(log, "rb") as reading:
        reading.seek(max(0, os.fstat(reading.fileno()).st_size - _TAIL_BYTES))
        tail = reading.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    return StageFailed("\n".join([message, *(f"  | {line}" for line in tail)]), ended.code, f"its output is in `{shown}`")


def _prune(folder: str) -> None:
    """Let the logs of the oldest runs go."""
    try:
        runs = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    for run in runs[:-_KEPT_RUNS]:
        files.remove_tree(os.path.join(folder, run))
