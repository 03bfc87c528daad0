"""What there is to choose from in the workspace: parameters, metrics, plots and their fields. What cannot be read is left out."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterable
from typing import Any

from dvx.errors import DvxError
from dvx.formats import load_data
from dvx.model.compare.params import flatten, measured
from dvx.model.tracked.pointer import OutputKind
from dvx.ops.compare.value_files import ValueChoice, What, bytes_of, opened, wanted_params
from dvx.ops.tracked.index import Index, files_of
from dvx.ops.tracked.sources import Workspace
from dvx.ops.tracked.unreadable import load_readable
from dvx.project import Project

_SHEETS = {".csv": ",", ".tsv": "\t"}
# of a plot's file no more is looked at
_HEAD = 1 << 16
_LARGEST = 1 << 22


def params(project: Project, default: str) -> dict[str, dict[str, Any]]:
    """All parameters by file and dotted key: of the files that pipelines name, and of the `default` one."""
    index = _index(project)
    source = Workspace(project)
    named = opened(project, source, index, wanted_params(index, source, ValueChoice(What.PARAMS)), What.PARAMS)
    return {path: flatten(value) for path, value in _read(project, index, dict.fromkeys((*named, default)))}


def metrics(project: Project) -> dict[str, dict[str, Any]]:
    """All metrics by file and dotted key."""
    index = _index(project)
    paths = opened(project, Workspace(project), index, dict.fromkeys(files_of(index, OutputKind.METRIC)), What.METRICS)
    return {path: flatten(measured(value)) for path, value in _read(project, index, paths)}


def plots(project: Project) -> list[str]:
    """The names of plots: files and ids."""
    index = _index(project)
    ids = [str(name) for pipeline in index.pipelines.values() for name, _ in pipeline.plots]
    return [*files_of(index, OutputKind.PLOT), *ids]


def fields(project: Project, paths: Iterable[str]) -> set[str]:
    """The fields of the data of plots in these files; of all files of plots without any."""
    index = _index(project)
    found: set[str] = set()
    for path in paths or files_of(index, OutputKind.PLOT):
        separator = _SHEETS.get(posixpath.splitext(path)[1].lower())
        if separator is None:
            found |= {key for _, value in _read(project, index, [path]) for key in _keys(value)}
            continue
        data = _bytes(project, index, path)[:_HEAD]
        lines = data.decode("utf-8", "replace").splitlines()[:1]
        found |= {field for row in csv.reader(lines, delimiter=separator) for field in row}
    return found


def _keys(value: Any) -> list[str]:
    """The keys of the first row that a document holds."""
    if isinstance(value, list):
        return [str(key) for key in value[0]] if value and isinstance(value[0], dict) else []
    inner = value.values() if isinstance(value, dict) else ()
    return next((keys for one in inner if (keys := _keys(one))), [])


def _read(project: Project, index: Index, paths: Iterable[str]) -> list[tuple[str, Any]]:
    found = []
    for path in paths:
        try:
            value = load_data(_bytes(project, index, path), path)
        except DvxError:
            continue
        if isinstance(value, dict | list):
            found.append((path, value))
    return found


def _bytes(project: Project, index: Index, path: str) -> bytes:
    try:
        data = bytes_of(project, Workspace(project), index, path)
    except DvxError:
        return b""
    return data if len(data) <= _LARGEST else b""


def _index(project: Project) -> Index:
    try:
        return load_readable(project)[0]
    except DvxError:
        return Index(lock_name=project.dialect.lock)
