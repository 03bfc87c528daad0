"""Decider: what must happen to a stage, and why."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import Corrupted, MissingData, UnsafePath, quoted
from dvx.model.events import Notice, Tell
from dvx.model.imports.dataset import is_dataset
from dvx.model.paths import printable
from dvx.model.pipelines.evidence import evidence
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.stage import Stage
from dvx.model.pipelines.staleness import ABSENT_CAUSES, OUTPUT_CAUSES, Action, Cause, Reason, exact, loose, reasons_to_run
from dvx.model.tracked.pointer import Recorded
from dvx.model.tree import Content, Tree, tree_content
from dvx.ops.stages.observation import Observer
from dvx.ops.stages.repro_plan import ReproOptions
from dvx.ops.stages.runcache import find_runs
from dvx.ops.tracked.index import Index, Tracked
from dvx.project import Project


class StageChoice(Struct, frozen=True):
    """What to do with a stage; `state` is what to restore, or what was seen."""

    action: Action
    reasons: tuple[Reason, ...]
    state: StageState


class Decider:
    """Compares what is recorded with what `observer` sees; nothing is changed but a broken run-cache entry."""

    def __init__(self, project: Project, index: Index, options: ReproOptions, observer: Observer, tell: Tell) -> None:
        self._project = project
        self._index = index
        self._options = options
        self._observer = observer
        self._tell = tell
        self._locked: dict[str, StageState | None] = {}

    def record(self, stage: Stage, state: StageState | None) -> None:
        """From now on this is what the lock says of the stage."""
        self._locked[stage.address] = state

    def state(self, stage: Stage) -> StageState | None:
        """What the lock says of a stage."""
        return self._locked[stage.address] if stage.address in self._locked else self._index.state(stage)

    def choose(self, stage: Stage, rerun: Collection[str] = ()) -> StageChoice:
        """Whether to skip, restore, run or merely record a stage; `rerun` are stages that force it to run."""
        locked = self.state(stage)
        seen = self._seen(stage, locked)
        if self._options.force and not stage.frozen:
            return StageChoice(Action.RUN, (Reason(Cause.FORCED),), seen)
        same = exact if self._project.dialect.exact_params else loose
        reasons = reasons_to_run(stage, locked, seen, self._observer.missing(stage, locked), same)
        if self._options.allow_missing:
            reasons = tuple(reason for reason in reasons if reason.cause not in ABSENT_CAUSES)
        if not stage.frozen:
            reasons += tuple(Reason(Cause.UPSTREAM, address) for address in rerun)
        if not reasons:
            return StageChoice(Action.SKIP, (), seen)
        state = None if rerun else self._restorable(stage, locked, reasons)
        if state is not None:
            return StageChoice(Action.RESTORE, reasons, state)
        if stage.frozen:
            return StageChoice(Action.RECORD, reasons, locked or seen)
        return StageChoice(Action.RUN, reasons, seen)

    def present(self, stage: Stage, state: StageState) -> dict[str, Content]:
        """Outputs that hold in the workspace what `state` says."""
        found = {}
        for output in stage.outs:
            recorded = state.outs.get(output.path)
            content = recorded.content if recorded else None
            if content is not None:
                seen = self._observer.content(output.path, content)
                if seen is not None and seen.digest == content.digest:
                    found[output.path] = content
        return found

    def _seen(self, stage: Stage, locked: StageState | None) -> StageState:
        seen = self._observer.state(stage, locked)
        if not self._options.allow_missing:
            return seen
        return replace(seen, deps={dep: self._expected(entry, locked) for dep, entry in seen.deps.items()})

    def _expected(self, seen: Recorded, locked: StageState | None) -> Recorded:
        """An absent dependency is what its producer recorded, or what it was when the stage ran."""
        if evidence(seen) or is_dataset(seen.path):
            return seen
        before = (locked.deps.get(seen.path) if locked else None) or seen
        producer = self._index.owner_of(seen.path)
        made = self._made(producer) if producer else None
        if producer is None or made is None:
            return before
        if producer.output.path == seen.path:
            return made
        try:
            return self._inside(seen.path, made, before.content) or before
        except (MissingData, Corrupted, UnsafePath):
            text = f"it is not known whether `{printable(seen.path)}` changed"
            why = f"the cache has no list of the files of `{printable(made.path)}`"
            self._tell(Notice(f"{text}: {why}", f"run `dvx fetch {quoted(made.path)}`"))
            return before

    def _made(self, tracked: Tracked) -> Recorded | None:
        """What an output holds by the last word of its stage."""
        stage = self._index.stages.get(tracked.owner)
        state = self.state(stage) if stage else None
        recorded = (state.outs.get(tracked.output.path) if state else None) or tracked.recorded
        return recorded if recorded and recorded.content else None

    def _inside(self, path: str, made: Recorded, before: Content | None) -> Recorded | None:
        """What a path inside an output holds by what is recorded of that; None if it is not in there."""
        if made.content is None or not made.content.digest.is_tree:
            return None
        tree = self._project.cache.read_tree(made.content.digest)
        inner, start = path[len(made.path) + 1 :], len(path) - len(made.path)
        if inner in tree.by_path:
            entry = tree.by_path[inner]
            return Recorded(path, Content(entry.digest, entry.size, executable=entry.executable))
        entries = tuple(replace(entry, path=entry.path[start:]) for entry in tree.below(inner))
        empty = tuple(folder[start:] for folder in tree.empty_folders if folder.startswith(f"{inner}/"))
        algorithm = before.digest.algorithm if before else self._project.algorithm
        found = tree_content(Tree(entries, empty), self._project.dialect, algorithm)[0]
        return Recorded(path, found) if entries or empty else None

    def _restorable(self, stage: Stage, locked: StageState | None, reasons: tuple[Reason, ...]) -> StageState | None:
        """Recorded outputs that belong to what is there now, and can be had without running."""
        outside = {output.path for output in stage.outside}
        if locked is not None and all(one.cause in OUTPUT_CAUSES and one.subject not in outside for one in reasons):
            outs = [locked.outs.get(output.path) for output in stage.outs]
            known = {recorded.path: recorded for recorded in outs if recorded and recorded.content}
            edited = {reason.subject for reason in reasons if reason.cause is Cause.OUT_MODIFIED}
            # what the user did to an output that stays is what its command goes on with
            kept = edited and (stage.frozen or any(output.persist and output.path in edited for output in stage.outs))
            state = replace(locked, outs=known)
            if len(known) == len(outs) and not kept and self._obtainable(stage, state):
                return state
        if self._options.no_run_cache or stage.frozen:
            return None
        seen = self._observer.state(stage)
        found = (replace(seen, outs=run.outs) for run in find_runs(self._project, stage, seen, self._tell))
        return next((state for state in found if self._obtainable(stage, state)), None)

    def _obtainable(self, stage: Stage, state: StageState) -> bool:
        present = self.present(stage, state)
        for path, recorded in state.outs.items():
            content = recorded.content
            if content is None or not (self._observer.in_cache(content) or self._storable(content, present=path in present)):
                return False
        return True

    def _storable(self, content: Content, *, present: bool) -> bool:
        # what is stored gets the name of today's hash, which is not the one that an older lock asks for
        return present and content.digest.algorithm == self._project.algorithm
