from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_records import CELL, done, later, of_run, skipped

from bench.results.tables.run_table import RunTable
from bench.results.tables.writers import FORMATS, text
from metrics.columns import Column

GOLDENS = Path(__file__).parents[3] / "goldens" / "tables"
METHODS = ("spade", "inade", "groupdnet", "truth")
COLUMNS = (
    Column("fid", "FID", "lower", 2),
    Column("fid_pd", "FID-pd", "lower", 3),
    Column("misd_pd", "mISD-pd", "higher", 4),
    Column("moid_pd", "mOID-pd", "lower", 4),
)


def table(records, **settings):
    return RunTable(records, COLUMNS, METHODS).grid(**settings)


@pytest.mark.parametrize("form", FORMATS)
def test_a_run_prints_as_stored(form):
    suffix, write = FORMATS[form]
    assert write(table(of_run())) == (GOLDENS / f"run{suffix}").read_text(encoding="utf-8")


def test_a_run_writes_the_stored_csv():
    assert RunTable(of_run(), COLUMNS, METHODS).csv() == (GOLDENS / "run.csv").read_text(encoding="utf-8")


def test_the_order_of_records_does_not_matter_to_the_rows():
    assert table(of_run()[::-1]).rows == table(of_run()).rows


def test_rows_come_in_the_order_of_the_methods_and_columns_as_far_as_filled():
    grid = table(of_run())
    assert [row.title for row in grid.rows] == ["SPADE (tiny)", "INADE (tiny)", "Truth (tiny)"]
    assert [column.key for column in grid.columns] == ["fid_pd", "misd_pd", "moid_pd"]


def test_the_truth_is_never_marked_as_best():
    assert [row.entries[0][0].mark for row in table(of_run()).rows] == ["second", "best", ""]


def test_real_photos_are_never_marked_as_best():
    cells = [replace(CELL, method=name) for name in ("spade", "inade", "real")]
    records = [done(cell, fid=value) for cell, value in zip(cells, (9.0, 8.0, 0.0), strict=True)]
    grid = RunTable(records, COLUMNS, (*METHODS, "real")).grid()
    assert [row.entries[0][0].mark for row in grid.rows] == ["second", "best", ""]


def test_equal_numbers_as_shown_share_the_mark():
    cells = [replace(CELL, method=name) for name in ("spade", "inade", "groupdnet")]
    values = [9.001, 9.004, 9.1]
    grid = table([done(cell, fid=value) for cell, value in zip(cells, values, strict=True)])
    assert [row.entries[0][0].mark for row in grid.rows] == ["best", "best", "second"]


def test_the_spread_is_the_sample_deviation_over_runs():
    number = table([done(fid=[9.0, 10.0, 12.0])]).rows[0].entries[0][0]
    assert number.text == "10.33"
    assert number.spread == f"{math.sqrt(((4 / 3) ** 2 + (1 / 3) ** 2 + (5 / 3) ** 2) / 2):.2f}"
    assert table([done(fid=[9.0])]).rows[0].entries[0][0].spread == ""


def test_a_limited_run_says_so_in_head_and_notes():
    shown = text(table([done(replace(CELL, limit=50), fid=1.0)]))
    assert "deepfashion[:50]" in shown.splitlines()[1]
    assert "Limited runs, not comparable with full ones: deepfashion[:50]." in shown


def test_full_and_limited_runs_never_share_a_column():
    grid = table([done(fid=1.0), done(replace(CELL, limit=50), fid=2.0)])
    assert [group.title for group in grid.groups] == ["deepfashion", "deepfashion[:50]"]
    assert [entry[0].text for entry in grid.rows[0].entries] == ["1.00", "2.00"]


def test_protocols_never_share_a_column():
    grid = table([done(fid=1.0), done(replace(CELL, protocol="clean"), fid=2.0)])
    assert [group.title for group in grid.groups] == ["deepfashion, inade2021", "deepfashion, clean"]


def test_presets_never_share_a_row():
    grid = table([done(fid=1.0), done(replace(CELL, preset="tiny"), fid=2.0)])
    assert [row.title for row in grid.rows] == ["INADE", "INADE (tiny)"]


def test_untrained_weights_show_in_the_row_and_the_csv():
    records = [done(fid=1.0, weights="untrained")]
    assert "untrained weights" in text(table(records))
    line = next(csv.DictReader(io.StringIO(RunTable(records, COLUMNS, METHODS).csv())))
    assert line["weights"] == "untrained"


def test_a_blank_has_its_reason():
    records = [done(fid=1.0), skipped(replace(CELL, method="spade"), "fid", "no Inception weights", "fid")]
    records.append(done(replace(CELL, method="groupdnet"), "lpips-pd", lpips_pd=1.0))
    notes = {row.title: row.entries[0][0].note for row in table(records).rows}
    assert notes == {"INADE": "", "SPADE": "skipped: no Inception weights", "GroupDNet": "no record"}


def test_the_newest_record_of_a_number_is_shown():
    old = done(fid=1.0)
    new = replace(later(old, "2026-02-01T00:00:00+00:00"), values={"fid": 2.0})
    raised = replace(old, key="raised", version=2, values={"fid": 3.0})
    for records, shown in (([old, new], "2.00"), ([new, old], "2.00"), ([raised, new], "3.00")):
        assert table(records).rows[0].entries[0][0].text == shown


def test_csv_numbers_read_back_exactly():
    value = 1 / 3
    line = next(csv.DictReader(io.StringIO(RunTable([done(fid=[value, value + 1])], COLUMNS, METHODS).csv())))
    assert float(line["fid"]) == (value + value + 1) / 2
    assert line["method"] == "inade"


def test_colors_are_for_terminals_only():
    assert "\x1b[" not in text(table(of_run()))
    assert "\x1b[1m" in text(table(of_run()), color=True)
