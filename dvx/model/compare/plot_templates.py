"""Templates of plots: Vega-Lite specifications with anchors, which `model.compare.plot_fill` replaces.

Source of their content: DVC's format, whose tools fill the same ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Spec = dict[str, Any]
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"


def anchor(name: str) -> str:
    """The text that stands where the value `name` belongs."""
    return f"<DVC_METRIC_{name.upper()}>"


def _head() -> Spec:
    return {
        "$schema": SCHEMA,
        "data": {"values": anchor("data")},
        "title": {"text": anchor("title"), "anchor": "middle"},
    }


def _size() -> Spec:
    return {"width": anchor("plot_width"), "height": anchor("plot_height")}


def _axis(name: str) -> Spec:
    return {"field": anchor(name), "type": "quantitative", "title": anchor(f"{name}_label")}


def _tight(name: str) -> Spec:
    """An axis that need not begin at zero."""
    return {**_axis(name), "scale": {"zero": False}}


def _simple() -> Spec:
    return {
        **_head(),
        "params": [anchor("zoom_and_pan")],
        **_size(),
        "mark": {"type": "line", "tooltip": {"content": "data"}},
        "encoding": {
            "x": _axis("x"),
            "y": _tight("y"),
            "color": anchor("color"),
            "strokeDash": anchor("stroke_dash"),
            "tooltip": anchor("tooltip"),
        },
    }


def _linear() -> Spec:
    by_revision = {"field": "rev", "type": "nominal"}
    near = {"param": "hover", "empty": False}
    smooth = {"input": "range", "min": 0.001, "max": 1, "step": 0.001}
    lines = {
        "layer": [
            {"params": [anchor("zoom_and_pan")], "mark": "line"},
            {"transform": [{"filter": near}], "mark": "point"},
        ],
        "encoding": {"y": _tight("y"), "color": by_revision},
        "transform": [
            {"loess": anchor("y"), "on": anchor("x"), "groupby": anchor("group_by"), "bandwidth": {"signal": "smooth"}}
        ],
    }
    raw = {"mark": {"type": "line", "opacity": 0.2}, "encoding": {"x": _axis("x"), "y": _tight("y"), "color": by_revision}}
    ends = {
        "mark": {"type": "circle", "size": 10},
        "encoding": {
            "x": {"aggregate": "max", **_axis("x")},
            "y": {"aggregate": {"argmax": anchor("x")}, **_tight("y")},
            "color": by_revision,
        },
    }
    ruler = {
        "transform": [
            {"calculate": anchor("pivot_field"), "as": "pivot_field"},
            {"pivot": "pivot_field", "op": "mean", "value": anchor("y"), "groupby": [anchor("x")]},
        ],
        "mark": {"type": "rule", "tooltip": {"content": "data"}, "stroke": "grey"},
        "encoding": {"opacity": {"condition": {"value": 0.3, **near}, "value": 0}},
        "params": [
            {
                "name": "hover",
                "select": {"type": "point", "fields": [anchor("x")], "nearest": True, "on": "mouseover", "clear": "mouseout"},
            }
        ],
    }
    return {
        **_head(),
        **_size(),
        "params": [{"name": "smooth", "value": 0.001, "bind": smooth}],
        "encoding": {"x": _axis("x"), "color": anchor("color"), "strokeDash": anchor("stroke_dash")},
        "layer": [lines, raw, ends, ruler],
    }


def _scatter() -> Spec:
    return {
        **_head(),
        **_size(),
        "mark": {"type": "point", "tooltip": {"content": "data"}},
        "params": [anchor("zoom_and_pan")],
        "encoding": {"x": _axis("x"), "y": _axis("y"), **_marks()},
    }


def _scatter_jitter() -> Spec:
    shaken = {f"{axis}Offset": {"field": f"random{axis.upper()}", "type": "quantitative"} for axis in "xy"}
    plain = {axis: {"field": anchor(axis), "title": anchor(f"{axis}_label")} for axis in "xy"}
    return {
        **_head(),
        **_size(),
        "transform": [{"calculate": "random()", "as": f"random{axis}"} for axis in "XY"],
        "mark": {"type": "point", "tooltip": {"content": "data"}},
        "encoding": {**plain, **_marks(), **shaken},
    }


def _marks() -> Spec:
    return {"color": anchor("color"), "shape": anchor("shape"), "tooltip": anchor("tooltip")}


def _bars() -> Spec:
    return {
        **_head(),
        **_size(),
        "mark": {"type": "bar"},
        "params": [anchor("zoom_and_pan")],
        "encoding": {
            "x": _tight("x"),
            "y": {"field": anchor("y"), "type": "nominal", "title": anchor("y_label")},
            "yOffset": {"field": "rev", "sort": []},
            "color": anchor("color"),
            "column": anchor("column"),
        },
    }


def _bars_sorted() -> Spec:
    spec = _bars()
    spec["encoding"]["y"]["sort"] = "-x"
    return spec


def _confusion() -> Spec:
    spec = _matrix("percent_of_max", "xy_count", {"domainMin": 0, "nice": True}, {"field": "xy_count", "type": "quantitative"})
    impute, share = spec["spec"]["transform"][1], spec["spec"]["transform"][3:]
    impute["groupby"] = anchor("group_by_y")
    share[0].update({"joinaggregate": [{"op": "max", "field": "xy_count", "as": "max_count"}], "groupby": []})
    share[1]["calculate"] = "datum.xy_count / datum.max_count"
    shown = {"param": "showValues", "field": "xy_count", "type": "quantitative"}
    text = spec["spec"]["layer"][-1]
    text["encoding"] = {"text": {"condition": shown}, **text["encoding"]}
    inner = spec.pop("spec")
    return {**spec, "params": [{"name": "showValues", "bind": {"input": "checkbox"}}], "spec": inner}


def _confusion_normalized() -> Spec:
    share = {"field": "percent_of_y", "type": "quantitative"}
    return _matrix("percent_of_y", "percent_of_y", {"domain": [0, 1]}, {**share, "format": ".2f"})


def _matrix(share: str, shown: str, scale: Spec, tip: Spec) -> Spec:
    """A matrix of counts: `share` is by what a cell is dark, `shown` by what it has its colour."""
    pointed = {"type": "single", "on": "mouseover", "encodings": ["x", "y"], "empty": "none", "clear": "mouseout"}
    nominal = {
        axis: {"field": anchor(axis), "type": "nominal", "sort": "ascending", "title": anchor(f"{axis}_label")} for axis in "xy"
    }
    colour = {"field": shown, "type": "quantitative", "title": "", "scale": scale}
    return {
        **_head(),
        "facet": {"column": {"field": "rev", "sort": []}, "row": anchor("row")},
        "spec": {
            "transform": [
                {"aggregate": [{"op": "count", "as": "xy_count"}], "groupby": [anchor("y"), anchor("x")]},
                {"impute": "xy_count", "groupby": ["rev", anchor("y")], "key": anchor("x"), "value": 0},
                {"impute": "xy_count", "groupby": anchor("group_by_x"), "key": anchor("y"), "value": 0},
                {"joinaggregate": [{"op": "sum", "field": "xy_count", "as": "sum_y"}], "groupby": [anchor("y")]},
                {"calculate": "datum.xy_count / datum.sum_y", "as": share},
            ],
            "encoding": nominal,
            "layer": [
                {"mark": "rect", **_size(), "encoding": {"color": colour}},
                {
                    "selection": {"label": pointed},
                    "mark": "rect",
                    "encoding": {
                        "tooltip": [*({"field": anchor(axis), "type": "nominal"} for axis in "xy"), tip],
                        "opacity": {"condition": {"selection": "label", "value": 1}, "value": 0},
                    },
                },
                {
                    "transform": [{"filter": {"selection": "label"}}],
                    "layer": [{"mark": {"type": "rect", "color": "lightpink"}}],
                },
                {
                    "mark": "text",
                    "encoding": {"color": {"condition": {"test": f"datum.{share} > 0.5", "value": "white"}, "value": "black"}},
                },
            ],
        },
    }


TEMPLATES: dict[str, Callable[[], Spec]] = {
    "simple": _simple,
    "linear": _linear,
    "confusion": _confusion,
    "confusion_normalized": _confusion_normalized,
    "scatter": _scatter,
    "scatter_jitter": _scatter_jitter,
    "smooth": _linear,
    "bar_horizontal_sorted": _bars_sorted,
    "bar_horizontal": _bars,
}
DEFAULT = "linear"
