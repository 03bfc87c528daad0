"""From the content of files to the rows that a plot draws: which fields are x and y, and what each row belongs to.

Source of the rules: DVC's format.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvx.errors import DvxError

Rows = list[dict[str, Any]]
Properties = Mapping[str, Any]
STEP = "step"
_ANY_X, _ANY_Y = "dvc_inferred_x_value", "dvc_inferred_y_value"


class FieldNotFoundError(DvxError):
    """A plot names a field that its file does not have; called as DVC's JSON has it."""


class Points(Struct, frozen=True):
    """Rows of one revision, and the properties of the plot with all that was worked out: `x`, `y`, their labels, `ys`, which are
    the file and field of each line.
    """

    rows: Rows
    properties: Properties
    ys: tuple[tuple[str, str], ...] = ()


def sources_of(name: str, properties: Properties) -> list[str]:
    """The files that a plot draws from: those of its axes, or the one that it is called after."""
    y, x = properties.get("y"), properties.get("x")
    found = list(y) if isinstance(y, Mapping) else [name]
    if isinstance(x, Mapping) and x:
        found.append(next(iter(x)))
    return list(dict.fromkeys(found))


def points_of(name: str, properties: Properties, contents: Mapping[str, Any], revision: str) -> Points:
    """The rows that a plot has at a revision; `contents` are those of its files that could be read.

    Raises:
        FieldNotFoundError: a file has no such field.
        DvxError: x and y do not go together.
    """
    tables = {path: _table(content) for path, content in contents.items()}
    known = {**properties, **_axes(name, properties, contents)}
    xs, ys = _pairs(known.get("x"), tables), _pairs(known.get("y"), tables)
    if len(xs) > 1 and len(xs) != len(ys):
        raise DvxError(f"Cannot have different number of x and y data sources. Found {len(xs)} x and {len(ys)} y data sources.")
    several_x, several_y = len({field for _, field in xs}) > 1, len({field for _, field in ys}) > 1
    x_name = _ANY_X if several_x else xs[0][1] if xs else STEP
    y_name = _ANY_Y if several_y else ys[0][1] if ys else None
    files = {path for path, _ in ys}
    shared = len(posixpath.commonpath(list(files))) if len(files) > 1 else 0
    rows: Rows = []
    for number, (path, field) in enumerate(ys):
        own = [dict(row) for row in tables.get(path, [])]
        if several_y:
            _copy(own, own, field, _ANY_Y)
        if xs:
            x_path, x_field = xs[number if len(xs) > 1 else 0]
            theirs = tables.get(x_path, [])
            if len(theirs) != len(own):
                text = f"Cannot join '{x_field}' from '{x_path}' and '{field}' from '{path}'. They have to have same length."
                raise DvxError(text)
            _copy(own, theirs, x_field, x_name)
        else:
            own = [{**row, STEP: step} for step, row in enumerate(own)]
        belongs = {"rev": revision, "filename": path[shared:].strip("/"), "field": field}
        rows += [{**row, **belongs} for row in own]
    if not rows:
        return Points([], {})
    labels = {"y_label": _label(known, "y", None), "x_label": _label(known, "x", STEP)}
    lines = tuple((path[shared:].strip("/"), field) for path, field in ys)
    return Points(rows, {**known, **labels, "x": x_name, "y": y_name}, lines)


def _table(content: Any) -> Rows:
    """The rows of all lists of records in a file, side by side."""
    rows: Rows = []
    for found in _lists(content):
        if not found or not all(isinstance(item, Mapping) for item in found):
            continue
        if set(found[0]) != {key for item in found for key in item}:
            continue
        for index, item in enumerate(found):
            if index == len(rows):
                rows.append({})
            rows[index].update(item)
    return rows


def _lists(content: Any) -> Iterator[list[Any]]:
    if isinstance(content, list):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            if isinstance(value, (Mapping, list)):
                yield from _lists(value) if isinstance(value, Mapping) else (value,)


def _axes(name: str, properties: Properties, contents: Mapping[str, Any]) -> dict[str, Any]:
    """The axes as mappings of files to fields, where they are written shorter or left out."""
    x, y = properties.get("x"), properties.get("y")
    found: dict[str, Any] = {}
    if isinstance(x, str):
        if isinstance(y, Mapping):
            found["x"] = {path: [x] * len(fields) if isinstance(fields, list) else x for path, fields in y.items()}
        else:
            found["x"] = {name: x}
    if y is None:
        found["y"] = _last_field(name, contents)
    elif not isinstance(y, Mapping):
        found["y"] = {name: y}
    return found


def _last_field(name: str, contents: Mapping[str, Any]) -> dict[str, str] | None:
    for found in _lists(contents.get(name)):
        if found and all(isinstance(item, Mapping) for item in found) and found[0]:
            return {name: list(found[0])[-1]}
    return None


def _pairs(axis: Any, tables: Mapping[str, Rows]) -> list[tuple[str, str]]:
    """(file, field) of an axis."""
    found = []
    for path, fields in axis.items() if isinstance(axis, Mapping) else ():
        for field in fields if isinstance(fields, list) else [fields]:
            if isinstance(field, str):
                rows = tables.get(path)
                if rows and field not in rows[0]:
                    known = ", ".join(map(str, rows[0]))
                    raise FieldNotFoundError(f"Could not find provided field ('{field}') in data fields ('{known}').")
                found.append((path, field))
    return found


def _copy(rows: Rows, source: Sequence[Mapping[str, Any]], field: str, name: str) -> None:
    for row, other in zip(rows, source, strict=True):
        if field in other:
            row[name] = other[field]


def _label(properties: Properties, axis: str, default: str | None) -> str | None:
    written = properties.get(f"{axis}_label")
    if written is not None:
        return str(written)
    value = properties.get(axis)
    if not isinstance(value, Mapping):
        return default
    fields = {field for fields in value.values() for field in (fields if isinstance(fields, list) else [fields])}
    return str(next(iter(fields))) if len(fields) == 1 else axis
