"""Index: everything tracked at a source, and the choice of a part of it by targets."""

from __future__ import annotations

import contextlib
import fnmatch
import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct, field

from dvx.errors import Corrupted, DvxError, GitError, MissingData, UnknownTarget, UnsafePath, nearest
from dvx.formats import decoded
from dvx.model.paths import ancestors, parent, within
from dvx.model.tracked.pointer import Output, OutputKind, Pointer, Recorded
from dvx.ops.tracked.git_ignored import check_seen
from dvx.ops.tracked.pointer_text import read_pointer
from dvx.ops.tracked.sources import Source, Workspace
from dvx.ops.tracked.stage_names import stages_named
from dvx.project import Project

if TYPE_CHECKING:
    from dvx.model.imports.dataset import Dataset
    from dvx.model.pipelines.lock import Lock, StageState
    from dvx.model.pipelines.stage import Pipeline, Stage


Doubt = Callable[[str, DvxError], None]


class Tracked(Struct, frozen=True):
    """An output with what is recorded of it. `owner` is the pointer's path or the stage's address; `file` declares it."""

    output: Output
    recorded: Recorded | None
    owner: str
    file: str


class Selected(Struct, frozen=True):
    """A tracked output, or with `inner` one path inside a tracked directory."""

    tracked: Tracked
    inner: str = ""


class SelectOptions(Struct, frozen=True):
    """How targets are understood: upstream stages too, folders for all below them, patterns."""

    with_deps: bool = False
    recursive: bool = False
    glob: bool = False


class Index(Struct, frozen=True, dict=True):
    """All pointers, pipelines and locks of a source, by path."""

    pointers: Mapping[str, Pointer] = field(default_factory=dict)
    pipelines: Mapping[str, Pipeline] = field(default_factory=dict)
    locks: Mapping[str, Lock] = field(default_factory=dict)
    lock_name: str = ""

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """Stages by address."""
        return {stage.address: stage for pipeline in self.pipelines.values() for stage in pipeline.stages.values()}

    @cached_property
    def tracked(self) -> tuple[Tracked, ...]:
        """Outputs of pointers, then of stages, in the order of their files."""
        found = [
            Tracked(output, recorded, pointer.path, pointer.path)
            for pointer in self.pointers.values()
            for output, recorded in pointer.outs
        ]
        for stage in self.stages.values():
            state = self.state(stage)
            outs = state.outs if state else {}
            found += [Tracked(output, outs.get(output.path), stage.address, stage.file) for output in stage.outs]
        return tuple(found)

    @cached_property
    def by_path(self) -> dict[str, Tracked]:
        """Tracked outputs by path."""
        return {tracked.output.path: tracked for tracked in self.tracked}

    @cached_property
    def datasets(self) -> dict[str, Dataset]:
        """Datasets by name; of equal names the last counts, as in DVC."""
        from dvx.model.imports.dataset import Dataset

        found = {}
        for file, pipeline in self.pipelines.items():
            lock = self._lock(file)
            for spec in pipeline.datasets:
                found[spec["name"]] = Dataset(file, spec, lock.datasets.get(spec["name"], {}) if lock else {})
        return found

    def state(self, stage: Stage) -> StageState | None:
        """What the lock says of a stage."""
        lock = self._lock(stage.file)
        return lock.stages.get(stage.name) if lock else None

    def _lock(self, pipeline: str) -> Lock | None:
        folder = parent(pipeline)
        return self.locks.get(f"{folder}/{self.lock_name}" if folder else self.lock_name)

    @cached_property
    def by_stage(self) -> dict[str, list[Tracked]]:
        """Outputs of stages by their addresses, and by the groups of those that were generated."""
        return _grouped((word, one) for one in self.tracked if one.owner != one.file for word in _stage_names(one.owner))

    @cached_property
    def by_file(self) -> dict[str, list[Tracked]]:
        """Tracked outputs by the file that declares them, and by their own paths."""
        return _grouped((word, one) for one in self.tracked for word in {one.file, one.output.path})

    @cached_property
    def _at(self) -> dict[str, list[Tracked]]:
        return _grouped((one.output.path, one) for one in self.tracked)

    @cached_property
    def _ordered(self) -> list[Tracked]:
        return sorted(self.tracked, key=_path_of)

    def overlapping(self, path: str) -> list[Tracked]:
        """The tracked outputs that are `path`, hold it, or lie in it."""
        first, last = (bisect_left(self._ordered, path + end, key=_path_of) for end in ("/", "0"))
        above = [tracked for place in (path, *ancestors(path)) for tracked in self._at.get(place, ())]
        return [*above, *self._ordered[first:last]]

    def owner_of(self, path: str) -> Tracked | None:
        """The tracked output that is `path` or a folder that holds it."""
        while path:
            if path in self.by_path:
                return self.by_path[path]
            path = parent(path)
        return None


def files_of(index: Index, kind: OutputKind) -> tuple[str, ...]:
    """The metrics or plots files that stages or pipelines declare."""
    outputs = [tracked.output.path for tracked in index.tracked if tracked.output.kind is kind]
    outputs += [output.path for stage in index.stages.values() for output in stage.outside if output.kind is kind]
    declared = [pipeline.metrics if kind is OutputKind.METRIC else pipeline.plot_files for pipeline in index.pipelines.values()]
    return tuple(dict.fromkeys((*outputs, *(path for paths in declared for path in paths))))


def load_index(project: Project, source: Source | None = None, doubt: Doubt | None = None) -> Index:
    """Read all pointers, pipelines and locks of a source (the workspace by default).

    Raises:
        FormatError: one of the files cannot be understood.
    """
    source = source or Workspace(project)
    dialect = project.dialect
    pointers: dict[str, Pointer] = {}
    pipelines: dict[str, Pipeline] = {}
    locks: dict[str, Lock] = {}

    def collect(folder: str, named: Mapping[str, bytes]) -> set[str]:
        here: list[Output] = []
        prefix = folder + "/" if folder else ""
        for name in sorted(named):
            path = prefix + name
            if name.endswith(dialect.pointer_suffix):
                with _left_out(path, doubt):
                    pointers[path] = read_pointer(named[name], path, dialect)
                    here += [output for output, _ in pointers[path].outs]
        if dialect.pipeline in named:
            from dvx.ops.tracked.pipeline_files import command_style, parse_pipeline

            path = prefix + dialect.pipeline
            with _left_out(path, doubt):
                text, style = decoded(named[dialect.pipeline], path), command_style(project)
                pipelines[path] = parse_pipeline(text, path, dialect, source.read, style, root=project.root)
                here += [output for stage in pipelines[path].stages.values() for output in stage.outs]
        if dialect.lock in named:
            from dvx.ops.tracked.pipeline_files import parse_lock

            path = prefix + dialect.lock
            pipeline = pipelines.get(prefix + dialect.pipeline)
            with _left_out(path, doubt):
                locks[path] = parse_lock(decoded(named[dialect.lock], path), path, dialect, pipeline)
        return {output.path for output in here}

    source.machinery(collect)
    return Index(pointers, pipelines, locks, dialect.lock)


@contextlib.contextmanager
def _left_out(path: str, doubt: Doubt | None) -> Iterator[None]:
    """Leave a file out that cannot be read, where there is somebody to tell."""
    try:
        yield
    except DvxError as error:
        if doubt is None or isinstance(error, GitError):
            raise
        doubt(path, error)


def select(project: Project, index: Index, targets: Sequence[str], options: SelectOptions) -> tuple[Selected, ...]:
    """The outputs that `targets`, as the user typed them, mean; all of them without targets.

    A target is an output, a path inside one, a pointer or pipeline file, a stage, or with `recursive` a folder.

    Raises:
        UnknownTarget: nothing tracked goes by that name.
    """
    if not targets:
        return tuple(Selected(tracked) for tracked in index.tracked)
    chosen: dict[tuple[str, str], Selected] = {}
    for target in targets:
        for selected in _match(project, index, target, options):
            chosen[selected.tracked.output.path, selected.inner] = selected
    if options.with_deps:
        from dvx.ops.tracked.pipeline_files import check_graph

        owners = check_graph(project, index).upstream({selected.tracked.owner for selected in chosen.values()})
        for tracked in index.tracked:
            if tracked.owner in owners:
                chosen.setdefault((tracked.output.path, ""), Selected(tracked))
    return tuple(chosen.values())


def _match(project: Project, index: Index, target: str, options: SelectOptions) -> list[Selected]:
    addresses = stages_named(project, index, target) or (target,)
    owned = [Selected(tracked) for address in addresses for tracked in index.by_stage.get(address, ())]
    if owned:
        return owned
    if options.glob and any(sign in target for sign in "*?["):
        pattern = project.relative(target)
        matched = [
            Selected(tracked)
            for tracked in index.tracked
            if fnmatch.fnmatchcase(tracked.output.path, pattern) or fnmatch.fnmatchcase(tracked.owner, target)
        ]
    else:
        matched = [one for one in _match_path(index, project.relative(target), options) if _may_be(project, one)]
    if not matched:
        check_seen(project, target)
        known = [tracked.output.path for tracked in index.tracked] + [tracked.owner for tracked in index.tracked]
        raise UnknownTarget(
            f"`{target}` is no tracked path, pointer or stage",
            nearest(target, known) or "run `dvx status` to see what is tracked",
        )
    return matched


def _match_path(index: Index, path: str, options: SelectOptions) -> list[Selected]:
    by_file = [Selected(tracked) for tracked in index.by_file.get(path, ())]
    if by_file:
        return by_file
    if options.recursive:
        below = [Selected(tracked) for tracked in index.tracked if within(tracked.output.path, path)]
        if below:
            return below
    owner = index.owner_of(path)
    if owner is not None:
        return [Selected(owner, path[len(owner.output.path) + 1 :])]
    return []


def _may_be(project: Project, selected: Selected) -> bool:
    """Whether there is such a path inside a tracked directory, recorded or in the workspace, as far as can be known here."""
    tracked, inner = selected.tracked, selected.inner
    content = tracked.recorded.content if tracked.recorded else None
    if not inner or content is None or os.path.lexists(project.abs(f"{tracked.output.path}/{inner}")):
        return True
    if not content.digest.is_tree:
        return False
    try:
        tree = project.cache.read_tree(content.digest)
    except (MissingData, Corrupted, UnsafePath):
        return True
    return bool(tree.below(inner)) or any(within(folder, inner) for folder in tree.empty_folders)


def _stage_names(address: str) -> set[str]:
    return {address, address.partition("@")[0]}


def _path_of(tracked: Tracked) -> str:
    return tracked.output.path


def _grouped(pairs: Iterable[tuple[str, Tracked]]) -> dict[str, list[Tracked]]:
    found: dict[str, list[Tracked]] = {}
    for word, tracked in pairs:
        found.setdefault(word, []).append(tracked)
    return found
