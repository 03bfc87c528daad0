"""What `repro` is asked for, which stages that means, and what it answers."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from msgspec import Struct, ValidationError, convert, field, to_builtins
from msgspec.structs import replace

from dvx.errors import DvxError, UnknownTarget, nearest
from dvx.model.paths import join, within
from dvx.model.pipelines.graph import Graph
from dvx.model.pipelines.staleness import Action, Reason
from dvx.ops.tracked.git_ignored import check_seen
from dvx.ops.tracked.index import Index
from dvx.ops.tracked.pipeline_files import check_graph
from dvx.ops.tracked.stage_names import stages_named
from dvx.project import Project


class ReproOptions(Struct, frozen=True):
    """`targets` as typed, or `resolved`: then they mean the same wherever one stands.

    `environment` is added to that of the commands; `confirm` is asked before each stage runs; `pull` gets absent data from the
    remote first; `allow_missing` means that it is no reason to run; `jobs` stages run at once: 0 as many as there are cores,
    None as configured.
    """

    targets: tuple[str, ...] = ()
    resolved: bool = False
    recursive: bool = False
    glob: bool = False
    single: bool = False
    pipeline: bool = False
    all_pipelines: bool = False
    downstream: bool = False
    force: bool = False
    force_downstream: bool = False
    dry: bool = False
    keep_going: bool = False
    ignore_errors: bool = False
    no_commit: bool = False
    no_run_cache: bool = False
    pull: bool = False
    allow_missing: bool = False
    jobs: int | None = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    confirm: Callable[[str], bool] | None = None


_DEFAULTS = ReproOptions()
# whether it is a trial, who confirms and the environment belong to one call
_LASTING = frozenset(ReproOptions.__struct_fields__) - {"environment", "confirm", "dry"}


def to_plain(options: ReproOptions) -> dict[str, Any]:
    """What is asked for, to be kept and asked for again: the options that are not as by default."""
    return {key: to_builtins(value) for key in sorted(_LASTING) if (value := getattr(options, key)) != getattr(_DEFAULTS, key)}


def from_plain(plain: Mapping[str, Any]) -> ReproOptions:
    """The options of which `to_plain` made a mapping.

    Raises:
        DvxError: a value is of the wrong type.
    """
    try:
        return convert({key: plain[key] for key in _LASTING if key in plain}, ReproOptions)
    except ValidationError as error:
        raise DvxError(f"what was asked for then cannot be read: {error}", "run `dvx repro` with its options again") from None


def resolve(project: Project, index: Index, options: ReproOptions) -> ReproOptions:
    """The same request, to be kept: its targets are addresses and paths in the project, whoever takes it up from wherever.

    Raises:
        UnknownTarget: a target is no stage, pointer, pipeline file or output.
    """
    targets = options.targets
    if options.resolved or options.all_pipelines:
        return replace(options, resolved=True)
    if not targets and _here(project) != project.dialect.pipeline:
        targets = (_here(project),)
    elif targets:
        # a pipeline file without stages names none
        named = [tuple(_find(project, index, one, options)) or (project.relative(one),) for one in targets]
        targets = tuple(dict.fromkeys(address for addresses in named for address in addresses))
    return replace(options, targets=targets, resolved=True, recursive=False, glob=False)


class StageOutcome(Struct, frozen=True):
    """What happened to a stage, and why; `seconds` is the wall time of its command."""

    address: str
    action: Action
    reasons: tuple[Reason, ...] = ()
    seconds: float = 0.0


class ReproResult(Struct, frozen=True):
    """The stages that were looked at, in the order in which they were done, and the files that belong into Git now.

    `run` is the name of the run in the journal, empty if nothing was done; `saved` is how many seconds the stages that did not
    have to run took when they last ran.
    """

    stages: tuple[StageOutcome, ...]
    for_git: tuple[str, ...] = ()
    run: str = ""
    saved: float = 0.0


def active_graph(project: Project, index: Index) -> Graph:
    """The graph by which `repro` goes: a frozen stage waits for nothing, and nothing makes it run.

    Raises:
        GraphError: the pipeline is not sound.
    """
    return check_graph(project, index).active(frozenset(stage.address for stage in index.stages.values() if stage.frozen))


def choose(project: Project, index: Index, graph: Graph, options: ReproOptions) -> tuple[str, ...]:
    """The addresses of stages and pointers to look at, each after what it needs; single ones as they are named.

    Raises:
        UnknownTarget: a target is no stage, pointer, pipeline file or output.
    """
    if options.all_pipelines:
        return graph.order(index.stages)
    targets = find_stages(project, index, options)
    if options.pipeline:
        chosen = graph.connected(targets)
        return graph.order(address for address in graph.nodes if address in chosen)
    if options.single:
        return targets
    if options.downstream:
        chosen = graph.downstream(targets)
        return tuple(address for address in graph.order() if address in chosen)
    return graph.order(targets)


def find_stages(project: Project, index: Index, options: ReproOptions) -> tuple[str, ...]:
    """The addresses that the targets name; those of the pipeline file beside the user without targets."""
    if options.resolved:
        project = replace(project, cwd=project.root)
    targets = options.targets or (project.dialect.pipeline,)
    found: dict[str, None] = {}
    for target in targets:
        found.update(dict.fromkeys(_find(project, index, target, options)))
    return tuple(found)


def _find(project: Project, index: Index, target: str, options: ReproOptions) -> Iterable[str]:
    if options.recursive:
        folder = project.relative(target)
        below = [address for address, stage in index.stages.items() if within(stage.file, folder)]
        if below:
            return below
    if options.glob and (here := index.pipelines.get(_here(project))):
        matched = [stage.address for stage in here.stages.values() if fnmatch.fnmatchcase(stage.name, target)]
        if matched:
            return matched
    return stages_named(project, index, target) or _elsewhere(project, index, target)


def _elsewhere(project: Project, index: Index, target: str) -> tuple[str, ...]:
    """What a target means that is no stage; a pipeline file may be one without stages."""
    path = project.relative(target)
    if path in index.pipelines:
        return tuple(stage.address for stage in index.pipelines[path].stages.values())
    if path in index.pointers:
        return (path,)
    owner = index.owner_of(path)
    return (owner.owner,) if owner else _unknown(project, index, target)


def _unknown(project: Project, index: Index, target: str) -> NoReturn:
    if target == project.dialect.pipeline:
        hint = "run `dvx stage add` to write it, or name a stage of another one (`dvx stage list --all`)"
        raise UnknownTarget(f"there is no `{target}` here", hint)
    check_seen(project, target)
    known = [*index.stages, *(stage.name for stage in index.stages.values()), *index.by_path, *index.pipelines]
    hint = nearest(target, known) or "run `dvx stage list --all`"
    raise UnknownTarget(f"`{target}` is no stage, pipeline file or output", hint)


def _here(project: Project) -> str:
    return join(project.relative("."), project.dialect.pipeline)
