from __future__ import annotations

import pytest

from bench.results.tables.grid import Grid, Group, Number, Row, digits, ranks
from metrics.columns import Column


def test_lower_is_better_or_higher_is():
    assert ranks(["3", "1", "2"], "lower") == ["", "best", "second"]
    assert ranks(["3", "1", "2"], "higher") == ["best", "", "second"]


def test_equal_numbers_share_a_mark():
    assert ranks(["0.2", "0.20", "0.1", "0.1", "0.0"], "higher") == ["best", "best", "second", "second", ""]


def test_numbers_compare_by_value_and_not_by_text():
    assert ranks(["9.5", "10.0"], "lower") == ["best", "second"]


def test_blanks_are_not_marked_and_take_no_part():
    assert ranks(["", "2", "", "1"], "higher") == ["", "best", "", "second"]


def test_a_number_without_rival_or_direction_is_not_marked():
    assert ranks(["1", ""], "higher") == ["", ""]
    assert ranks(["1", "2"], "") == ["", ""]


@pytest.mark.parametrize(
    ("value", "decimals", "sign", "shown"),
    [
        (0.125, 2, "", "0.12"),
        (-0.001, 2, "", "0.00"),
        (-0.001, 2, "+", "+0.00"),
        (1.5, 0, "+", "+2"),
        (9.97, 2, "", "9.97"),
    ],
)
def test_digits_are_fixed_and_zero_has_no_minus(value, decimals, sign, shown):
    assert digits(value, decimals, sign) == shown


def test_equal_footnotes_share_a_letter():
    rows = (
        Row("A", ((Number(note="no record"),), (Number("1"),)), notes=("untrained",)),
        Row("B", ((Number(note="no record"),), (Number(note="skipped"),))),
    )
    group = Group("", (Column("x", "X", "", 0), Column("y", "Y", "", 0)))
    assert Grid("t", "c", (group,), rows).letters == {"untrained": "a", "no record": "b", "skipped": "c"}


def test_letters_do_not_run_out():
    rows = tuple(Row("A", ((Number(note=f"reason {n}"),),)) for n in range(28))
    letters = Grid("t", "c", (Group("", (Column("x", "X", "", 0),)),), rows).letters
    assert len(set(letters.values())) == 28
    assert letters["reason 26"] == "aa"


def test_the_head_of_a_column_shows_unit_and_direction():
    assert Column("p", "Params", "lower", 2, "M").head == "Params (M) ↓"
    assert Column("p", "Setting", "", 0).head == "Setting"
