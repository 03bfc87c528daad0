"""Worker: decides about one stage at a time, and does it."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Collection, Iterator

from msgspec.structs import replace

from dvx.errors import DvxError, StageFailed, quoted
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
from dvx.model.pointer import Pointer
from dvx.model.stage import Stage
from dvx.model.staleness import Action, Cause, Reason
from dvx.ops.add import add
from dvx.ops.attempt import Setting, Try, attempt
from dvx.ops.byproducts import Before
from dvx.ops.checkout import clear
from dvx.ops.decisions import Choice, Decider
from dvx.ops.detach import detach
from dvx.ops.in_git import InGit
from dvx.ops.index import Index
from dvx.ops.observation import Observer
from dvx.ops.pipelines import place_of
from dvx.ops.recording import locked_state, record_restored, record_run
from dvx.ops.repro_plan import ReproOptions, StageOutcome
from dvx.ops.repro_pull import pull_for
from dvx.ops.resources import Devices, check_resources
from dvx.ops.runcache import key_of
from dvx.ops.running import working
from dvx.ops.stage_checks import check_runnable
from dvx.project import Project


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
        self._in_git = InGit(project, index.stages.values())
        self._listener = tell
        self._observer = Observer(project, self._tell)
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
                return self._pointer(self._index.pointers[address])
            stage = self._index.stages[address]
            choice = self._decider.choose(stage, rerun)
            if choice.action is Action.SKIP or self._options.dry:
                return self._shown(stage, choice)
        return None

    def work(self, address: str, rerun: Collection[str]) -> StageOutcome:
        """Restore or run a stage; `rerun` as for `look`."""
        stage = self._index.stages[address]
        self._ask(stage)
        with working(self._project, stage, self._tell, self._setting.shell.check) as handle, self._turn:
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
        key = key_of(stage, before)
        number, seconds = self._attempts(stage, key, choice, handle)
        self._observer.forget()
        state = replace(before, deps=directories.settle(before.deps, self._tell))
        recorder = self._setting.recorder
        recorder.note(Fact.STAGE_OUTPUTS_STAGED, stage.address, {"attempt": number})
        commit, ignored = not self._options.no_commit, self._in_git.ignored
        self._done(stage, *record_run(self._project, stage, state, self._tell, commit=commit, ignored=ignored))
        recorder.note(Fact.STAGE_COMPLETED, stage.address, {"attempt": number, "seconds": round(seconds, 3)})
        self._tell(StageEnded(stage.address, seconds))
        return seconds

    def _attempts(self, stage: Stage, key: str, choice: Choice, handle: int) -> tuple[int, float]:
        """Run the command until it succeeds or is not to be tried again; returns the number of the attempt and its seconds.

        Each begins without the outputs of the one before, which go to the trash.
        """
        outs = [output.path for output in stage.outs if not output.persist]
        kept = [output.path for output in stage.outs if output.persist]
        gpus = int(stage.run.resources.get("gpu", 0))
        with self._devices.taken(gpus) as variables:
            setting = replace(self._setting, inherited=(handle,), environment={**self._setting.environment, **variables})
            for number in itertools.count(1):
                clear(self._project, outs, self._tell)
                detach(self._project, kept)
                shared = not self._setting.attended
                self._tell(StageStarted(stage.address, "\n".join(stage.lines), tuple(map(str, choice.reasons)), shared))
                passing = self._passing(stage)
                try:
                    with self._others_turn():
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

    def _passing(self, stage: Stage) -> Callable[[bytes], None]:
        shared = not self._setting.attended
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

    def _pointer(self, pointer: Pointer) -> StageOutcome:
        """Record data that changed, as DVC does; an import keeps what it has."""
        address = pointer.path
        if pointer.deps or pointer.frozen:
            return StageOutcome(address, Action.SKIP)
        changed = []
        for output, recorded in pointer.outs:
            now = self._observer.content(output.path, recorded.content)
            if now is not None and (recorded.content is None or now.digest != recorded.content.digest):
                changed.append(output.path)
        if not changed:
            return StageOutcome(address, Action.SKIP)
        reasons = tuple(Reason(Cause.OUT_MODIFIED, path) for path in changed)
        if not self._options.dry:
            if changed != [address.removesuffix(self._project.dialect.pointer_suffix)]:
                raise DvxError(f"the data of `{address}` changed", f"run `dvx commit {quoted(address)}` to record it")
            self._tell(Notice(f"`{changed[0]}` changed and is recorded in `{address}`"))
            self.for_git.update(add(self._project, [self._project.abs(changed[0])], self._tell).for_git)
        return StageOutcome(address, Action.RECORD, reasons)

    def _ask(self, stage: Stage) -> None:
        if self._options.confirm is not None and not self._options.confirm(stage.address):
            raise DvxError(f"stopped before the stage `{stage.address}`")

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
