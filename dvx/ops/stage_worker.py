"""Worker: decides about one stage at a time, and does it."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dvx.errors import DvxError, StageFailed
from dvx.model.events import (
    Event,
    Notice,
    StageEnded,
    StageOutput,
    StageRestored,
    StageRetrying,
    StageSkipped,
    StageStarted,
    Tell,
)
from dvx.model.history import Fact
from dvx.model.lock import StageState
from dvx.model.stage import Stage
from dvx.model.staleness import Action
from dvx.ops.attempt import Setting, Try, attempt, follow
from dvx.ops.byproducts import Before, Beside
from dvx.ops.checkout import clear
from dvx.ops.decisions import Choice, Decider
from dvx.ops.detach import detach
from dvx.ops.in_git import InGit
from dvx.ops.index import Index
from dvx.ops.leftovers import end_trace, find_leftover, is_whole
from dvx.ops.observation import Observer
from dvx.ops.pipelines import place_of
from dvx.ops.recording import keep_run, locked_state, record_restored, record_run
from dvx.ops.repro_data import record_data
from dvx.ops.repro_plan import ReproOptions, StageOutcome
from dvx.ops.repro_pull import pull_for
from dvx.ops.resources import Devices, check_resources
from dvx.ops.runcache import key_of
from dvx.ops.running import working
from dvx.ops.stage_checks import check_runnable
from dvx.project import Project

if TYPE_CHECKING:
    from dvx.ops.map_run import Piece


class Worker:
    """Works on stages of `index`, in several threads if need be: `_turn` is held but for waiting and for commands."""

    def __init__(
        self, project: Project, index: Index, options: ReproOptions, setting: Setting, devices: Devices, tell: Tell
    ) -> None:
        self._project = project
        self._index = index
        self._options = options
        self._setting = setting
        self._devices = devices
        # stages are counted by who starts them, items of stages are not
        self._slots = threading.BoundedSemaphore(setting.jobs)
        self._in_git = InGit(project, index.stages.values())
        self._listener = tell
        self._observer = Observer(project, index.datasets, self._tell)
        self._decider = Decider(project, index, options, self._observer, self._tell)
        self._turn = threading.Lock()
        self._telling = threading.Lock()
        self.for_git: set[str] = set()

    def preload(self, addresses: Collection[str]) -> None:
        """Look at everything at once, for the stages that turn out to be unchanged."""
        stages = [self._index.stages[address] for address in addresses if address in self._index.stages]
        self._observer.preload([(stage, self._decider.state(stage)) for stage in stages])

    def look(self, address: str, rerun: Collection[str]) -> StageOutcome | None:
        """Deal with what needs little time: pointers, and stages of which nothing changed. None for the others.

        `rerun` are stages that ran and force this one to.
        """
        with self._turn:
            if address in self._index.pointers:
                pointer = self._index.pointers[address]
                outcome, changed = record_data(self._project, pointer, self._observer, self._tell, dry=self._options.dry)
                self.for_git.update(changed)
                return outcome
            stage = self._index.stages[address]
            choice = self._decider.choose(stage, rerun)
            if choice.action is Action.SKIP or self._options.dry:
                return self._shown(stage, choice)
        return None

    def work(self, address: str, rerun: Collection[str]) -> StageOutcome:
        """Restore or run a stage; `rerun` as for `look`."""
        stage = self._index.stages[address]
        self._ask(stage)
        check = self._setting.shell.check
        with working(self._project, stage, self._tell, check, lambda: self._follow(stage)) as handle, self._turn:
            # until the stage was ours, another process may have worked on it
            self._observer.forget()
            self._decider.record(stage, locked_state(self._project, stage))
            choice = self._decider.choose(stage, rerun)
            if self._options.pull and choice.action is Action.RUN and pull_for(self._project, stage, choice, self._tell):
                self._observer.forget()
                choice = self._decider.choose(stage, rerun)
            return self._act(stage, choice, handle)

    def _act(self, stage: Stage, choice: Choice, handle: int) -> StageOutcome:
        if choice.action is Action.SKIP:
            self._setting.recorder.note(Fact.STAGE_ADOPTED, stage.address)
            self._tell(StageSkipped(stage.address))
            return StageOutcome(stage.address, Action.SKIP)
        seconds = 0.0
        if choice.action is Action.RUN:
            with self._placed(stage):
                seconds = self._run(stage, choice, handle)
        elif choice.action is Action.RESTORE:
            present = self._decider.present(stage, choice.state)
            self._setting.recorder.note(Fact.STAGE_RESTORED, stage.address)
            self._done(stage, *record_restored(self._project, stage, choice.state, present, self._tell))
            self._tell(StageRestored(stage.address))
        else:
            self._done(stage, *record_run(self._project, stage, choice.state, self._tell, commit=not self._options.no_commit))
        return StageOutcome(stage.address, choice.action, choice.reasons, seconds)

    def _run(self, stage: Stage, choice: Choice, handle: int) -> float:
        before = self._observer.state(stage)
        check_runnable(self._project, self._index, stage, before, self._in_git)
        check_resources(stage, self._devices.limits)
        directories = Before(self._project, stage)
        beside = Beside(self._project, self._index, stage) if self._setting.attended else None
        key = key_of(stage, before)
        if stage.map is not None:
            number, seconds = self._items(stage, before, choice, handle)
        else:
            setting = replace(self._setting, inherited=(handle,))
            number, seconds = self._left(stage, key) or self._attempts(stage, key, choice, setting)
        self._observer.forget()
        state = replace(before, deps=directories.settle(before.deps, self._tell))
        if beside is not None:
            beside.tell(self._tell)
        recorder = self._setting.recorder
        recorder.note(Fact.STAGE_OUTPUTS_STAGED, stage.address, {"attempt": number})
        commit, ignored = not self._options.no_commit, self._in_git.ignored
        self._done(stage, *record_run(self._project, stage, state, self._tell, commit=commit, ignored=ignored))
        end_trace(self._project, stage)
        recorder.note(Fact.STAGE_COMPLETED, stage.address, {"attempt": number, "seconds": round(seconds, 3)})
        self._tell(StageEnded(stage.address, seconds))
        return seconds

    def _follow(self, stage: Stage) -> None:
        """If a command of the stage outlived its dvx, take its place until the command ends."""
        left = find_leftover(self._project, stage)
        if left is None or not left.runs:
            return
        since = f"its command, process {left.trace.process}, outlived the run {left.about.run}"
        shared = not self._setting.attended
        self._tell(StageStarted(stage.address, "\n".join(stage.lines), (since,), shared))
        if cut := follow(self._project, stage, left, self._setting, self._passing(stage, shared)):
            self._tell(Notice(f"the command of `{stage.address}` was stopped: it {cut}"))

    def _left(self, stage: Stage, key: str) -> tuple[int, float] | None:
        """Number and seconds of an attempt whose outputs a killed dvx could not record, if they are what is wanted now."""
        left = None if self._options.force else find_leftover(self._project, stage)
        if left is None or left.about.key != key or not is_whole(self._project, stage, left):
            return None
        known = {"attempt": left.about.number, "key": key, "log": left.about.log, "run": left.about.run}
        self._setting.recorder.note(Fact.STAGE_ADOPTED, stage.address, known)
        self._tell(Notice(f"`{stage.address}` was done, but not recorded, in the run {left.about.run}, which was killed"))
        return left.about.number, left.seconds

    def _items(self, stage: Stage, before: StageState, choice: Choice, handle: int) -> tuple[int, float]:
        """Run the items of a stage that are not known; one after the other if they need something that there may be one of."""
        from dvx.ops.map_run import prepare_items, run_items

        begin = time.monotonic()
        recorder, options = self._setting.recorder, self._options
        recorder.note(Fact.STAGE_STARTED, stage.address, {"attempt": 1})
        shared = not self._setting.attended
        self._tell(StageStarted(stage.address, "\n".join(stage.lines), tuple(map(str, choice.reasons)), shared))
        try:
            fresh = options.force or options.no_run_cache
            pieces = prepare_items(self._project, stage, before, self._decider.state(stage), self._tell, fresh=fresh)
            jobs = 1 if stage.run.resources else self._setting.jobs
            with self._others_turn():
                work = partial(self._item, handle, jobs > 1)
                run_items(pieces, jobs, work, self._setting.shell, keep_going=options.keep_going)
        except BaseException as error:
            recorder.note(Fact.STAGE_FAILED, stage.address, {"attempt": 1, "interrupted": not isinstance(error, DvxError)})
            raise
        return 1, time.monotonic() - begin

    def _item(self, handle: int, shared: bool, piece: Piece) -> None:
        self._setting.shell.check()
        stage = piece.stage
        environment = {**self._setting.environment, **piece.variables}
        setting = replace(self._setting, environment=environment, attended=self._setting.attended and not shared)
        with self._turn:
            key = key_of(stage, piece.state)
            choice = Choice(Action.RUN, (), piece.state)
            found = self._left(stage, key) or self._attempts(stage, key, choice, replace(setting, inherited=(handle,)))
            stored = [] if self._options.no_commit else [piece.item.out]
            keep_run(self._project, stage, piece.state, stored, self._tell)
            end_trace(self._project, stage)
            known = {"attempt": found[0], "seconds": round(found[1], 3)}
            self._setting.recorder.note(Fact.STAGE_COMPLETED, stage.address, known)
            self._tell(StageEnded(stage.address, found[1]))

    def _attempts(self, stage: Stage, key: str, choice: Choice, setting: Setting) -> tuple[int, float]:
        """Run the command until it succeeds or is not to be tried again; returns the number of the attempt and its seconds.

        Each begins without the outputs of the one before, which go to the trash.
        """
        outs = [output.path for output in stage.outs if not output.persist]
        kept = [output.path for output in stage.outs if output.persist]
        gpus = int(stage.run.resources.get("gpu", 0))
        with self._devices.taken(gpus) as variables:
            setting = replace(setting, environment={**setting.environment, **variables})
            for number in itertools.count(1):
                clear(self._project, outs, self._tell)
                detach(self._project, kept)
                shared = not setting.attended
                # an item's command is that of its stage, which was shown
                command = "\n".join(stage.lines) if choice.reasons else ""
                self._tell(StageStarted(stage.address, command, tuple(map(str, choice.reasons)), shared))
                passing = self._passing(stage, shared)
                try:
                    with self._others_turn(), self._slots:
                        return number, attempt(self._project, stage, Try(number, key), setting, passing)
                except StageFailed as error:
                    # what it wrote ends here
                    passing(b"")
                    self._after_failure(stage, number, error)
        raise AssertionError

    def _after_failure(self, stage: Stage, number: int, error: StageFailed) -> None:
        """Wait for the next attempt, or give up."""
        pause = stage.run.retry.pause(number, error.code)
        if pause is None:
            raise error
        self._setting.recorder.note(Fact.STAGE_RETRY_SCHEDULED, stage.address, {"attempt": number, "pause": pause})
        self._tell(StageRetrying(stage.address, number, stage.run.retry.maximum_attempts, pause, error.message))
        with self._others_turn():
            self._setting.shell.wait(pause)

    def _passing(self, stage: Stage, shared: bool) -> Callable[[bytes], None]:
        return lambda data: self._tell(StageOutput(stage.address, data, shared=shared))

    def _shown(self, stage: Stage, choice: Choice) -> StageOutcome:
        """Tell what is decided, without doing it."""
        if choice.action is Action.SKIP:
            self._setting.recorder.skip(stage.address)
            self._tell(StageSkipped(stage.address))
        elif choice.action is Action.RESTORE:
            self._tell(StageRestored(stage.address))
            self._observer.assume({path: recorded.content for path, recorded in choice.state.outs.items()})
        elif choice.action is Action.RUN:
            self._tell(StageStarted(stage.address, "\n".join(stage.lines), tuple(map(str, choice.reasons))))
        return StageOutcome(stage.address, choice.action, choice.reasons)

    def _done(self, stage: Stage, state: StageState, changed: Collection[str]) -> None:
        self._decider.record(stage, state)
        self._observer.forget()
        self.for_git.update(changed)

    def _ask(self, stage: Stage) -> None:
        if self._options.confirm is not None and not self._options.confirm(stage.address):
            raise DvxError(f"stopped before the stage `{stage.address}`", "run the same command again to go on from there")

    @contextlib.contextmanager
    def _placed(self, stage: Stage) -> Iterator[None]:
        """Say of an error where its stage stands, which is where to mend it."""
        try:
            yield
        except DvxError as error:
            error.place = error.place or place_of(self._project, stage)
            raise

    @contextlib.contextmanager
    def _others_turn(self) -> Iterator[None]:
        self._turn.release()
        try:
            yield
        finally:
            self._turn.acquire()

    def _tell(self, event: Event) -> None:
        with self._telling:
            self._listener(event)
