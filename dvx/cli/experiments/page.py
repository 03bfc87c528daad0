"""The page of `exp show --html`: table, parallel coordinates, a scatter plot, and the plots of experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from dvx.cli.compare.plot_page import Picture
from dvx.cli.experiments.table import Column, cells
from dvx.cli.terminal.clock import moment
from dvx.cli.terminal.pages import STYLE, as_script, page
from dvx.ops.experiments.show import Baseline, ExperimentRow

_STYLE = """
.wide { overflow: auto; max-height: 70vh; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { padding: 5px 10px; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--line); }
thead th { position: sticky; top: 0; background: var(--card); cursor: pointer; }
th.metrics { color: #b26a00; } th.params { color: #1f6feb; } th.deps { color: #8250df; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.chosen td { background: color-mix(in srgb, var(--mark) 12%, transparent); }
.state { font-size: 11px; border: 1px solid var(--line); border-radius: 8px; padding: 0 6px; color: var(--quiet); }
.problem { color: #cf222e; }
.bar { display: flex; gap: 12px; align-items: center; flex-wrap: wrap; margin: 8px 0; }
input[type=search] { padding: 6px 10px; width: 320px; max-width: 100%; font: inherit; }
input[type=search], select { color: inherit; background: var(--back); border: 1px solid var(--line); border-radius: 6px; }
select { padding: 4px 6px; font: inherit; }
"""
_BODY = """
<h1>Experiments</h1>
<div class="bar"><input id="filter" type="search" placeholder="Filter: words, or lr&lt;0.1 acc&gt;=0.9" aria-label="Filter">
<label class="quiet"><input id="changing" type="checkbox" checked> only columns that differ</label>
<span id="count" class="quiet"></span><span id="problem" class="problem" role="status"></span></div>
<div class="wide"><table><thead id="head"></thead><tbody id="rows"></tbody></table></div>
<div id="lines-box"><h2>Parallel coordinates</h2>
<div class="bar quiet">coloured by <select id="colour" aria-label="Colour"></select></div>
<div class="card"><div id="lines"></div></div></div>
<div id="scatter-box"><h2>Two columns</h2>
<div class="bar quiet"><select id="y" aria-label="Up"></select> over <select id="x" aria-label="Right"></select></div>
<div class="card"><div id="scatter"></div></div></div>
<h2>Plots of the selected experiments</h2>
<p id="charts-hint" class="quiet">None: select experiments in the table that wrote plots.</p>
<div id="charts" class="grid"></div>
"""


def experiments_page(
    baselines: Sequence[Baseline],
    columns: Mapping[Column, str],
    charts: Sequence[tuple[str, dict[str, Any]]],
    pictures: Sequence[Picture] = (),
) -> str:
    """The page of these experiments; `charts` are (name, specification), whose rows say in `rev` the id of their experiment."""
    rows = [entry for baseline in baselines for entry in _entries(baseline, list(columns))]
    known = []
    for at, (column, name) in enumerate(columns.items()):
        values = [row["values"][at] for row in rows if row["values"][at] is not None]
        known.append({"name": name, "kind": column.kind, "number": all(map(_is_number, values))})
    data = {"columns": known, "rows": rows, "charts": [{"name": name, "spec": spec} for name, spec in charts]}
    data["pictures"] = [{"name": name, "rev": revision, "place": place} for name, revision, place in pictures]
    script = resources.files("dvx").joinpath("assets/experiments.js").read_text(encoding="utf-8")
    return page("Experiments", _BODY, f"const DATA = {as_script(data)};\n{script}", style=STYLE + _STYLE)


def _entries(baseline: Baseline, columns: Sequence[Column]) -> list[dict[str, Any]]:
    row = baseline.row
    group = row.name or (row.revision if row.created is None else row.revision[:7])
    return [
        _entry(baseline.row, group, group, columns),
        *(_entry(row, row.name or row.revision[:7], group, columns) for row in baseline.experiments),
    ]


def _entry(row: ExperimentRow, name: str, group: str, columns: Sequence[Column]) -> dict[str, Any]:
    found = cells(row)
    values = [_plain(found.get(column), column) for column in columns]
    return {
        "id": row.revision,
        "name": name,
        "group": group,
        "state": row.executor.state.value if row.executor else "",
        "created": row.created,
        "when": "" if row.created is None else moment(row.created),
        "values": values,
    }


def _plain(value: Any, column: Column) -> Any:
    """A value that JSON has; numbers that are none are texts, and of digests the beginning does."""
    if column.kind == "deps":
        return value and str(value)[:7]
    if isinstance(value, float) and value - value != 0:
        return str(value)
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
