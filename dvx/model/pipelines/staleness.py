"""Cause, Reason, Action: must a stage run, and why.

As in DVC, a dependency, parameter or output that was taken out of a pipeline file is no reason to run: what is left still
describes the run that was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from enum import Enum
from typing import Any

from msgspec import Struct

from dvx.model.canonical import json_sorted
from dvx.model.digest import Digest
from dvx.model.imports.dataset import KEY, is_dataset, lock_of
from dvx.model.pipelines.evidence import evidence
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.stage import Stage


class Cause(Enum):
    """Why a stage runs. The value is how people say it, before the subject."""

    FORCED = "forced"
    NEVER_RAN = "never ran"
    ALWAYS = "always changed"
    COMMAND = "changed command"
    ENVIRONMENT = "changed variable"
    UPSTREAM = "changed upstream"
    DEP_NEW = "new dependency"
    DEP_MODIFIED = "modified dependency"
    DEP_DELETED = "deleted dependency"
    DEP_UNSYNCED = "unsynced dependency"
    PARAM_NEW = "new parameter"
    PARAM_MODIFIED = "modified parameter"
    PARAM_DELETED = "deleted parameter"
    OUT_NEW = "new output"
    OUT_MODIFIED = "modified output"
    OUT_DELETED = "deleted output"
    OUT_NOT_CACHED = "output not in cache"


OUTPUT_CAUSES = frozenset({Cause.OUT_NEW, Cause.OUT_MODIFIED, Cause.OUT_DELETED, Cause.OUT_NOT_CACHED})
ABSENT_CAUSES = frozenset({Cause.OUT_DELETED, Cause.OUT_NOT_CACHED, Cause.DEP_DELETED})

_PARAM_CAUSES = frozenset({Cause.PARAM_NEW, Cause.PARAM_MODIFIED, Cause.PARAM_DELETED})
INPUT_CAUSES = _PARAM_CAUSES | {Cause.COMMAND, Cause.DEP_NEW, Cause.DEP_MODIFIED, Cause.DEP_DELETED}


class Leaf(Struct, frozen=True):
    """A single value of a parameter that changed; `old` and `new` are JSON, empty where there is none."""

    key: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.key}: {self.old or '(nothing)'} -> {self.new or '(nothing)'}"


class Reason(Struct, frozen=True):
    """One cause; `subject` is a path, a parameter as `file:key`, a stage, or empty. `leaves` are what changed in a parameter."""

    cause: Cause
    subject: str = ""
    leaves: tuple[Leaf, ...] = ()

    def __str__(self) -> str:
        return f"{self.cause.value} `{self.subject}`" if self.subject else self.cause.value

    @property
    def told(self) -> str:
        """The reason in words, to the single value of a parameter."""
        if not self.leaves:
            return str(self)
        file = self.subject.partition(":")[0]
        shown = [f"`{file}:{leaf.key}`: {_short(leaf.old)} -> {_short(leaf.new)}" for leaf in self.leaves[:_MOST_LEAVES]]
        if len(self.leaves) > _MOST_LEAVES:
            shown.append(f"and {len(self.leaves) - _MOST_LEAVES} more")
        return f"{self.cause.value} {', '.join(shown)}"


_MOST_LEAVES = 3
_LONGEST = 40


def _short(text: str) -> str:
    return text if 0 < len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..." if text else "(nothing)"


class Action(Enum):
    """What happens to a stage. RECORD takes what is there as it is: data that people edit, outputs of a frozen stage."""

    SKIP = "skip"
    RESTORE = "restore"
    RUN = "run"
    RECORD = "record"


Same = Callable[[Any, Any], bool]


def reasons_to_run(
    stage: Stage, locked: StageState | None, seen: StageState, missing: Collection[Digest], same: Same
) -> tuple[Reason, ...]:
    """Why `stage` must run; empty when what is recorded still holds.

    `missing` are objects of recorded outputs that the cache lacks; `same` compares values of parameters. The command and
    dependencies of a frozen stage are not looked at.
    """
    if locked is None:
        return (Reason(Cause.NEVER_RAN),)
    return changes(stage, locked, seen, missing, same)


def changes(
    stage: Stage, locked: StageState | None, seen: StageState, missing: Collection[Digest], same: Same
) -> tuple[Reason, ...]:
    """Like `reasons_to_run`, but each part of a stage that never ran is named too."""
    found = [Reason(Cause.ALWAYS)] if stage.never_fresh and not stage.frozen else []
    recorded = locked if locked is not None else StageState(stage.command)
    if not stage.frozen:
        if recorded.command != seen.command:
            found.append(Reason(Cause.COMMAND))
        found.extend(_env_changes(recorded, seen))
        found.extend(_dep_changes(stage, recorded, seen))
        found.extend(_param_changes(stage, recorded, seen, same))
    found.extend(_output_changes(stage, recorded, seen, missing))
    return tuple(found)


def exact(one: Any, other: Any) -> bool:
    """Whether two parameters are equal in kind and value: `1`, `1.0` and `true` are three values."""
    return json_sorted(one) == json_sorted(other)


def loose(one: Any, other: Any) -> bool:
    """Whether DVC holds two parameters for equal: `1`, `1.0` and `true` are one value."""
    return bool(one == other) or exact(one, other)


def _env_changes(locked: StageState, seen: StageState) -> Iterator[Reason]:
    for name in dict.fromkeys([*seen.env, *locked.env]):
        if locked.env.get(name) != seen.env.get(name):
            yield Reason(Cause.ENVIRONMENT, name)


def _dep_changes(stage: Stage, locked: StageState, seen: StageState) -> Iterator[Reason]:
    for path in stage.deps:
        if is_dataset(path):
            yield from _dataset_changes(path, locked, seen)
            continue
        before, now = evidence(locked.deps.get(path)), evidence(seen.deps.get(path))
        if not now:
            yield Reason(Cause.DEP_DELETED, path)
        elif not before:
            yield Reason(Cause.DEP_NEW if path not in locked.deps else Cause.DEP_MODIFIED, path)
        elif before != now:
            yield Reason(Cause.DEP_MODIFIED, path)


def _dataset_changes(path: str, locked: StageState, seen: StageState) -> Iterator[Reason]:
    before, now = (lock_of(state.deps[path].extras.get(KEY)) if path in state.deps else {} for state in (locked, seen))
    if not now:
        yield Reason(Cause.DEP_UNSYNCED, path)
    elif not before:
        yield Reason(Cause.DEP_NEW, path)
    elif before != now:
        yield Reason(Cause.DEP_MODIFIED, path)


def _param_changes(stage: Stage, locked: StageState, seen: StageState, same: Same) -> Iterator[Reason]:
    for tracked in stage.params:
        before, now = locked.params.get(tracked.path, {}), seen.params.get(tracked.path, {})
        if tracked.keys is None and tracked.path not in seen.params:
            yield Reason(Cause.PARAM_DELETED, tracked.path)
            continue
        if tracked.keys is None and tracked.path not in locked.params:
            yield Reason(Cause.PARAM_NEW, tracked.path)
            continue
        for key in dict.fromkeys([*now, *before]) if tracked.keys is None else tracked.keys:
            subject = f"{tracked.path}:{key}"
            if key not in now:
                yield Reason(Cause.PARAM_DELETED, subject)
            elif key not in before:
                yield Reason(Cause.PARAM_NEW, subject)
            elif not same(before[key], now[key]):
                yield Reason(Cause.PARAM_MODIFIED, subject, tuple(_leaves(key, (before[key],), (now[key],), same)))


def _leaves(key: str, old: tuple[Any, ...], new: tuple[Any, ...], same: Same) -> Iterator[Leaf]:
    """What differs in two values; an empty tuple is none."""
    if old and new and isinstance(old[0], dict) and isinstance(new[0], dict):
        for name in dict.fromkeys([*new[0], *old[0]]):
            before, now = ((values[name],) if name in values else () for values in (old[0], new[0]))
            yield from _leaves(f"{key}.{name}", before, now, same)
    elif not (old and new and same(old[0], new[0])):
        yield Leaf(key, *(json_sorted(value[0]) if value else "" for value in (old, new)))


def _output_changes(stage: Stage, locked: StageState, seen: StageState, missing: Collection[Digest]) -> Iterator[Reason]:
    recorded, found = {**locked.outs, **locked.outside}, {**seen.outs, **seen.outside}
    for output in stage.all_outs:
        entry = recorded.get(output.path)
        before, now = evidence(entry), evidence(found.get(output.path))
        if entry is not None and entry.content is not None and output.cached and entry.content.digest in missing:
            yield Reason(Cause.OUT_NOT_CACHED, output.path)
        elif not now:
            yield Reason(Cause.OUT_DELETED, output.path)
        elif not before:
            yield Reason(Cause.OUT_NEW, output.path)
        elif before != now:
            yield Reason(Cause.OUT_MODIFIED, output.path)
