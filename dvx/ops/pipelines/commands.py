"""Commands: runs the command of a stage as often as it is to be tried, or takes up one that a killed dvx left."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from dvx.errors import StageFailed
from dvx.model.events import Notice, StageOutput, StageRetrying, StageStarted, Tell
from dvx.model.pipelines.run_history import Fact
from dvx.model.pipelines.stage import Stage
from dvx.model.pipelines.staleness import Reason
from dvx.ops.pipelines.attempts import RunSetting, Try, attempt, follow
from dvx.ops.pipelines.leases import Leases
from dvx.ops.pipelines.snapshot_worktree import SnapshotWorktree
from dvx.ops.stages.leftovers import adopt, find_leftover
from dvx.ops.workspace.checkout import clear
from dvx.ops.workspace.detach import detach
from dvx.project import Project

_WAIT_SECONDS = 0.2


class Commands:
    """Runs commands, some at once; others have their `turn` meanwhile. With `fresh`, nothing that was left is taken up."""

    def __init__(self, project: Project, setting: RunSetting, leases: Leases, tell: Tell, *, fresh: bool) -> None:
        self.turn = threading.Lock()
        self._project = project
        self._setting = setting
        self._leases = leases
        self._tell = tell
        self._fresh = fresh
        self._followed: set[str] = set()

    def run(self, stage: Stage, this: Try, reasons: tuple[Reason, ...], setting: RunSetting) -> tuple[int, float]:
        """Number and seconds of an attempt that succeeded: one that was left, or one that is made now."""
        return self.left(stage, this.key, lambda: this.inputs, setting.room) or self._attempts(stage, this, reasons, setting)

    def follow(self, stage: Stage) -> None:
        """If a command of the stage outlived its dvx, take its place until the command ends."""
        left = find_leftover(self._project, stage)
        if left is None or not left.runs:
            return
        self._followed.add(stage.address)
        since = f"its command, process {left.trace.process}, outlived the run {left.about.run}"
        shared = not self._setting.attended
        self._tell(StageStarted(stage.address, "\n".join(stage.lines), (since,), shared))
        if cut := follow(self._project, stage, left, self._setting, self._passing(stage, shared)):
            self._tell(Notice(f"the command of `{stage.address}` was stopped: it {cut}"))

    def left(
        self, stage: Stage, key: str, inputs: Callable[[], str], room: SnapshotWorktree | None = None
    ) -> tuple[int, float] | None:
        """Number and seconds of an attempt whose outputs a killed dvx could not record, if they are what is wanted now."""
        # a stage that always runs has not run since it was asked to, unless it was still at it
        fresh = self._fresh or (stage.always and stage.address not in self._followed)
        left = None if fresh else adopt(self._project, stage, key, inputs, room.made if room else self._project.abs)
        if left is None:
            return None
        known = {"attempt": left.about.number, "key": key, "log": left.about.log, "run": left.about.run}
        self._setting.recorder.note(Fact.STAGE_ADOPTED, stage.address, known)
        self._tell(Notice(f"`{stage.address}` was done, but not recorded, in the run {left.about.run}, which was killed"))
        if room is not None:
            room.collect()
        return left.about.number, left.seconds

    def _attempts(self, stage: Stage, this: Try, reasons: tuple[Reason, ...], setting: RunSetting) -> tuple[int, float]:
        """Run the command until it succeeds or is not to be tried again; returns the number of the attempt and its seconds.

        Each begins without the outputs of the one before, which go to the trash.
        """
        outs = [output.path for output in stage.outs if not output.persist]
        kept = [output.path for output in stage.outs if output.persist]
        with self._leases.taken(stage.run.resources, self._waiting(stage)) as lease:
            environment = {**setting.environment, **lease.variables}
            setting = replace(setting, environment=environment, inherited=(*setting.inherited, *lease.inherited))
            if setting.room is not None:
                with self.others_turn():
                    setting.room.open()
            for number in itertools.count(1):
                if setting.room is not None:
                    setting.room.begin()
                clear(self._project, outs, self._tell)
                detach(self._project, kept)
                shared = not setting.attended
                # an item's command is that of its stage, which was shown
                command = "\n".join(stage.lines) if reasons else ""
                self._tell(StageStarted(stage.address, command, tuple(reason.told for reason in reasons), shared))
                passing = self._passing(stage, shared)
                try:
                    return number, self._attempt(stage, replace(this, number=number), setting, passing)
                except StageFailed as error:
                    # what it wrote ends here
                    passing(b"")
                    self._after_failure(stage, number, error)
        raise AssertionError

    def _waiting(self, stage: Stage) -> Callable[[str], None]:
        """Waits a little for what others on this machine have taken, and says so once."""
        told: list[str] = []

        def wait(name: str) -> None:
            if not told:
                told.append(name)
                self._tell(Notice(f"`{stage.address}` waits for `{name}`, which other runs on this machine have taken"))
            with self.others_turn():
                self._setting.shell.wait(_WAIT_SECONDS)

        return wait

    def _attempt(self, stage: Stage, this: Try, setting: RunSetting, passing: Callable[[bytes], None]) -> float:
        try:
            with self.others_turn():
                return attempt(self._project, stage, this, setting, passing)
        finally:
            if setting.room is not None:
                setting.room.collect()

    def _after_failure(self, stage: Stage, number: int, error: StageFailed) -> None:
        """Wait for the next attempt, or give up."""
        pause = stage.run.retry.pause(number, error.code)
        if pause is None:
            raise error
        self._setting.recorder.note(Fact.STAGE_RETRY_SCHEDULED, stage.address, {"attempt": number, "pause": pause})
        self._tell(StageRetrying(stage.address, number, stage.run.retry.maximum_attempts, pause, error.message))
        with self.others_turn():
            self._setting.shell.wait(pause)

    def _passing(self, stage: Stage, shared: bool) -> Callable[[bytes], None]:
        return lambda data: self._tell(StageOutput(stage.address, data, shared=shared))

    @contextlib.contextmanager
    def others_turn(self) -> Iterator[None]:
        """Let others have their turn until the block ends."""
        self.turn.release()
        try:
            yield
        finally:
            self.turn.acquire()
