"""The run-cache: what came out of earlier runs, found by what went in."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

from dvx.errors import DvxError
from dvx.formats import dump_yaml, load_yaml
from dvx.model.events import Notice, Tell
from dvx.model.pipelines.lock import StageState, decode_state, encode_state
from dvx.model.pipelines.runcache import is_recordable, is_restorable, is_run_name, outdated, run_key, run_value
from dvx.model.pipelines.stage import Stage
from dvx.project import Project
from dvx.store import files


def key_of(stage: Stage, state: StageState) -> str:
    """The key of a stage about to run, whose outputs may not exist yet."""
    written = sorted(stage.written[output.path] for output in stage.outs)
    return run_key({**encode_state(state, stage), "outs": [{"path": text} for text in written]})


def save_run(project: Project, stage: Stage, state: StageState) -> None:
    """Keep a finished run, if runs of this stage can be kept; all it names is in the cache already."""
    if not is_recordable(stage):
        return
    entry = encode_state(state, stage)
    key = run_key(entry)
    place = project.cache.kept(f"runs/{key[:2]}/{key}/{run_value(entry)}")
    if not os.path.exists(place):
        files.write_atomic(place, dump_yaml(entry).encode())
        return
    with contextlib.suppress(OSError):  # in a shared cache it may be somebody else's
        files.touch(place)


def outdated_runs(project: Project) -> tuple[str, ...]:
    """The names of the entries in the cache that are to go."""
    found: list[tuple[str, int, float]] = []
    for folder, _, names in files.walk_folders(project.cache.runs):
        inside = os.path.relpath(folder, project.cache.root).replace(os.sep, "/")
        for name in names:
            if is_run_name(f"{inside}/{name}"):
                with contextlib.suppress(FileNotFoundError):
                    status = os.lstat(os.path.join(folder, name))
                    found.append((f"{inside}/{name}", status.st_size, status.st_mtime))
    return tuple(outdated(found, time.time()))


def remove_runs(project: Project, names: Iterable[str]) -> None:
    """Remove entries from the cache."""
    for name in names:
        files.remove(project.cache.kept(name))


def find_runs(project: Project, stage: Stage, seen: StageState, tell: Tell) -> Iterator[StageState]:
    """Earlier runs with the same command, dependencies and parameters, the newest first; broken ones are removed."""
    if not is_restorable(stage):
        return
    key = key_of(stage, seen)
    folder = os.path.dirname(project.cache.kept(f"runs/{key[:2]}/{key}/"))
    for name in _newest_first(folder):
        place = os.path.join(folder, name)
        state = _read(project, stage, place, name)
        if state is None:
            files.remove(place)
            tell(Notice(f"a broken run of `{stage.address}` was removed from the run-cache"))
        else:
            yield state


class LatestRuns:
    """The `limit` latest runs of all stages, found once; of each only the outputs are remembered."""

    def __init__(self, project: Project, limit: int) -> None:
        self._project = project
        self._limit = limit
        self._places: dict[frozenset[str], list[tuple[str, str]]] | None = None

    def of(self, stage: Stage) -> Iterator[StageState]:
        """Those that made the outputs of a stage, whatever went in, the newest first."""
        if self._places is None:
            self._places = self._found()
        for place, name in self._places.get(frozenset(stage.written[output.path] for output in stage.outs), ()):
            state = _read(self._project, stage, place, name)
            if state is not None:
                yield state

    def _found(self) -> dict[frozenset[str], list[tuple[str, str]]]:
        found: list[tuple[int, str, str]] = []
        for folder, _, names in files.walk_folders(self._project.cache.runs):
            places = ((name, os.path.join(folder, name)) for name in names if len(name) == 64)
            found += [(os.lstat(place).st_mtime_ns, place, name) for name, place in places]
        by_outs: dict[frozenset[str], list[tuple[str, str]]] = {}
        for _, place, name in sorted(found, reverse=True)[: self._limit]:
            with contextlib.suppress(DvxError):
                entry = _load(place)
                rows = entry.get("outs") if isinstance(entry, dict) else None
                outs = (
                    frozenset(str(row.get("path")) for row in rows or () if isinstance(row, dict))
                    if isinstance(rows, list)
                    else frozenset()
                )
                by_outs.setdefault(outs, []).append((place, name))
        return by_outs


def _newest_first(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            found = [(entry.stat(follow_symlinks=False).st_mtime_ns, entry.name) for entry in entries if len(entry.name) == 64]
    except FileNotFoundError:
        return []
    return [name for _, name in sorted(found, reverse=True)]


def _read(project: Project, stage: Stage, place: str, name: str) -> StageState | None:
    """A run, if the file is what its name says and is about this stage's outputs."""
    try:
        entry = _load(place)
        state = decode_state(entry, stage, project.dialect, ())
    except DvxError:
        return None
    outs = {output.path for output in stage.outs}
    whole = not state.outside and state.outs.keys() == outs and all(recorded.content for recorded in state.outs.values())
    return state if whole and run_value(entry) == name else None


def _load(place: str) -> Any:
    return load_yaml(files.read(place).decode("utf-8", "replace"), place)
