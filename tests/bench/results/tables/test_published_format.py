from __future__ import annotations

import pytest
from synthetic_records import done

from bench.common.errors import UserError
from bench.results.records import Cell
from bench.results.tables.latex import latex
from bench.results.tables.paper_table import PaperTable
from bench.results.tables.published import ROUNDING, Printed, published_table
from bench.results.tables.writers import html, markdown, text

TOY = """
id = "toy"
paper = "Toy, Table 1"
caption = "Turned."
protocol = "inade2021"
source = "Nobody"
transposed = true
corner = "Op & co"
[footnotes]
row = "Of the whole row."
cell = "Of one number."
[[groups]]
head = "Cityscapes"
dataset = "cityscapes"
columns = [
  { key = "gmacs", record = "gmacs_paper", head = "FLOPs", better = "lower", unit = "G" },
  { key = "miou", head = "mIoU", better = "higher" },
]
[[rows]]
method = "spade"
title = "SPADE"
notes = ["row"]
values = [["*281.54*[cell]", "62.3"]]
[[rows]]
method = "inade"
title = "INADE"
values = [["96M", "-[cell]"]]
"""
UPRIGHT = TOY.replace("transposed = true\n", "")


def toy(folder, content=TOY, records=()):
    (folder / "toy.toml").write_text(content, encoding="utf-8")
    return PaperTable(published_table("toy", folder), records)


def records():
    cells = {name: Cell(name, "paper", "cityscapes", "inade2021") for name in ("spade", "inade")}
    return [
        done(cells["spade"], "macs", gmacs=280.0, gmacs_paper=281.0),
        done(cells["inade"], "macs", gmacs=75.0, gmacs_paper=75.25),
        done(cells["spade"], "segmentation", miou=62.0),
    ]


def test_a_transposed_table_has_the_methods_as_columns_and_says_below_what_is_said_of_them(tmp_path):
    assert text(toy(tmp_path).grid("published")) == (
        "toy: Turned.\n"
        " Op & co                        SPADE   INADE\n"
        " ────────────────────────────────────────────\n"
        " Cityscapes FLOPs (G) ↓   *281.54 [a]     96M\n"
        " Cityscapes mIoU ↑               62.3   – [a]\n"
        "* marks the best and _ the second best number of a row.\n"
        "All numbers are published ones, as printed in Toy, Table 1 (Nobody).\n"
        "SPADE: Of the whole row.\n"
        "[a] Of one number.\n"
    )


def test_footnotes_of_rows_and_numbers_share_the_letters_of_the_table(tmp_path):
    shown = text(toy(tmp_path, UPRIGHT).grid("published"))
    assert ["SPADE", "[a]", "*281.54", "[b]", "62.3"] in map(str.split, shown.splitlines())
    assert shown.endswith("number of a column.\nAll numbers are published ones, as printed in Toy, Table 1 (Nobody).\n"
                          "[a] Of the whole row.\n[b] Of one number.\n")  # fmt: skip


def test_every_format_has_the_corner_and_the_footnotes(tmp_path):
    grid = toy(tmp_path, UPRIGHT).grid("published")
    assert "Op \\& co & FLOPs (G)" in latex(grid)
    assert r"SPADE\textsuperscript{a} & \published{\textbf{281.54}\textsuperscript{b}}" in latex(grid)
    assert "| Op & co |" in markdown(grid)
    assert "| SPADE<sup>a</sup> | **281.54**<sup>b</sup> |" in markdown(grid)
    assert "<th>Op &amp; co</th>" in html(grid)
    assert '<th>SPADE<sup>a</sup></th><td><span class="published"><b>281.54</b><sup>b</sup></span></td>' in html(grid)


def test_color_shows_the_mark_and_the_footnote(tmp_path):
    assert "\x1b[1m281.54" in text(toy(tmp_path, UPRIGHT).grid("published"), color=True)


def test_what_is_said_of_printed_numbers_is_left_out_where_none_is_shown(tmp_path):
    for content in (TOY, UPRIGHT):
        assert "Of " not in text(toy(tmp_path, content, records()).grid("measured"))


def test_a_transposed_table_marks_the_best_method_of_a_row(tmp_path):
    shown = text(toy(tmp_path, TOY, records()).grid("measured"))
    assert " Cityscapes FLOPs (G) ↓   _281.00   *75.25\n" in shown
    assert " Cityscapes mIoU ↑           62.0      [a]\n" in shown


def test_a_column_can_name_another_key_of_records(tmp_path):
    paper = toy(tmp_path, TOY, records())
    assert "toy,spade,cityscapes,gmacs,281.0,,\n" in paper.csv("measured")
    assert "toy,spade,cityscapes,gmacs,281.0,,281.54,\n" in paper.csv("both")
    assert "toy,spade,cityscapes,gmacs,-0.54,differs,\n" in paper.csv("delta")
    assert "toy,inade,cityscapes,gmacs,-20.75,differs,\n" in paper.csv("delta")  # 96M is a number
    assert "toy,inade,cityscapes,gmacs,96M\n" in paper.csv("published")


def test_a_difference_keeps_what_is_said_of_the_printed_number(tmp_path):
    shown = text(toy(tmp_path, UPRIGHT, records()).grid("delta"))
    assert ["SPADE", "[a]", "-0.54", "[b]", "-0.3"] in map(str.split, shown.splitlines())
    assert "[b] Of one number.\n" in shown


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('62.3"', '62.3[text]"', "there is no footnote 'text', known: row, cell"),
        ('notes = ["row"]', 'notes = ["text"]', "there is no footnote 'text', known: row, cell"),
        ('notes = ["row"]\n', "", "no row and no number refers to the footnote 'row'"),
        ("[footnotes]", "[remarks]", "unknown 'remarks'"),
    ],
)
def test_a_footnote_that_leads_nowhere_is_named(tmp_path, old, new, words):
    assert old in TOY
    with pytest.raises(UserError, match=words):
        toy(tmp_path, TOY.replace(old, new))


ROUNDED = UPRIGHT.replace('head = "FLOPs"', 'rounding = "cut", head = "FLOPs"').replace(
    '"*281.54*[cell]"', '"*281.50*~tenths[cell]"'
)


@pytest.mark.parametrize(
    ("value", "rounding", "digits"),
    [
        (463.60498, "", "463.60"),
        (463.60498, "twice", "463.61"),
        (1.0046, "twice", "1.01"),
        (109.169, "cut", "109.16"),
        (181.2818, "tenths", "181.30"),
        (0.125, "", "0.13"),
        (0.025, "", "0.03"),
    ],
)
def test_a_number_is_rounded_as_the_paper_rounds(value, rounding, digits):
    assert str(Printed(digits, "", "", rounding).rounded(value, 2)) == digits


def test_a_column_and_a_number_can_have_a_rounding_which_the_difference_follows_and_names(tmp_path):
    cells = {name: Cell(name, "paper", "cityscapes", "inade2021") for name in ("spade", "inade")}
    counted = [done(cells["spade"], "macs", gmacs_paper=281.54), done(cells["inade"], "macs", gmacs_paper=96.009)]
    paper = toy(tmp_path, ROUNDED, counted)
    spade, inade = (row.entries[0][0] for row in paper.grid("delta").rows)
    assert (spade.text, inade.text) == ("reproduced", "reproduced")
    assert spade.note == f"{ROUNDING['tenths']} Of one number."
    assert inade.note == ROUNDING["cut"]
    assert paper.grid("published").rows[0].entries[0][0].text == "281.50"
    assert paper.grid("measured").rows[1].entries[0][0].text == "96.01"


def test_a_row_can_name_other_keys_of_records(tmp_path):
    content = UPRIGHT.replace('title = "INADE"', 'title = "INADE"\nrecords = { gmacs = "gmacs" }')
    paper = toy(tmp_path, content, records())
    assert "toy,inade,cityscapes,gmacs,75.0,,\n" in paper.csv("measured")
    assert "toy,spade,cityscapes,gmacs,281.0,,\n" in paper.csv("measured")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"96M"', '"96M~up"', "there is no rounding 'up', known: cut, tenths, twice"),
        (
            'title = "INADE"',
            'title = "INADE"\nrecords = { flops = "gmacs" }',
            "records of row inade has an unknown 'flops'",
        ),
    ],
)
def test_a_rounding_or_a_column_that_does_not_exist_is_named(tmp_path, old, new, words):
    assert old in TOY
    with pytest.raises(UserError, match=words):
        toy(tmp_path, TOY.replace(old, new))
