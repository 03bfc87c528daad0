"""Fills the anchors of a template with what a plot is to show; source of the rules: DVC's format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvx.errors import DvxError
from dvx.model.compare.plot_points import Rows
from dvx.model.compare.plot_templates import anchor

Spec = dict[str, Any]
_SEPARATOR = "::"
# what stays open for whoever draws several plots in one style
_APART = frozenset(
    [
        "color",
        "data",
        "plot_height",
        "plot_width",
        "shape",
        "stroke_dash",
        "title",
        "tooltip",
        "x_label",
        "y_label",
        "zoom_and_pan",
    ]
)
_OPTIONAL = (
    "color", "column", "group_by_x", "group_by_y", "group_by", "pivot_field", "plot_height", "plot_width", "row", "shape",
    "stroke_dash", "tooltip", "zoom_and_pan",
)  # fmt: skip
_RANGES: Mapping[str, Sequence[Any]] = {
    "stroke_dash": ([1, 0], [8, 8], [8, 4], [4, 4], [4, 2], [2, 1], [1, 1]),
    "color": ("#945dd6", "#13adc7", "#f46837", "#48bb78", "#4299e1", "#ed8936", "#f56565"),
    "shape": ("circle", "square", "triangle", "diamond"),
}
_ZOOM = {"name": "grid", "select": "interval", "bind": "scales"}
_SIDE = 300


class Chart(Struct, frozen=True):
    """What a plot shows: rows of all its `revisions`, the properties that were worked out, and file and field of each line."""

    rows: Rows
    properties: Mapping[str, Any]
    ys: tuple[tuple[str, str], ...]
    revisions: tuple[str, ...]


class Filled(Struct, frozen=True):
    """A specification to draw, and the values of anchors that were left open in it."""

    content: Spec
    anchors: Mapping[str, Any]


def check(template: Spec, chart: Chart) -> None:
    """Raise DvxError if the data lacks a field that is to be drawn, or the template has no place for the data."""
    for name in (chart.properties.get("x"), chart.properties.get("y")):
        if name and not any(name in row for row in chart.rows):
            raise DvxError(f"Field '{name}' does not exist in provided data.")
    if not _has(template, anchor("data")):
        raise DvxError(f"the template has no place for data: `{anchor('data')}` is missing", "write it below `data: values:`")


def fill(template: Spec, chart: Chart, *, split: bool = False) -> Filled:
    """Replace the anchors of a template; with `split` those that are a matter of style stay. Both were checked."""
    x, y = chart.properties.get("x"), chart.properties.get("y")
    values, rows = _optional(template, chart)
    values |= {
        "title": chart.properties.get("title", ""),
        "x": _escaped(x),
        "y": _escaped(y),
        "x_label": chart.properties.get("x_label"),
        "y_label": chart.properties.get("y_label"),
        "data": rows,
    }
    left: dict[str, Any] = {}
    content: Any = template
    for name, value in values.items():
        if value is None:
            continue
        # what nothing varies in is filled with nothing, whoever draws
        if split and name in _APART and value != {}:
            left[anchor(name)] = value
        else:
            content = _replaced(content, anchor(name), value)
    return Filled(content, left)


def _optional(template: Spec, chart: Chart) -> tuple[dict[str, Any], Rows]:
    """The values of anchors that the template has and could do without, and the rows with the keys that these name."""
    wanted = [name for name in _OPTIONAL if _has(template, anchor(name))]
    if not wanted:
        return {}, chart.rows
    x, y = chart.properties.get("x"), chart.properties.get("y")
    several = len(chart.ys) > 1
    varied = [key for at, key in enumerate(("filename", "field")) if several and len({line[at] for line in chart.ys}) > 1]
    joined = _SEPARATOR.join(varied)
    group = ["rev", joined] if varied else ["rev"]
    tooltip = [{"field": field} for field in ("rev", x, y, *([joined] if varied else []))]
    known: dict[str, Any] = {
        "color": _scale("color", "rev", chart.revisions),
        "zoom_and_pan": _ZOOM,
        "plot_height": _SIDE,
        "plot_width": _SIDE,
        "group_by": group,
        "group_by_x": [*group, x],
        "group_by_y": [*group, y],
        "pivot_field": f" + '{_SEPARATOR}' + ".join(f"datum.{key}" for key in ("rev", *varied)),
        "tooltip": tooltip,
    }
    if varied:
        domain = sorted({_SEPARATOR.join(_parts(line, varied)) for line in chart.ys})
        facet = {"field": joined, "sort": []}
        known |= {"row": facet, "column": facet}
        known |= {name: _scale(name, joined, domain) for name in ("stroke_dash", "shape")}
    return {name: known.get(name, {}) for name in wanted}, [_named(row, varied) for row in chart.rows]


def _parts(line: tuple[str, str], varied: Sequence[str]) -> list[str]:
    return [part for part, key in zip(line, ("filename", "field"), strict=True) if key in varied]


def _named(row: Mapping[str, Any], varied: Sequence[str]) -> dict[str, Any]:
    """A row that says where it comes from by what varies, and only by that."""
    if len(varied) == 1:
        return {key: value for key, value in row.items() if key not in ("filename", "field") or key in varied}
    found = {key: value for key, value in row.items() if key not in ("filename", "field")}
    return {**found, _SEPARATOR.join(varied): _SEPARATOR.join(str(row[key]) for key in varied)} if varied else found


def _scale(name: str, field: str, domain: Sequence[str]) -> Spec:
    choices = _RANGES[name]
    legend = {} if name == "color" else {"legend": {"symbolFillColor": "transparent", "symbolStrokeColor": "grey"}}
    chosen = [choices[number % len(choices)] for number in range(len(domain))]
    return {"field": field, "scale": {"domain": list(domain), "range": chosen}, **legend}


def _has(value: Any, text: str) -> bool:
    if isinstance(value, Mapping):
        return any(_has(item, text) for item in value.values())
    if isinstance(value, list):
        return any(_has(item, text) for item in value)
    return bool(value == text)


def _replaced(value: Any, text: str, new: Any, *, inside: bool = True) -> Any:
    """A copy with `new` where the text stands; in a longer text only a text can."""
    if isinstance(value, Mapping):
        return {key: _replaced(item, text, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, text, new, inside=False) for item in value]
    if value == text:
        return new
    if inside and isinstance(value, str) and isinstance(new, str):
        return value.replace(text, new)
    return value


def _escaped(field: Any) -> Any:
    """A field as Vega has it, for whom dots and brackets lead into values."""
    if not isinstance(field, str):
        return field
    for sign in ".[]":
        field = field.replace(sign, "\\" + sign)
    return field
