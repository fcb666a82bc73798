from __future__ import annotations

from dataclasses import replace

import pytest
from synthetic_records import CELL, done

from bench.results.report.charts import Point, Scatter, Value, bars, pareto, scatters, span, ticks
from bench.results.report.plots import write_plots
from bench.results.report.sheets import sheets_of
from bench.results.report.svg import bars_svg, scatter_svg
from metrics.columns import Column

FID, LPIPS = Column("fid", "FID", "lower", 2), Column("lpips", "LPIPS", "higher", 4)
MIOU = Column("miou", "mIoU", "higher", 2)


def records():
    """Four methods and the truth, between quality and diversity."""
    numbers = {"spade": (9.0, 0.0), "vspade": ([11.0, 13.0], 0.2), "groupdnet": (13.0, 0.1), "truth": (1.0, 0.9)}
    numbers["$a_b$ <i>"] = (10.0, 0.1)
    found = []
    for method, (fid, lpips) in numbers.items():
        cell = replace(CELL, method=method)
        found += [done(cell, "fid", fid=fid), done(cell, "lpips", lpips=lpips)]
    return found


def points(**places):
    return [Point(name, Value(x), Value(y)) for name, (x, y) in places.items()]


def test_the_front_holds_what_no_other_method_beats():
    places = points(a=(1, 0.1), b=(2, 0.3), c=(3, 0.2), d=(2, 0.2), e=(4, 0.4))
    assert [point.title for point in pareto(places, FID, LPIPS)] == ["a", "b", "e"]
    assert [point.title for point in pareto(places, MIOU, LPIPS)] == ["e"]


def test_equal_methods_are_both_on_the_front():
    assert len(pareto(points(a=(1, 1), b=(1, 1)), FID, LPIPS)) == 2


@pytest.mark.parametrize(
    ("quality", "places", "stair"),
    [
        (FID, {"a": (1, 0.1), "b": (2, 0.3)}, [(1, 0), (1, 0.1), (1, 0.1), (2, 0.1), (2, 0.3), (9, 0.3), (9, 0.3)]),
        (MIOU, {"a": (1, 0.3), "b": (2, 0.1)}, [(0, 0.3), (0, 0.3), (1, 0.3), (1, 0.1), (2, 0.1), (2, 0), (2, 0)]),
    ],
    ids=["lower", "higher"],
)
def test_the_stair_goes_along_the_front_from_edge_to_edge(quality, places, stair):
    scatter = Scatter("", "", quality, LPIPS, tuple(points(**places)), ())
    found = scatter.stair((0, 9), (0, 1))
    assert [corner for place, corner in enumerate(found) if corner not in found[:place]] == list(dict.fromkeys(stair))


def test_the_truth_is_a_reference_and_takes_no_part_in_the_front():
    (scatter,) = scatters(sheets_of(records())[0])
    assert [point.title for point in scatter.references] == ["Truth"]
    assert [point.title for point in scatter.front] == ["SPADE", "$a_b$ <i>", "VSPADE"]


def test_whiskers_are_the_interval_or_else_one_deviation():
    runs = done(fid=[1.0, 3.0])
    wide = replace(done(replace(CELL, method="spade"), fid=[1.0, 3.0]), intervals={"fid": (0.0, 9.0)})
    (chart,) = bars(sheets_of([runs, wide])[0])
    assert [bar.value.range for bar in chart.bars] == [(0.0, 9.0), pytest.approx((2 - 2**0.5, 2 + 2**0.5))]


def test_charts_name_every_method_in_words():
    sheet = sheets_of(records())[0]
    text = scatter_svg(scatters(sheet)[0], "one")
    assert text.count('class="label"') == 4
    assert "Truth (reference)" in text
    assert "Pareto front: SPADE, $a_b$ &lt;i&gt;, VSPADE." in text
    assert "9.00 best" in bars_svg(bars(sheet)[0], "two")
    assert text.count("<circle") == text.count('class="s0"') == 1  # shapes differ, not only colours


def test_ticks_are_round_and_inside():
    assert ticks(0.03, 1.02) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(84.1, 92.3) == pytest.approx([86, 88, 90, 92])
    assert ticks(3, 3) == [3]
    assert span([2, 2])[0] < 2 < span([2, 2])[1]


def test_plots_are_files_of_equal_bytes(tmp_path):
    first = sorted(write_plots(records(), tmp_path / "one"))
    again = sorted(write_plots(records()[::-1], tmp_path / "two"))
    names = ["table1-fid.pdf", "table1-fid.png", "table1-fid_lpips.pdf", "table1-fid_lpips.png"]
    assert [path.name for path in first] == [*names, "table1-lpips.pdf", "table1-lpips.png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert first[1].read_bytes().startswith(b"\x89PNG")
    assert first[0].read_bytes().startswith(b"%PDF")
