from __future__ import annotations

import csv
import io
import random
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from processes import finished
from synthetic_records import CELL, done, of_paper

from bench.common.errors import UserError
from bench.results.records import PROBE
from bench.results.tables.latex import escape, latex
from bench.results.tables.paper_table import NOT_COUNTED, PaperTable
from bench.results.tables.published import published_table, table_files
from bench.results.tables.writers import FORMATS, text

GOLDENS = Path(__file__).parents[3] / "goldens" / "tables"
ALL_VALUES = ["measured", "published", "both", "delta"]
TOY = published_table("toy-1", GOLDENS)


def toy(records=None, **settings):
    return PaperTable(TOY, of_paper() if records is None else records, **settings)


def place(paper, method, dataset, key):
    wanted = (method, dataset, key)
    return next(p.measured for p in paper.places if (p.row.method, p.dataset, p.column.key) == wanted)


@pytest.mark.parametrize("values", ALL_VALUES)
@pytest.mark.parametrize("form", FORMATS)
def test_a_table_prints_as_stored(values, form):
    suffix, write = FORMATS[form]
    assert write(toy().grid(values)) == (GOLDENS / f"toy-1-{values}{suffix}").read_text(encoding="utf-8")


@pytest.mark.parametrize("values", ALL_VALUES)
def test_a_table_writes_the_stored_csv(values):
    assert toy().csv(values) == (GOLDENS / f"toy-1-{values}.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("values", ALL_VALUES)
def test_the_order_of_records_does_not_matter(values):
    records = of_paper()
    random.Random(0).shuffle(records)
    assert text(toy(records).grid(values)) == text(toy().grid(values))


@pytest.mark.parametrize(
    ("method", "dataset", "key", "reason"),
    [
        ("groupdnet", "deepfashion", "lpips", "skipped: no <alexnet> & no heads"),
        ("inade", "ade20k", "miou", "measured with untrained weights only"),
        ("groupdnet", "ade20k", "params_m", NOT_COUNTED),  # there is one with the tiny preset
        ("spade", "ade20k", "params_m", NOT_COUNTED),  # there is a limited one
        ("inade", "ade20k", "params_m", NOT_COUNTED),  # there is one of another protocol
        ("inade-no-us", "deepfashion", "lpips", "no record"),
    ],
)
def test_a_place_without_a_full_trained_measurement_is_blank_with_the_reason(method, dataset, key, reason):
    number = place(toy(), method, dataset, key)
    assert (number.text, number.note) == ("", reason)


def test_another_protocol_can_be_asked_for():
    paper = toy(protocol="clean")
    assert place(paper, "inade", "ade20k", "params_m").text == "0.3"
    assert place(paper, "inade", "deepfashion", "fid").text == ""
    assert "protocol clean" in text(paper.grid("measured"))


def test_trained_weights_come_before_untrained_ones_whatever_their_age():
    trained, untrained = done(fid=1.0), done(fid=2.0, weights="untrained")
    untrained = replace(untrained, provenance=replace(untrained.provenance, start="2030-01-01T00:00:00+00:00"))
    assert place(toy([trained, untrained]), "inade", "deepfashion", "fid").text == "1.00"


def test_a_number_comes_before_a_failure():
    failed = replace(done(fid=1.0), status="failed", values={}, reason="out of memory", key="z", version=9)
    assert place(toy([done(fid=1.0), failed]), "inade", "deepfashion", "fid").text == "1.00"


def test_an_untrained_measurement_says_more_than_a_failure():
    failed = replace(done(fid=1.0), status="failed", values={}, reason="out of memory", key="z", version=9)
    number = place(toy([done(fid=1.0, weights="untrained"), failed]), "inade", "deepfashion", "fid")
    assert (number.text, number.note) == ("", "measured with untrained weights only")


def test_rows_that_take_no_part_are_never_marked():
    marks = {row.title: row.entries[0][0].mark for row in toy().grid("measured").rows}
    assert marks == {"SPADE [24]": "second", "INADE": "best", "GroupDNet": "best", "w/o US_A": ""}


def test_published_marks_are_as_printed():
    marks = {row.title: row.entries[0][0].mark for row in toy().grid("published").rows}
    assert marks == {"SPADE [24]": "", "INADE": "second", "GroupDNet": "best", "w/o US_A": ""}


def test_published_numbers_are_marked_in_latex():
    rows = [line for line in latex(toy().grid("both")).splitlines() if line.endswith(r"\\") and "INADE" in line]
    assert r"\published{(\underline{9.97})}" in rows[0]
    assert r"\textbf{10.00} $\pm$ 0.50" in rows[0]
    published = latex(toy().grid("published"))
    assert r"\published{\underline{9.97}}" in published


def test_a_difference_is_measured_minus_published():
    lines = list(csv.DictReader(io.StringIO(toy().csv("delta"))))
    found = {(line["method"], line["dataset"], line["metric"]): line for line in lines}
    assert found["spade", "deepfashion", "fid"]["delta"] == "+0.28"
    assert found["spade", "ade20k", "miou"]["delta"] == "-0.28"
    assert found["inade-no-us", "deepfashion", "lpips"] == {
        "table": "toy-1", "method": "inade-no-us", "dataset": "deepfashion", "metric": "lpips",
        "delta": "", "verdict": "not measured", "blank": "no record",
    }  # fmt: skip


def test_a_difference_says_where_all_digits_agree():
    exact = [done(fid=9.974), done(metric="lpips", lpips=0.2256)]
    row = toy(exact).grid("delta").rows[1]
    assert [entry[0].text for entry in row.entries[:2]] == ["reproduced", "+0.001"]
    lines = csv.DictReader(io.StringIO(toy(exact).csv("delta")))
    assert [(line["delta"], line["verdict"]) for line in lines if line["method"] == "inade"][:2] == [
        ("+0.00", "reproduced"), ("+0.001", "differs"),
    ]  # fmt: skip


def test_a_difference_within_two_deviations_of_the_runs_is_marked_as_noise():
    noisy = toy([done(fid=[9.5, 10.5]), done(metric="lpips", lpips=[0.3, 0.3001])])  # the paper: 9.97 and 0.225
    row = noisy.grid("delta").rows[1]
    assert [entry[0].text for entry in row.entries[:2]] == ["≈ +0.03", "+0.075"]
    lines = csv.DictReader(io.StringIO(noisy.csv("delta")))
    assert [line["verdict"] for line in lines if line["method"] == "inade"][:2] == ["within noise", "differs"]
    assert r"$\approx$ +0.03" in latex(noisy.grid("delta"))


def test_a_doubtful_number_has_its_doubt_beside_it():
    paper = toy([replace(done(fid=9.974), doubts=("Measured with another network.",))])
    number = place(paper, "inade", "deepfashion", "fid")
    assert (number.text, number.note) == ("9.97", "Measured with another network.")
    for values in ("measured", "both", "delta"):
        assert "Measured with another network." in text(paper.grid(values))
        line = next(line for line in csv.DictReader(io.StringIO(paper.csv(values))) if line["method"] == "inade")
        assert line["blank"] == ""
    assert "Measured with" not in text(paper.grid("published"))


SCENES = replace(CELL, dataset="ade20k")


def test_a_cost_counts_without_weights_and_whatever_the_protocol():
    cost = done(replace(SCENES, protocol=PROBE), "params", "none", params_m=1.0)
    for paper in (toy([cost]), toy([cost], protocol="clean")):
        assert place(paper, "inade", "ade20k", "params_m").text == "1.0"
        assert "they depend on no weights" in text(paper.grid("measured"))
    assert "they depend on no weights" not in text(toy([cost]).grid("published"))
    assert "they depend on no weights" not in text(toy().grid("measured"))


def test_a_cost_of_the_fixed_layout_comes_before_one_of_the_data():
    cost = done(replace(SCENES, protocol=PROBE), "params", "none", params_m=1.0)
    of_data = replace(done(SCENES, "params", params_m=2.0), version=9)
    assert place(toy([of_data, cost]), "inade", "ade20k", "params_m").text == "1.0"


def test_quality_still_needs_trained_weights():
    assert place(toy([done(fid=1.0, weights="untrained")]), "inade", "deepfashion", "fid").text == ""


def _rows_of(source):
    body = re.search(r"\\begin{tabular}{(l r*|lr*)}(.*?)\\end{tabular}", source, re.DOTALL)
    lines = [line for line in body[2].splitlines() if line.endswith(r"\\")]
    return len(body[1]), lines


@pytest.mark.parametrize("values", ALL_VALUES)
def test_latex_is_well_formed(values):
    source = latex(toy().grid(values))
    assert Counter(re.findall(r"\\begin{(\w+)}", source)) == Counter(re.findall(r"\\end{(\w+)}", source))
    plain = re.sub(r"\\.", "", source)  # without \{ and \}
    assert plain.count("{") == plain.count("}")
    width, lines = _rows_of(source)
    assert len(lines) == 2 + len(TOY.rows)
    for line in lines[1:]:
        assert len(re.findall(r"(?<!\\)&", line)) == width - 1
    assert all(ord(sign) < 128 for sign in source)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_compiles(tmp_path):
    tables = [latex(toy().grid(values)) for values in ALL_VALUES]
    tables.append(latex(PaperTable(published_table("inade-1"), []).grid("both")))
    tables.append(escape("~^<>|[]\\#$%&_{}–±×→↑↓≤≥ℓé"))
    body = "\n".join(["\\documentclass{article}\\usepackage{booktabs,xcolor}\\begin{document}", *tables])
    (tmp_path / "all.tex").write_text(body + "\n\\end{document}\n", encoding="utf-8")
    code, output, _ = finished(
        "pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"-output-directory={tmp_path}", tmp_path / "all.tex"
    )
    assert code == 0, output[-2000:]


INADE = published_table("inade-1")


@pytest.mark.parametrize(
    ("method", "dataset", "metric", "value"),
    [
        ("bicyclegan", "deepfashion", "fid", "31.10"),
        ("dscgan", "deepfashion2", "fid", "48.64"),
        ("vspade", "deepfashion2", "mhe", "43.7"),
        ("groupdnet", "deepfashion", "mocd", "0.0077"),
        ("inade", "deepfashion", "fid", "9.97"),
        ("inade", "deepfashion", "she", "88.3"),
        ("inade", "deepfashion2", "misd", "0.0580"),
        ("inade", "deepfashion2", "ihe", "82.8"),
        ("inade-no-pnr", "deepfashion2", "moid", "0.0189"),
        ("inade-no-us", "deepfashion", "fid", "248.33"),
        ("inade-no-us", "deepfashion2", "lpips", "0.633"),
    ],
)
def test_the_published_csv_keeps_the_digits_of_inade_table_1(method, dataset, metric, value):
    text = PaperTable(INADE, []).csv("published")
    assert text.startswith("table,method,dataset,metric,value\n")
    assert f"inade-1,{method},{dataset},{metric},{value}\n" in text


def test_inade_table_1_is_complete():
    lines = list(csv.DictReader(io.StringIO(PaperTable(INADE, []).csv("published"))))
    assert len(lines) == 7 * 12 - 2 * 4  # the ablations were not shown to people
    assert [row.method for row in INADE.rows] == [
        "bicyclegan", "dscgan", "vspade", "groupdnet", "inade", "inade-no-pnr", "inade-no-us",
    ]  # fmt: skip
    assert [column.key for column in INADE.groups[0].columns] == ["fid", "lpips", "mcsd", "mocd", "mhe", "she"]
    assert [column.key for column in INADE.groups[1].columns] == ["fid", "lpips", "misd", "moid", "mhe", "ihe"]


def test_human_choices_of_inade_table_1_sum_to_all():
    for dataset in ("deepfashion", "deepfashion2"):
        lines = csv.DictReader(io.StringIO(PaperTable(INADE, []).csv("published")))
        shares = [float(x["value"]) for x in lines if (x["dataset"], x["metric"]) == (dataset, "mhe")]
        assert sum(shares) == pytest.approx(100)


def test_the_columns_take_the_decimals_of_the_print():
    assert [column.decimals for column in INADE.groups[0].columns] == [2, 3, 4, 4, 1, 1]
    assert [column.decimals for column in TOY.groups[1].columns] == [2, 1, 0]


@pytest.mark.parametrize("name", table_files())
def test_every_shipped_table_can_be_read_and_printed(name):
    paper = PaperTable(published_table(name), [])
    for values in ALL_VALUES:
        assert paper.csv(values)
        for _, write in FORMATS.values():
            assert name in write(paper.grid(values))


def test_an_unknown_table_has_a_nearest_one():
    with pytest.raises(UserError, match="Did you mean 'toy-1'"):
        published_table("toy1", GOLDENS)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('better = "lower"', 'better = "down"', "better is 'down', expected 'higher' or 'lower'"),
        ('["11.22", "0"]', '["11.22"]', r"row spade has \[1, 3\] values in its groups, expected \[2, 3\]"),
        ('id = "toy-1"', 'id = "toy-2"', "its id is 'toy-2'"),
        ('caption = "Everything a table can hold_."', "", "caption is missing"),
        ('dataset = "ade20k"\n', "", "dataset is missing"),
        ("rule = true", "line = true", "unknown 'line'"),
        ('id = "toy-1"', "id = ", "bad.toml|toy-1.toml"),
    ],
)
def test_a_mistake_in_a_table_file_is_named(tmp_path, old, new, words):
    content = (GOLDENS / "toy-1.toml").read_text(encoding="utf-8")
    assert old in content
    (tmp_path / "toy-1.toml").write_text(content.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match=words) as caught:
        published_table("toy-1", tmp_path)
    assert str(tmp_path / "toy-1.toml") in str(caught.value)


def test_a_measured_number_outside_the_suite_of_the_table_is_ignored():
    other = done(replace(CELL, method="clade"), fid=1.0)
    assert text(toy([other]).grid("measured")) == text(toy([]).grid("measured"))
