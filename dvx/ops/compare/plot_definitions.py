"""What pipelines define as plots: those of their outputs and those at the top of the file, with folders taken apart."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from dvx.errors import DvxError
from dvx.model.paths import join
from dvx.model.tracked.pointer import OutputKind
from dvx.ops.compare.value_files import unpacked
from dvx.ops.tracked.index import Index
from dvx.ops.tracked.sources import Source
from dvx.project import Project

PROPERTIES = ("template", "x", "y", "x_label", "y_label", "title", "header")

Definitions = dict[str, dict[str, dict[str, Any]]]
"""Pipeline file (empty for outputs and targets) -> name of a plot -> its properties."""


class PlotOptions(Struct, frozen=True):
    """Which plots (all without `targets`, which are names, patterns or files), and `properties` that replace those defined."""

    targets: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)


def define(project: Project, index: Index, source: Source, options: PlotOptions) -> Definitions:
    """The plots that a revision defines, or, of targets that none is defined for, the files themselves.

    Raises:
        DvxError: a list of plots for one file, which DVC does not take either.
    """
    found: Definitions = {}
    for file, pipeline in index.pipelines.items():
        if pipeline.plots:
            config = project.shown(file)
            found[config] = _top_level(project, index, source, config, pipeline.plots, options)
    outputs: dict[str, dict[str, Any]] = {}
    for tracked in index.tracked:
        output, file = tracked.output, project.shown(tracked.file)
        if output.kind is not OutputKind.PLOT or not _is_wanted(options.targets, file, project.shown(output.path)):
            continue
        if isinstance(output.plot, list):
            raise DvxError("Multiple plots per data file not supported.")
        plain = {key: value for key, value in (output.plot or {}).items() if key in PROPERTIES}
        for path in unpacked(project, index, source, output.path):
            outputs[project.shown(path)] = {**outputs.get(project.shown(path), {}), **plain, **options.properties}
    if outputs:
        found[""] = outputs
    for target in options.targets:
        path = project.relative(target)
        there = unpacked(project, index, source, path)
        if not any(found.values()) or there != [path] or _exists(index, source, path):
            for one in there:
                found.setdefault("", {}).setdefault(project.shown(one), dict(options.properties))
    return found


def _top_level(
    project: Project, index: Index, source: Source, config: str, defined: Iterable[tuple[str, Any]], options: PlotOptions
) -> dict[str, dict[str, Any]]:
    folder = posixpath.dirname(config)
    rows = [(name, dict(raw or {})) for name, raw in defined]
    tops = [join(folder, name) for name, raw in rows if not isinstance(raw.get("y"), Mapping)]
    found: dict[str, dict[str, Any]] = {}
    for name, raw in rows:
        if not _is_wanted(options.targets, config, name):
            continue
        if isinstance(raw.get("y"), Mapping):
            axes = {
                axis: {join(folder, file): fields for file, fields in raw[axis].items()}
                for axis in ("x", "y")
                if isinstance(raw.get(axis), Mapping)
            }
            found[name] = {**raw, **axes, **options.properties}
            continue
        place = join(folder, name)
        for path in unpacked(project, index, source, project.relative(place)):
            shown = project.shown(path)
            # of folders that lie in each other the inner one counts
            if shown == place or max((top for top in tops if shown == top or shown.startswith(top + "/")), key=len) == place:
                found[shown] = {**found.get(shown, {}), **raw, **options.properties}
    return found


def _is_wanted(targets: Sequence[str], config: str, name: str) -> bool:
    return not targets or any(_matches(target, name) or _matches(target, f"{config}::{name}") for target in targets)


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.match(pattern, name) is not None
    except re.error:
        return name.startswith(pattern)


def _exists(index: Index, source: Source, path: str) -> bool:
    return source.read(path) is not None or index.owner_of(path) is not None
