"""One attempt to run a stage's command: in the journal before it starts, its output in a log."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from msgspec import Struct, field

from dvx.errors import StageFailed
from dvx.model.kept import file_name
from dvx.model.pipelines.run_history import Fact
from dvx.model.pipelines.stage import Stage
from dvx.ops.pipelines.run_record import Recorder, logs_of
from dvx.ops.pipelines.snapshot_worktree import SnapshotWorktree
from dvx.ops.stages.leftovers import About, Leftover, begin_record, end_record
from dvx.ops.stages.worker_locks import home_of
from dvx.project import Project
from dvx.shell import Ended, Job, Shell
from dvx.store import files

_TAIL_LINES = 20
_TAIL_BYTES = 1 << 14
_BEAT_BYTES = 1 << 10


class RunSetting(Struct, frozen=True):
    """What all attempts of one run share; `attended` ones may read the terminal.

    Commands get the descriptors `inherited`, and work in the `room` of their stage if it has one.
    """

    shell: Shell
    recorder: Recorder
    environment: Mapping[str, str] = field(default_factory=dict)
    attended: bool = True
    inherited: tuple[int, ...] = ()
    room: SnapshotWorktree | None = None

    def root(self, project: Project) -> str:
        """The folder in which commands find the project."""
        return self.room.root if self.room else project.root


class Try(Struct, frozen=True):
    """Which attempt it is (1, 2...), the run-cache key of the run, and the fingerprint of what it reads."""

    number: int
    key: str
    inputs: str


def attempt(project: Project, stage: Stage, this: Try, setting: RunSetting, on_output: Callable[[bytes], None]) -> float:
    """Run a stage's commands; returns the wall time in seconds.

    Raises:
        StageFailed: a command did not exit with 0, or was stopped for a limit of time; the message holds the end of its output.
    """
    recorder = setting.recorder
    recorder.begin()
    suffix = "" if this.number == 1 else f".{this.number}"
    log = os.path.join(logs_of(project, recorder.run.ident), f"{file_name(stage.address)}{suffix}.log")
    # the same run may have tried before
    files.remove(log)
    shown = os.path.relpath(log, home_of(project).root)
    known = {"attempt": this.number}
    recorder.note(Fact.STAGE_STARTED, stage.address, {**known, "key": this.key, "log": shown})
    pulse = _Pulse(project, stage, lambda beat: recorder.note(Fact.STAGE_HEARTBEAT, stage.address, {**known, "beat": beat}))
    environ = {**_environment(project, stage, setting), **pulse.variables()}
    about = About(recorder.run.ident, this.number, this.key, shown, time.time(), this.inputs, recorder.run.worker)
    trace = begin_record(project, stage, about)
    start = time.monotonic()
    try:
        with files.open_log(log) as writing:
            job = Job(
                stage.lines,
                os.path.join(setting.root(project), stage.workdir),
                environ,
                writing,
                trace,
                setting.attended,
                setting.inherited,
                stage.run.shell,
                pulse.overdue if pulse.limited else None,
            )
            ended = setting.shell.run(job, on_output)
    except BaseException:
        recorder.note(Fact.STAGE_FAILED, stage.address, {**known, "interrupted": True})
        end_record(project, stage)
        raise
    if ended.cut:
        recorder.note(Fact.STAGE_TIMED_OUT, stage.address, {**known, "reason": ended.cut})
    if ended.code or ended.cut:
        recorder.note(Fact.STAGE_FAILED, stage.address, {**known, "code": ended.code})
        end_record(project, stage)
        raise _failure(stage, ended, log, shown)
    pulse.close()
    return time.monotonic() - start


def follow(project: Project, stage: Stage, left: Leftover, setting: RunSetting, on_output: Callable[[bytes], None]) -> str:
    """Wait for the commands of an attempt that outlived their dvx, and pass on all they write.

    Returns why they were stopped for a limit of time, if they were.
    """
    pulse = _Pulse(project, stage, lambda _: None, time.time() - left.about.began)
    with files.open_log(os.path.join(home_of(project).root, left.about.log)) as log:
        return setting.shell.follow(left.trace, log, on_output, pulse.overdue if pulse.limited else None)


class _Pulse:
    """The limits of time of an attempt, and the file by whose changes a command says that it is alive.

    What an earlier attempt wrote there last, in this run or one that failed, is given to the next. `age` is for how many
    seconds the attempt has been running; one of 0 begins now.
    """

    def __init__(self, project: Project, stage: Stage, on_beat: Callable[[str], None], age: float = 0.0) -> None:
        self._stage = stage
        self._file = os.path.join(project.state, "heartbeats", file_name(stage.address))
        self._on_beat = on_beat
        self._heard = time.monotonic()
        self._start = self._heard - age
        self._changed = 0
        self._last = ""
        if stage.run.heartbeat:
            self._last = self._read()
            if not age:
                files.write_atomic(self._file, b"")
            self._changed = self._mtime()

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return bool(self._stage.run.timeout or self._stage.run.heartbeat)

    def variables(self) -> dict[str, str]:
        """What the command is told."""
        if not self._stage.run.heartbeat:
            return {}
        last = {"DVX_LAST_HEARTBEAT": self._last} if self._last else {}
        return {"DVX_HEARTBEAT_FILE": self._file, **last}

    def overdue(self) -> str:
        """Why the command is to be stopped; empty if it is not."""
        now = time.monotonic()
        timeout, heartbeat = self._stage.run.timeout, self._stage.run.heartbeat
        if timeout and now - self._start > timeout:
            return f"took longer than its `timeout` of {timeout:g} s"
        if heartbeat:
            changed = self._mtime()
            if changed != self._changed:
                self._changed, self._heard = changed, now
                if (beat := self._read()) != self._last:
                    self._last = beat
                    self._on_beat(beat)
            elif now - self._heard > heartbeat:
                return f"gave no sign of life for its `heartbeat` of {heartbeat:g} s"
        return ""

    def close(self) -> None:
        """The stage is done: nothing is left to go on with."""
        if self._stage.run.heartbeat:
            files.remove(self._file)

    def _mtime(self) -> int:
        try:
            return os.stat(self._file).st_mtime_ns
        except OSError:
            return 0

    def _read(self) -> str:
        try:
            with open(self._file, "rb") as reading:
                return reading.read(_BEAT_BYTES).replace(b"\0", b"").decode("utf-8", "replace").strip()
        except OSError:
            return ""


def _environment(project: Project, stage: Stage, setting: RunSetting) -> dict[str, str]:
    prefix = project.dialect.environment_prefix
    own = {f"{prefix}_ROOT": setting.root(project), **project.config.environ, f"{prefix}_STAGE": stage.address}
    return {**own, **setting.environment, **stage.run.env}


def _failure(stage: Stage, ended: Ended, log: str, shown: str) -> StageFailed:
    how = ended.cut or f"exited with {ended.code}"
    message = f"the stage `{stage.address}` failed: `{ended.line}` {how}"
    # a log may be lost; opened like this, it is there
    with files.open_log(log) as reading:
        reading.seek(max(0, os.fstat(reading.fileno()).st_size - _TAIL_BYTES))
        tail = reading.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    # a command that was stopped has no code of its own to decide by
    code = 0 if ended.cut else ended.code
    text = "\n".join([message, *(f"  | {line}" for line in tail)])
    return StageFailed(text, code, f"its output is in `{shown}`", may_pass=code not in stage.run.retry.non_retryable_exit_codes)
