"""Table: only-changed, filter and sort as values."""

from __future__ import annotations

import pytest

from dvx.errors import UnknownTarget, UsageError
from dvx.model.table import Table

RUNS = Table(("name", "lr", "seed", "acc"), (("a", 0.1, 7, 0.5), ("b", 0.2, 7, None), ("c", 0.05, 7, 0.9)))


def test_a_table_of_mappings_has_the_fixed_columns_first_and_the_others_sorted():
    assert Table.of(("Path",), [{"Path": "m", "b": 1}, {"a": 2, "Path": "n"}]) == Table(
        ("Path", "a", "b"), (("m", None, 1), ("n", 2, None))
    )


def test_every_row_has_a_cell_for_each_column():
    with pytest.raises(ValueError, match="a cell for each"):
        Table(("a", "b"), ((1,),))
    with pytest.raises(ValueError, match="unique"):
        Table(("a", "a"), ((1, 2),))


def test_only_changed_leaves_out_what_is_the_same_everywhere():
    assert RUNS.only_changed().columns == ("name", "lr", "acc")
    assert RUNS.only_changed(kept=("seed",)).columns == ("name", "lr", "seed", "acc")


def test_a_value_of_another_type_is_a_change():
    assert Table(("x",), ((1,), (1.0,))).only_changed().columns == ("x",)
    assert Table(("x",), ((1,), (1,))).only_changed().columns == ()


def test_columns_are_dropped_by_the_beginning_of_their_names():
    assert RUNS.without("s|l").columns == ("name", "acc")
    assert RUNS.without("eed").columns == RUNS.columns
    assert RUNS.without(".*", kept=("name",)).rows == (("a",), ("b",), ("c",))


def test_a_bad_pattern_is_told():
    with pytest.raises(UsageError, match=r"`\(` is not a regular expression"):
        RUNS.without("(")


@pytest.mark.parametrize(("descending", "names"), [(False, "acb"), (True, "cab")])
def test_empty_cells_come_last_in_both_directions(descending: bool, names: str):
    assert "".join(RUNS.sorted_by("acc", descending=descending).column("name")) == names


def test_numbers_come_before_texts():
    assert Table(("x",), (("b",), (10,), ("a",), (9.5,), (float("nan"),))).sorted_by("x").column("x")[:4] == (9.5, 10, "a", "b")


def test_an_unknown_column_is_told_with_the_nearest():
    with pytest.raises(UnknownTarget) as caught:
        RUNS.sorted_by("seeds")
    assert (caught.value.message, caught.value.hint) == ("there is no column `seeds` to sort by", "did you mean `seed`?")
