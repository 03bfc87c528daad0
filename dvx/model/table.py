"""Table: rows under named columns, as a value; only-changed, filter and sort give new tables. None is an empty cell."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvx.errors import UnknownTarget, UsageError, nearest
from dvx.model.canonical import json_sorted


class Table(Struct, frozen=True):
    """Columns have different names; every row has a cell for each."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.columns)) != len(self.columns) or any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("columns are unique, and a row has a cell for each")

    @staticmethod
    def of(fixed: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Table:
        """A table of mappings: the fixed columns first, then every other key, sorted."""
        listed = list(rows)
        others = sorted({key for row in listed for key in row}.difference(fixed))
        columns = (*fixed, *others)
        return Table(columns, tuple(tuple(row.get(column) for column in columns) for row in listed))

    def column(self, name: str) -> tuple[Any, ...]:
        """The cells of one column."""
        position = self.columns.index(name)
        return tuple(row[position] for row in self.rows)

    def only(self, names: Collection[str]) -> Table:
        """These columns, in the order in which they stand."""
        positions = [position for position, name in enumerate(self.columns) if name in names]
        rows = tuple(tuple(row[position] for position in positions) for row in self.rows)
        return Table(tuple(self.columns[position] for position in positions), rows)

    def only_changed(self, kept: Collection[str] = ()) -> Table:
        """Without the columns that hold the same in every row; those in `kept` stay."""
        return self.only([name for name in self.columns if name in kept or len(set(map(json_sorted, self.column(name)))) > 1])

    def without(self, pattern: str, kept: Collection[str] = ()) -> Table:
        """Without the columns whose names begin with a match of the regular expression; those in `kept` stay."""
        dropped = self.matching(pattern)
        return self.only([name for name in self.columns if name in kept or name not in dropped])

    def matching(self, pattern: str) -> tuple[str, ...]:
        """The names that begin with a match of the regular expression."""
        try:
            found = re.compile(pattern)
        except re.error as error:
            raise UsageError(f"`{pattern}` is not a regular expression: {error}") from None
        return tuple(name for name in self.columns if found.match(name))

    def sorted_by(self, name: str, *, descending: bool = False) -> Table:
        """Sorted by one column: numbers, then texts, then empty cells, which come last in both directions.

        Raises:
            UnknownTarget: there is no such column.
        """
        if name not in self.columns:
            raise UnknownTarget(f"there is no column `{name}` to sort by", nearest(name, self.columns))
        position = self.columns.index(name)
        full = [row for row in self.rows if not _is_empty(row[position])]
        full.sort(key=lambda row: _sort_key(row[position]), reverse=descending)
        return Table(self.columns, (*full, *(row for row in self.rows if _is_empty(row[position]))))


def _is_empty(cell: Any) -> bool:
    return cell is None or cell != cell  # noqa: PLR0124  NaN has no place among numbers


def _sort_key(cell: Any) -> tuple[bool, Any]:
    return (False, cell) if isinstance(cell, int | float) else (True, str(cell))
