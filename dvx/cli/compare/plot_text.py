"""Charts as they can be shown in a terminal: lines of Braille dots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dvx.cli.terminal.colour import own
from dvx.errors import ConfigError
from dvx.model.compare.plot_fill import Chart
from dvx.model.paths import printable

_HEIGHT = 16
_WIDEST = 100


BRAILLE = "\N{BRAILLE PATTERN DOTS-12345678}"


def chart_text(name: str, chart: Chart, width: int, *, colours: bool, plain: bool = False) -> str:
    """A chart, at most `width` columns wide, of stars where it is `plain`; empty if its values are no numbers.

    Raises:
        ConfigError: what draws is not installed.
    """
    try:
        import plotext
    except ImportError:
        raise ConfigError("charts in the terminal need plotext", "run `pip install 'dvx-vc[terminal]'`") from None
    x, y = str(chart.properties.get("x")), str(chart.properties.get("y"))
    lines: dict[str, tuple[list[float], list[float]]] = {}
    for row in chart.rows:
        right, up = _number(row.get(x)), _number(row.get(y))
        if right is not None and up is not None:
            rights, ups = lines.setdefault(_label(row, chart), ([], []))
            rights.append(right)
            ups.append(up)
    if not lines:
        return ""
    plotext.clear_figure()
    plotext.plot_size(min(width, _WIDEST), _HEIGHT)
    if not colours:
        plotext.theme("clear")
    for label, (rights, ups) in lines.items():
        plotext.plot(rights, ups, label=printable(label), marker="*" if plain else "braille")
    plotext.title(printable(str(chart.properties.get("title") or name)))
    plotext.xlabel(printable(str(chart.properties.get("x_label") or x)))
    drawn = str(plotext.build())
    return own(drawn) if colours else drawn.replace("\x1b[0m", "")


def _label(row: Mapping[str, Any], chart: Chart) -> str:
    """The revision, and what tells lines of one revision apart."""
    parts = [str(row["rev"])]
    for at, key in enumerate(("filename", "field")):
        if len({line[at] for line in chart.ys}) > 1:
            parts.append(str(row[key]))
    return " ".join(parts)


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if found - found == 0 else None
