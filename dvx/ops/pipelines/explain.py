"""explain: why a stage must run, or why no earlier run could be taken, to the single file, parameter and word."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from dvx.errors import DvxError
from dvx.model.canonical import json_sorted
from dvx.model.digest import Digest
from dvx.model.events import Tell, silent
from dvx.model.imports.dataset import KEY, file_changes, is_dataset, lock_of, summary
from dvx.model.paths import join, parent
from dvx.model.pipelines.evidence import evidence
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.runcache import is_restorable
from dvx.model.pipelines.stage import Stage
from dvx.model.pipelines.staleness import OUTPUT_CAUSES, Action, Cause, Reason, changes, exact, loose
from dvx.model.tracked.pointer import Recorded
from dvx.model.tree import Content, Tree, diff_trees
from dvx.ops.pipelines.code_changes import line_changes
from dvx.ops.pipelines.decisions import Decider
from dvx.ops.stages.observation import Observer
from dvx.ops.stages.repro_plan import ReproOptions, active_graph, choose
from dvx.ops.stages.runcache import LatestRuns
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.past import Past
from dvx.ops.workspace.observe import look
from dvx.project import Project

_MOST_RUNS = 5_000
_MOST_FILES = 20


class ReasonDetail(Struct, frozen=True):
    """One reason, with what was recorded and what is there now, as texts; empty where there is nothing.

    `details` are lines about parts: the files of a folder (`+`, `-`, `~` and the path), the words of a command. `known_from` is
    the experiment or commit that recorded the old one first.
    """

    reason: Reason
    old: str = ""
    new: str = ""
    details: tuple[str, ...] = ()
    known_from: str = ""


class Explanation(Struct, frozen=True):
    """What `repro` would do with a stage, and why. `nearest_run` says in what the most similar earlier run differs, where runs
    of the stage are kept; None if no run with these outputs is known.
    """

    stage: str
    action: Action
    differences: tuple[ReasonDetail, ...]
    keeps_runs: bool = False
    nearest_run: tuple[ReasonDetail, ...] | None = None


def explain(project: Project, options: ReproOptions, tell: Tell = silent) -> tuple[Explanation, ...]:
    """Explain the stages that `repro` would look at with these options.

    Raises:
        UnknownTarget: there is no such stage.
    """
    index = load_index(project)
    order = choose(project, index, active_graph(project, index), options)
    git = project.git
    with contextlib.ExitStack() as stack:
        past = None
        if git is not None and git.head() is not None:
            files = {path for stage in index.stages.values() for path in stage.deps}
            locks = dict.fromkeys(_lock_of(project, stage) for stage in index.stages.values())
            past = stack.enter_context(Past(project, git, files, locks))
        explainer = Explainer(project, index, options, past, tell)
        return tuple(explainer.explain(index.stages[address]) for address in order if address in index.stages)


def _lock_of(project: Project, stage: Stage) -> str:
    return join(parent(stage.file), project.dialect.lock)


class Explainer:
    """Explains decisions about stages of `index`; `past` is what Git knows, None without commits."""

    def __init__(self, project: Project, index: Index, options: ReproOptions, past: Past | None, tell: Tell = silent) -> None:
        self._project = project
        self._past = past
        self._lines: dict[tuple[str, Digest], list[str]] = {}
        self._runs = LatestRuns(project, _MOST_RUNS)
        self._tell = tell
        self._observer = Observer(project, index.datasets, tell)
        self._decider = Decider(project, index, options, self._observer, tell)
        self._same = exact if project.dialect.exact_params else loose

    def explain(self, stage: Stage) -> Explanation:
        """What is to be done with a stage now, and why."""
        choice, locked = self._decider.choose(stage), self._decider.state(stage)
        seen = self._observer.state(stage, locked)
        differences = tuple(self._difference(stage, reason, locked, seen, dated=True) for reason in choice.reasons)
        keeps = is_restorable(stage)
        nearest_run = None
        if choice.action is Action.RUN and keeps:
            nearest_run = self._nearest(stage)
        return Explanation(stage.address, choice.action, differences, keeps, nearest_run)

    def _difference(
        self, stage: Stage, reason: Reason, locked: StageState | None, seen: StageState, *, dated: bool
    ) -> ReasonDetail:
        cause, subject = reason.cause, reason.subject
        if locked is None or cause in (Cause.FORCED, Cause.NEVER_RAN, Cause.ALWAYS, Cause.UPSTREAM):
            return ReasonDetail(reason)
        if cause is Cause.COMMAND:
            old, new = _joined(locked.command), _joined(seen.command)
            return ReasonDetail(reason, old, new, tuple(_words(old, new)))
        if cause is Cause.ENVIRONMENT:
            return ReasonDetail(reason, locked.env.get(subject, ""), seen.env.get(subject, ""))
        if cause in (Cause.PARAM_NEW, Cause.PARAM_MODIFIED, Cause.PARAM_DELETED):
            file, _, key = subject.partition(":")
            before, now = (state.params.get(file, {}) for state in (locked, seen))
            if len(reason.leaves) > 1 or any(leaf.key != key for leaf in reason.leaves):
                return ReasonDetail(reason, details=tuple(_first(list(map(str, reason.leaves)))))
            return ReasonDetail(reason, _value(before, key), _value(now, key))
        olds, news = ({**one.outs, **one.outside} if cause in OUTPUT_CAUSES else one.deps for one in (locked, seen))
        old_entry, new_entry = olds.get(subject), news.get(subject)
        if is_dataset(subject):
            return _dataset_difference(reason, old_entry, new_entry)
        old_content = old_entry.content if old_entry else None
        new_content = new_entry.content if new_entry else None
        return ReasonDetail(
            reason,
            evidence(old_entry),
            evidence(new_entry),
            tuple(self._files(subject, old_content, new_content)),
            self._origin(stage, old_content) if dated and old_content else "",
        )

    def _files(self, path: str, old: Content | None, new: Content | None) -> Iterator[str]:
        """The files of a folder that changed, or the lines of a file that Git has."""
        if old is None or new is None:
            return
        if not old.digest.is_tree:
            key = path, old.digest
            if key not in self._lines:
                self._lines[key] = line_changes(self._project, self._past, *key) if self._past else []
            yield from _first(self._lines[key])
            return
        try:
            before = self._project.cache.read_tree(old.digest)
        except DvxError:
            return
        seen = look(self._project, path, self._tell, old.digest.algorithm)
        diff = diff_trees(before, seen.tree or Tree(()) if seen else Tree(()))
        groups = {"~": diff.modified, "+": diff.added, "-": diff.deleted}
        yield from _first([f"{sign} {path}/{name}" for sign, names in groups.items() for name in names])

    def _origin(self, stage: Stage, content: Content) -> str:
        """The experiment, or else the commit, that recorded a content first."""
        return self._past.origin(_lock_of(self._project, stage), content.digest.hex) if self._past else ""

    def _nearest(self, stage: Stage) -> tuple[ReasonDetail, ...] | None:
        """How the kept run that is most like the one to come differs from it."""
        now = self._observer.state(stage)
        best: tuple[tuple[Reason, ...], StageState] | None = None
        for state in self._runs.of(stage):
            found = changes(stage, state, now, (), self._same)
            differing = tuple(reason for reason in found if reason.cause not in OUTPUT_CAUSES)
            if best is None or len(differing) < len(best[0]):
                best = differing, state
        if best is None:
            return None
        return tuple(self._difference(stage, reason, best[1], now, dated=False) for reason in best[0])


def _dataset_difference(reason: Reason, before: Recorded | None, seen: Recorded | None) -> ReasonDetail:
    old, new = (lock_of(recorded.extras.get(KEY)) if recorded else {} for recorded in (before, seen))
    changed = file_changes(old, new) if old and new else ()
    lines = tuple(_first([f"{sign} {reason.subject}/{path}" for sign, path in changed]))
    return ReasonDetail(reason, summary(old), summary(new), lines)


def _first(lines: list[str]) -> Iterator[str]:
    yield from lines[:_MOST_FILES]
    if len(lines) > _MOST_FILES:
        yield f"and {len(lines) - _MOST_FILES} more"


def _joined(command: str | tuple[str, ...]) -> str:
    return command if isinstance(command, str) else "\n".join(command)


def _words(old: str, new: str) -> Iterator[str]:
    """The words that were taken out of a command and put into it."""
    before, after = old.split(), new.split()
    for tag, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            if i < j:
                yield f"- {' '.join(before[i:j])}"
            if k < m:
                yield f"+ {' '.join(after[k:m])}"


def _value(values: Any, key: str) -> str:
    return json_sorted(values[key]) if key in values else ""
