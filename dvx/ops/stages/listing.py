"""Listing stages, and the pipeline as a graph to show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from dvx.formats import decoded, load_yaml
from dvx.model.events import Tell, silent
from dvx.model.pipelines.graph import Graph
from dvx.model.pipelines.lock import StageState
from dvx.model.pipelines.run_settings import PLAIN, RunSettings
from dvx.model.pipelines.stage import Stage
from dvx.model.tracked.pointer import Output, OutputKind, Pointer, Recorded, encode_lock_entry
from dvx.ops.stages.repro_plan import ReproOptions, find_stages
from dvx.ops.tracked.index import Index, load_index
from dvx.ops.tracked.pipeline_files import check_graph, name_of_place, place_of_url
from dvx.ops.tracked.unreadable import load_for, load_readable
from dvx.project import Project
from dvx.store import files


class ListedStage(Struct, frozen=True):
    """A stage or pointer by its address; `summary` is one line about it, `document` all that is known of it."""

    address: str
    summary: str
    document: Mapping[str, Any]


class Dag(Struct, frozen=True):
    """What to draw: nodes in an order in which each comes after what it needs, and for each its direct needs; `details` are
    what there is to say about stages: description and command.
    """

    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)


class ListStagesOptions(Struct, frozen=True):
    """Which stages to list: those that the targets name, without any those of the pipeline file here; `everything`: all of
    them, and pointers. A file that is not needed for that and cannot be read is left out, or with `fail` an error.
    """

    targets: tuple[str, ...] = ()
    recursive: bool = False
    everything: bool = False
    fail: bool = False


def list_stages(project: Project, options: ListStagesOptions, tell: Tell = silent) -> tuple[ListedStage, ...]:
    """The stages that are asked for, and pointers.

    Raises:
        UnknownTarget: a target is no stage, pointer, pipeline file or output.
        FormatError: a file that they need cannot be read.
    """
    targets = ReproOptions(options.targets, recursive=options.recursive)

    def search(index: Index) -> tuple[str, ...]:
        return find_stages(project, index, targets)

    if options.fail:
        index = load_index(project)
    elif options.everything:
        index, _ = load_readable(project, tell)
    else:
        index = load_for(project, options.targets or (project.dialect.pipeline,), search, tell)
    if options.everything:
        pointers = [_listed_pointer(project, index.pointers[path]) for path in index.pointers]
        return (*pointers, *(_listed(index, stage) for stage in index.stages.values()))
    addresses = search(index)
    return tuple(
        _listed(index, index.stages[one]) if one in index.stages else _listed_pointer(project, index.pointers[one])
        for one in addresses
    )


class DagOptions(Struct, frozen=True):
    """`target` limits the graph to what it needs, with `full` to its whole pipeline; nodes are stages, or `outs`.

    With `collapse`, generated stages of one template are one node.
    """

    target: str = ""
    full: bool = False
    outs: bool = False
    collapse: bool = False


def find_dag(project: Project, options: DagOptions) -> Dag:
    """The graph of stages and pointers, or of outputs."""
    index = load_index(project)
    graph = check_graph(project, index)
    targets = find_stages(project, index, ReproOptions((options.target,))) if options.target else ()
    if not targets:
        order = graph.order()
    elif options.full:
        chosen = graph.connected(targets)
        order = tuple(address for address in graph.order() if address in chosen)
    else:
        order = graph.order(targets)
    if options.outs:
        outside = [output.path for stage in index.stages.values() for output in stage.outside]
        names = {place_of_url(project, path): path for path in outside}

        def show(out: str) -> str:
            return name_of_place(project, names.get(out, out))

        named = _output_needs(graph, order)
        return Dag({show(out): tuple(map(show, needed)) for out, needed in named.items()})
    groups = _collapsed(index) if options.collapse else {}
    needs: dict[str, dict[str, None]] = {}
    for address in order:
        name = groups.get(address, address)
        before = (groups.get(need, need) for need in graph.needs[address])
        needs.setdefault(name, {}).update(dict.fromkeys(need for need in before if need != name))
    stages = [index.stages[address] for address in order if address in index.stages]
    details = {stage.address: "\n".join(line for line in (stage.desc, *stage.lines) if line) for stage in stages}
    return Dag({name: tuple(needed) for name, needed in needs.items()}, details)


def _collapsed(index: Index) -> dict[str, str]:
    """Address of each generated stage -> address of its template."""
    names = {}
    for pipeline in index.pipelines.values():
        for group, members in pipeline.groups.items():
            for member in members:
                address = pipeline.stages[member].address
                names[address] = address.removesuffix(member) + group
    return names


def _output_needs(graph: Graph, order: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each output the outputs that its stage reads."""
    needs = {}
    for address in order:
        node = graph.nodes[address]
        before = [path for need in graph.needs[address] for path in graph.nodes[need].outs if _is_read(path, node.deps)]
        for path in node.outs:
            needs[path] = tuple(before)
    return needs


def _is_read(path: str, deps: Sequence[str]) -> bool:
    return any(dep == path or dep.startswith(path + "/") or path.startswith(dep + "/") for dep in deps)


def _listed(index: Index, stage: Stage) -> ListedStage:
    return ListedStage(stage.address, _summary(stage), document(stage, index.state(stage)))


def _summary(stage: Stage) -> str:
    if stage.desc:
        return stage.desc.splitlines()[0]
    data = [stage.written[output.path] for output in stage.all_outs if output.kind is OutputKind.DATA]
    reports = [stage.written[output.path] for output in stage.all_outs if output.kind is not OutputKind.DATA]
    parts = [("Outputs", data), ("Reports", reports)]
    if not stage.all_outs:
        parts = [("Depends on", [stage.written[path] for path in (*stage.deps, *(file.path for file in stage.params))])]
    return "; ".join(f"{word} {', '.join(paths)}" for word, paths in parts if paths) or "No outputs or dependencies"


def document(stage: Stage, state: StageState | None) -> dict[str, Any]:
    """All that is known of a stage, its paths seen from the project."""
    deps = state.deps if state else {}
    outs = {**state.outs, **state.outside} if state else {}
    known = {
        "stage": stage.address,
        "cmd": list(stage.command) if isinstance(stage.command, tuple) else stage.command,
        "wdir": stage.workdir,
        "desc": stage.desc,
        "meta": stage.meta,
        "frozen": stage.frozen,
        "always_changed": stage.always,
        "deps": [_entry(dep, deps.get(dep)) for dep in stage.deps],
        "params": {file.path: list(file.keys or ()) for file in stage.params},
        "locked_params": {path: dict(values) for path, values in state.params.items()} if state else {},
        "outs": [_output(output, outs.get(output.path)) for output in stage.all_outs],
        "map": msgspec.to_builtins(stage.map) if stage.map else None,
        "run": _differing(stage.run),
    }
    return {key: value for key, value in known.items() if value not in (None, "", False, [], {})}


def _differing(settings: RunSettings) -> dict[str, Any]:
    """The settings that are not the default ones."""
    found = msgspec.to_builtins(settings)
    plain = msgspec.to_builtins(PLAIN)
    return {key: value for key, value in found.items() if value != plain[key]}


def _listed_pointer(project: Project, pointer: Pointer) -> ListedStage:
    # as it stands there, with its paths as they were written
    written: Any = load_yaml(decoded(files.read(project.abs(pointer.path)), pointer.path), pointer.path)
    document: dict[str, Any] = {"stage": pointer.path, "wdir": pointer.workdir, "frozen": pointer.frozen}
    deps = [_entry(recorded.path, recorded) for recorded in pointer.deps]
    # what is in a database has no path
    document["deps"] = [{key: value for key, value in dep.items() if value != ""} for dep in deps]
    document["outs"] = [_output(output, recorded) for output, recorded in pointer.outs]
    summary = str(written.get("desc") or "").partition("\n")[0] or "Outputs " + ", ".join(
        out["path"] for out in written.get("outs") or ()
    )
    return ListedStage(
        pointer.path, summary, {key: value for key, value in document.items() if value not in (None, "", False, [], {})}
    )


def _entry(path: str, recorded: Recorded | None) -> dict[str, Any]:
    """A path with what is recorded of it; the digest says its algorithm."""
    if recorded is None:
        return {"path": path}
    fields = encode_lock_entry(path, None, recorded.extras)
    content = recorded.content
    if content is None:
        return fields
    known = {"hash": str(content.digest), "size": content.size, "nfiles": content.files, "isexec": content.executable or None}
    return fields | {key: value for key, value in known.items() if value is not None}


def _output(output: Output, recorded: Recorded | None) -> dict[str, Any]:
    flags: dict[str, Any] = {} if output.kind is OutputKind.DATA else {"kind": output.kind.value}
    if not output.cached:
        flags["cache"] = False
    if output.persist:
        flags["persist"] = True
    if not output.push:
        flags["push"] = False
    if output.remote:
        flags["remote"] = output.remote
    if output.plot:
        flags["plot"] = output.plot
    return _entry(output.path, recorded) | flags | dict(output.annotations)
