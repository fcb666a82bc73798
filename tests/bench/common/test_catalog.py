from __future__ import annotations

import pytest

from bench.common.catalog import methods, title_of
from bench.results.tables.published import published_table, table_files


def test_titles_are_short_and_no_two_methods_have_the_same():
    titles = [title_of(name) for name in methods()]
    assert len(set(titles)) == len(titles)
    assert max(map(len, titles)) <= 35


def test_no_title_is_the_name_that_users_type():
    assert [name for name in methods() if title_of(name) in methods()] == []


def test_a_method_that_is_not_known_keeps_its_name():
    assert [title_of(name) for name in ("pix2pixhd", "pix2pixhd++", "inade-8", "truth", "nobody")] == [
        *("pix2pixHD", "pix2pixHD++", "INADE-8", "Truth", "nobody")
    ]


@pytest.mark.parametrize("name", ["inade-1", "inade-2", "inade-3", "spade-1", "scgan-1", "groupdnet-1", "groupdnet-2"])
def test_methods_are_called_as_tables_that_compare_them_print(name):
    assert name in table_files()
    rows = [row for row in published_table(name).rows if row.ranked and row.method in methods()]
    assert {row.method: title_of(row.method) for row in rows} == {row.method: row.title for row in rows}
