"""The table of `exp show`: which columns there are, what stands in the cells, and DVC's JSON of the same."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvx.cli.terminal.clock import local, moment
from dvx.errors import UnknownColumn, nearest
from dvx.model.compare.params import flatten
from dvx.model.pipelines.run import FAILURES, State
from dvx.model.table import Table
from dvx.ops.experiments.show import Baseline, Executor, ExperimentRow

HEAD = ("Experiment", "Created")
CSV_HEAD = ("Experiment", "rev", "typ", "Created", "parent")
STATES = ("State", "Executor")
"""Columns that are there if an experiment is not done."""
_SHORT = 7


class Columns(Struct, frozen=True):
    """Which columns are wanted, by regular expressions on their names; `keep` wins."""

    only_changed: bool = False
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()


class Style(Struct, frozen=True):
    """How cells are written: `precision` counts significant digits (None: all), `sha` shows ids instead of names."""

    precision: int | None = 5
    sha: bool = False
    short_hashes: bool = True


class Column(Struct, frozen=True, order=True):
    """One value of every row: `kind` is `metrics`, `params` or `deps`; `key` is empty for a dependency."""

    kind: str
    file: str
    key: str

    @property
    def full(self) -> str:
        """The name that no other column has."""
        return f"{self.file}:{self.key}" if self.key else self.file


def cells(row: ExperimentRow) -> dict[Column, Any]:
    """The values of a row."""
    found: dict[Column, Any] = {}
    for kind in ("metrics", "params"):
        for file, one in (row.data or {}).get(kind, {}).items():
            found |= {Column(kind, file, key): value for key, value in flatten(one.get("data") or {}).items()}
    for path, facts in (row.data or {}).get("deps", {}).items():
        found[Column("deps", path, "")] = facts["hash"]
    return found


def choose(baselines: Sequence[Baseline], wanted: Columns) -> dict[Column, str]:
    """The columns to show and their names: bare where that is unique, with the file otherwise."""
    rows = [cells(row) for row in _rows(baselines)]
    order = ("metrics", "params", "deps")
    columns = sorted(
        dict.fromkeys(column for row in rows for column in row),
        key=lambda one: (order.index(one.kind), one.file if one.kind == "deps" else ""),
    )
    names = _names(columns)
    # what is a metric of one stage may be a parameter of the next, of the same name and value
    named = {name: column for column, name in names.items()}
    table = Table(tuple(named), tuple(tuple(row.get(column) for column in named.values()) for row in rows))
    kept = {name for pattern in wanted.keep for name in table.matching(pattern)}
    if wanted.only_changed:
        table = table.only_changed(kept)
    for pattern in wanted.drop:
        table = table.without(pattern, kept)
    return {column: name for column, name in names.items() if name in table.columns}


def sort(baselines: Sequence[Baseline], name: str, *, descending: bool) -> tuple[Baseline, ...]:
    """The same, with the experiments of each baseline sorted by a column; those without a value come last.

    Raises:
        UnknownColumn: there is no such column.
    """
    columns = choose(baselines, Columns())
    chosen = next((column for column, short in columns.items() if name in (short, column.full)), None)
    if chosen is None:
        raise UnknownColumn(f"there is no column `{name}`", nearest(name, columns.values()) or "`dvx exp show` shows them")

    def ordered(rows: Sequence[ExperimentRow]) -> tuple[ExperimentRow, ...]:
        table = Table(("value", "row"), tuple((cells(row).get(chosen), row) for row in rows))
        return table.sorted_by("value", descending=descending).column("row")

    return tuple(Baseline(one.row, ordered(one.experiments)) for one in baselines)


def text_rows(baselines: Sequence[Baseline], columns: Iterable[Column], style: Style) -> list[list[str]]:
    """The table for people: `Experiment`, `Created`, then the columns."""
    columns = list(columns)
    rows = []
    states = has_states(baselines)
    for baseline in baselines:
        head = [_title(baseline.row, style), _when(baseline.row.created), *_states(baseline.row, "-", shown=states)]
        rows.append([*head, *_values(baseline.row, columns, style, _lacking(baseline.row))])
        for number, row in enumerate(baseline.experiments, 1):
            branch = "└──" if number == len(baseline.experiments) else "├──"
            title = f"{branch} {row.revision[:_SHORT]} [{row.name}]"
            head = [title, _when(row.created), *_states(row, "-", shown=states)]
            rows.append([*head, *_values(row, columns, style, _lacking(row))])
    return rows


def _lacking(row: ExperimentRow) -> str:
    """What stands where a row has no value: as in DVC, one that could not be read is told from one that has none."""
    return "!" if row.error is not None and row.executor is None else "-"


def without_fixed(rows: Sequence[Sequence[str]], count: int, wanted: Columns) -> list[list[str]]:
    """A table with its head, without those of its first `count` columns, which every table has, that are not wanted."""
    fixed = Table(tuple(rows[0][:count]), ())
    kept = {name for pattern in wanted.keep for name in fixed.matching(pattern)}
    for pattern in wanted.drop:
        fixed = fixed.without(pattern, kept)
    places = [place for place, name in enumerate(rows[0]) if place >= count or name in fixed.columns]
    return [[row[place] for place in places] for row in rows]


def csv_rows(baselines: Sequence[Baseline], columns: Iterable[Column], style: Style) -> list[list[str]]:
    """The table for programs: `Experiment`, `rev`, `typ`, `Created`, `parent`, then the columns."""
    columns = list(columns)
    rows = []
    states = has_states(baselines)
    for baseline in baselines:
        rows.append(
            [
                "",
                _title(baseline.row, style),
                "baseline",
                _iso(baseline.row.created) or "",
                "",
                *_states(baseline.row, "", shown=states),
                *_values(baseline.row, columns, style, ""),
            ]
        )
        for number, row in enumerate(baseline.experiments, 1):
            kind = "branch_base" if number == len(baseline.experiments) else "branch_commit"
            head = [row.name, row.revision[:_SHORT], kind, _iso(row.created) or "", "", *_states(row, "", shown=states)]
            rows.append([*head, *_values(row, columns, style, "")])
    return rows


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV, without the last newline; lines end as RFC 4180 has it, and as DVC prints them."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().removesuffix("\n")


def without_parent(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """CSV rows without the column `parent`, which is the same (empty) in all of them."""
    at = CSV_HEAD.index("parent")
    return [[*row[:at], *row[at + 1 :]] for row in rows]


def errors(baselines: Iterable[Baseline]) -> list[tuple[str, str]]:
    """The rows, or files of them, that could not be read, with the reasons."""
    found = []
    for row in _rows(baselines):
        label = row.name or (row.revision if row.revision == "workspace" else row.revision[:7])
        if row.executor is not None:
            # that it failed stands in its line
            continue
        if row.error is not None:
            found.append((label, row.error["msg"]))
        for kind in ("params", "metrics"):
            files = (row.data or {}).get(kind, {}).values()
            found += [(label, one["error"]["msg"]) for one in files if "error" in one]
    return found


def as_json(baselines: Sequence[Baseline]) -> list[dict[str, Any]]:
    """What `dvc exp show --json` prints."""
    return [
        _json_row(one.row)
        | {
            "experiments": [
                {"revs": [_json_row(row)], "executor": _json_executor(row.executor), "name": row.name} for row in one.experiments
            ]
            or None,
        }
        for one in baselines
    ]


def has_states(baselines: Iterable[Baseline]) -> bool:
    """Whether an experiment among them is not done."""
    return any(row.executor is not None for row in _rows(baselines))


def _states(row: ExperimentRow, missing: str, *, shown: bool) -> list[str]:
    if not shown:
        return []
    return [row.executor.state.value.capitalize(), row.executor.place] if row.executor else [missing, missing]


def _json_executor(executor: Executor | None) -> dict[str, Any] | None:
    if executor is None:
        return None
    local = {
        "root": executor.root or None,
        "log": executor.log or None,
        "pid": None,
        "returncode": None,
        "task_id": executor.task,
    }
    # the words of DVC's tools
    state = "failed" if executor.state in FAILURES else "running" if executor.state is State.PAUSED else executor.state.value
    return {"state": state, "name": executor.place, "local": local}


def _json_row(row: ExperimentRow) -> dict[str, Any]:
    data = None if row.data is None else {"rev": row.revision, "timestamp": _iso(row.created), **row.data, "meta": {}}
    return {"rev": row.revision, "name": row.name or None, "data": data, "error": row.error, "experiments": None}


def _rows(baselines: Iterable[Baseline]) -> Iterable[ExperimentRow]:
    for baseline in baselines:
        yield baseline.row
        yield from baseline.experiments


def _names(columns: Sequence[Column]) -> dict[Column, str]:
    bare = [column.key or column.file for column in columns]
    return {column: name if bare.count(name) == 1 else column.full for column, name in zip(columns, bare, strict=True)}


def _title(row: ExperimentRow, style: Style) -> str:
    return row.name if row.name and not style.sha else row.revision if row.revision == "workspace" else row.revision[:_SHORT]


def _values(row: ExperimentRow, columns: Iterable[Column], style: Style, missing: str) -> list[str]:
    found: Mapping[Column, Any] = cells(row)
    return [_shown(column, found[column], style) if found.get(column) is not None else missing for column in columns]


def _shown(column: Column, value: Any, style: Style) -> str:
    if column.kind == "deps" and style.short_hashes:
        return str(value)[:_SHORT]
    return f"{value:.{style.precision}g}" if isinstance(value, float) and style.precision is not None else str(value)


def _when(created: int | None) -> str:
    return "-" if created is None else moment(created)


def _iso(created: int | None) -> str | None:
    return None if created is None else local(created).isoformat()
