"""Worker: decides about one stage at a time, and does it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dvx.errors import DvxError
from dvx.model.events import (
    Event,
    Progress,
    StageEnded,
    StageRestored,
    StageSkipped,
    StageStarted,
    Tell,
)
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.run_history import Fact
from dvx.model.pipelines.stage import Stage
from dvx.model.pipelines.staleness import Action
from dvx.ops.pipelines.attempts import RunSetting, Try
from dvx.ops.pipelines.commands import Commands
from dvx.ops.pipelines.crew import Crew
from dvx.ops.pipelines.decisions import Decider, StageChoice
from dvx.ops.pipelines.leases import Leases
from dvx.ops.pipelines.repro_data import record_data
from dvx.ops.pipelines.repro_pull import pull_for
from dvx.ops.pipelines.resources import check_resources
from dvx.ops.pipelines.snapshot_worktree import SnapshotWorktree, snapshot_worktree
from dvx.ops.stages.checks import check_runnable, refuse_cached
from dvx.ops.stages.definitions import Definitions
from dvx.ops.stages.git_outputs import InGit
from dvx.ops.stages.inputs import Inputs
from dvx.ops.stages.leftovers import end_record
from dvx.ops.stages.observation import Observer
from dvx.ops.stages.recording import keep_run, record_restored, record_run, to_store
from dvx.ops.stages.repro_plan import ReproOptions, StageOutcome
from dvx.ops.stages.runcache import key_of
from dvx.ops.stages.running_lock import working
from dvx.ops.stages.side_effects import Beside
from dvx.ops.tracked.lock_files import locked_state
from dvx.ops.tracked.pipeline_files import placed
from dvx.project import Project

if TYPE_CHECKING:
    from dvx.ops.pipelines.map_run import Piece


class Worker:
    """Works on stages of `index`, in several threads if need be: `_turn` is held but for waiting and for commands."""

    def __init__(
        self,
        project: Project,
        definitions: Definitions,
        options: ReproOptions,
        setting: RunSetting,
        leases: Leases,
        crew: Crew,
        tell: Tell,
    ) -> None:
        self._project = project
        self._definitions = definitions
        self._index = index = definitions.index
        self._options = options
        self._setting = setting
        self._leases = leases
        self._crew = crew
        self._in_git = InGit(project, index.stages.values())
        self._listener = tell
        self._observer = Observer(project, index.datasets, self._tell)
        self._decider = Decider(project, index, options, self._observer, self._tell)
        self._telling = threading.Lock()
        self._commands = Commands(project, setting, leases, self._tell, fresh=options.force)
        self._turn = self._commands.turn
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
                outcome, changed = record_data(self._project, pointer, self._observer, self._options, self._tell)
                self.for_git.update(changed)
                return outcome
            stage = self._index.stages[address]
            if not stage.frozen:
                refuse_cached(stage)
            choice = self._decider.choose(stage, rerun)
            if choice.action is Action.SKIP or self._options.dry:
                return self._shown(stage, choice)
        return None

    def work(self, address: str, rerun: Collection[str]) -> StageOutcome:
        """Restore or run a stage; `rerun` as for `look`."""
        stage = self._index.stages[address]
        self._ask(stage)
        check = self._setting.shell.check
        with working(self._project, stage, self._tell, check, lambda: self._commands.follow(stage)) as handle, self._turn:
            # until the stage was ours, another process may have worked on it
            self._definitions.check(stage)
            self._observer.forget()
            self._decider.record(stage, locked_state(self._project, stage))
            choice = self._decider.choose(stage, rerun)
            if self._options.pull and choice.action in (Action.RUN, Action.RECORD):
                pull_for(self._project, self._index, stage, choice, self._observer, self._tell)
                choice = self._decider.choose(stage, rerun)
            return self._act(stage, choice, handle)

    def _act(self, stage: Stage, choice: StageChoice, handle: int) -> StageOutcome:
        if choice.action is Action.SKIP:
            end_record(self._project, stage)
            self._setting.recorder.note(Fact.STAGE_ADOPTED, stage.address)
            self._tell(StageSkipped(stage.address))
            return StageOutcome(stage.address, Action.SKIP)
        seconds, commit = 0.0, not self._options.no_commit
        if choice.action is Action.RUN:
            with placed(self._project, stage):
                seconds = self._run(stage, choice, handle)
        elif choice.action is Action.RESTORE:
            present = self._decider.present(stage, choice.state)
            self._setting.recorder.note(Fact.STAGE_RESTORED, stage.address)
            self._done(stage, *record_restored(self._project, stage, choice.state, present, self._tell, commit=commit))
            self._tell(StageRestored(stage.address))
        else:
            self._done(stage, *record_run(self._project, stage, choice.state, self._tell, commit=commit))
        return StageOutcome(stage.address, choice.action, choice.reasons, seconds)

    def _run(self, stage: Stage, choice: StageChoice, handle: int) -> float:
        before = self._observer.state(stage)
        check_runnable(self._project, self._index, stage, before, self._in_git)
        check_resources(stage, self._leases.limits)
        inputs = Inputs(self._project, stage, self._observer)
        beside = Beside(self._project, self._index, stage) if self._setting.attended else None
        key = key_of(stage, before)
        with snapshot_worktree(self._project, stage, before, inputs, self._tell) as room:
            if stage.map is not None:
                number, seconds = self._items(stage, before, choice, (handle, inputs))
            else:
                this, setting = Try(0, key, inputs.fingerprint(stage)), replace(self._setting, inherited=(handle,), room=room)
                number, seconds = self._commands.run(stage, this, choice.reasons, setting)
            self._observer.forget()
            state = self._settled(stage, before, room or inputs, number)
        if beside is not None:
            beside.tell(self._tell)
        recorder = self._setting.recorder
        recorder.note(Fact.STAGE_OUTPUTS_STAGED, stage.address, {"attempt": number})
        commit, ignored = not self._options.no_commit, self._in_git.ignored
        self._done(stage, *record_run(self._project, stage, state, self._tell, commit=commit, ignored=ignored))
        recorder.note(Fact.STAGE_COMPLETED, stage.address, {"attempt": number, "seconds": round(seconds, 3)})
        self._tell(StageEnded(stage.address, seconds))
        return seconds

    def _settled(self, stage: Stage, before: StageState, inputs: Inputs | SnapshotWorktree, number: int) -> StageState:
        """What to record of a stage whose attempt has ended.

        Raises:
            DvxError: what it read, its definition or the branch changed meanwhile.
        """
        try:
            self._definitions.check_branch(stage)
            state = inputs.settle(stage, before)
            if self._definitions.is_edited(stage):
                # what came out belongs to what ran: who takes the edit back finds it there
                keep_run(self._project, stage, state, [] if self._options.no_commit else to_store(stage), self._tell)
                raise self._definitions.edited(stage)
        except DvxError:
            self._setting.recorder.note(Fact.STAGE_FAILED, stage.address, {"attempt": number})
            end_record(self._project, stage)
            raise
        return state

    def _items(self, stage: Stage, before: StageState, choice: StageChoice, held: tuple[int, Inputs]) -> tuple[int, float]:
        """Run the items of a stage that are not known, each of which takes what the stage says."""
        from dvx.ops.pipelines.map_run import prepare_items

        begin = time.monotonic()
        recorder, options = self._setting.recorder, self._options
        recorder.note(Fact.STAGE_STARTED, stage.address, {"attempt": 1})
        shared = not self._setting.attended
        self._tell(StageStarted(stage.address, "\n".join(stage.lines), tuple(reason.told for reason in choice.reasons), shared))
        try:
            fresh = options.force or options.no_run_cache
            locked, left = self._decider.state(stage), partial(self._left_item, held[1])
            pieces = prepare_items(self._project, stage, (before, locked), left, self._tell, fresh=fresh)
            counter = itertools.count(1)

            def count() -> None:
                self._tell(Progress(f"running '{stage.address}'", next(counter), len(pieces), "items"))

            parts = {piece.stage.address: partial(self._item, held, piece, count) for piece in pieces}
            with self._commands.others_turn():
                self._crew.split(stage.address, parts, stage.run.resources, keep_going=options.keep_going)
        except BaseException as error:
            recorder.note(Fact.STAGE_FAILED, stage.address, {"attempt": 1, "interrupted": not isinstance(error, DvxError)})
            raise
        return 1, time.monotonic() - begin

    def _item(self, held: tuple[int, Inputs], piece: Piece, count: Callable[[], None]) -> None:
        stage, (handle, inputs) = piece.stage, held
        environment = {**self._setting.environment, **piece.variables}
        setting = replace(self._setting, environment=environment, attended=not self._crew.shared)
        with self._turn:
            this = Try(0, key_of(stage, piece.state), inputs.fingerprint(stage))
            found = self._commands.run(stage, this, (), replace(setting, inherited=(handle,)))
            self._keep_item(inputs, piece, found)
            count()

    def _left_item(self, inputs: Inputs, piece: Piece) -> StageState | None:
        """What a killed dvx left of an item, if that is what is wanted."""
        stage = piece.stage
        found = self._commands.left(stage, key_of(stage, piece.state), lambda: inputs.fingerprint(stage))
        return self._keep_item(inputs, piece, found) if found else None

    def _keep_item(self, inputs: Inputs, piece: Piece, found: tuple[int, float]) -> StageState:
        """Keep what an attempt at an item made; `found` are its number and seconds."""
        stage = piece.stage
        state = self._settled(stage, piece.state, inputs, found[0])
        state = keep_run(self._project, stage, state, [] if self._options.no_commit else [piece.item.out], self._tell)
        end_record(self._project, stage)
        known = {"attempt": found[0], "seconds": round(found[1], 3)}
        self._setting.recorder.note(Fact.STAGE_COMPLETED, stage.address, known)
        self._tell(StageEnded(stage.address, found[1]))
        return state

    def _shown(self, stage: Stage, choice: StageChoice) -> StageOutcome:
        """Tell what is decided, without doing it."""
        if choice.action is Action.SKIP:
            self._setting.recorder.skip(stage.address)
            self._tell(StageSkipped(stage.address))
        elif choice.action is Action.RESTORE:
            self._tell(StageRestored(stage.address))
            self._observer.assume({path: recorded.content for path, recorded in choice.state.outs.items()})
        elif choice.action is Action.RUN:
            self._tell(StageStarted(stage.address, "\n".join(stage.lines), tuple(reason.told for reason in choice.reasons)))
        return StageOutcome(stage.address, choice.action, choice.reasons)

    def _done(self, stage: Stage, state: StageState, changed: Collection[str]) -> None:
        self._decider.record(stage, state)
        self._observer.forget()
        self.for_git.update(changed)

    def _ask(self, stage: Stage) -> None:
        if self._options.confirm is not None and not self._options.confirm(stage.address):
            raise DvxError(f"stopped before the stage `{stage.address}`", "run the same command again to go on from there")

    def _tell(self, event: Event) -> None:
        with self._telling:
            self._listener(event)
