from __future__ import annotations

import csv
import hashlib
import io
import re
import shutil
from pathlib import Path

import pytest
from processes import PYTHON, finished

from bench.common import catalog
from bench.results.tables.latex import latex
from bench.results.tables.paper_table import PaperTable
from bench.results.tables.published import published_table, table_files
from bench.results.tables.writers import markdown, text
from metrics import METRICS
from metrics.protocol import PROTOCOLS

CHECKOUT = Path(__file__).parents[4]
GOLDENS = CHECKOUT / "tests" / "goldens" / "tables"
TABLES = {name: published_table(name) for name in table_files()}

# Rows of methods that the suite does not have yet: whoever adds one takes it out.
NOT_YET = {
    "pix2pixhd++-no-syncbn", "pix2pixhd++-no-syncbn-no-specnorm",
}  # fmt: skip
NO_METHODS = {  # what rows are about, besides methods
    "spade-over-crn", "spade-over-pix2pixhd", "spade-over-sims", "scgan-over-spade", "scgan-over-ccfpse",
    "groupdnet-encoder", "groupdnet-decoder",
}  # fmt: skip
DATASETS = {
    "cityscapes", "ade20k", "ade20k-outdoor", "coco-stuff", "celebamask-hq", "deepfashion", "deepfashion2",
    "summer2winter-yosemite",
}  # fmt: skip
NO_RECORDS = {"mhe", "she", "ihe", "preference", "fps", "setting", "params_with_encoder_m", "params_leaf_m"}
OTHER_KEYS = {
    "gmacs": ["gmacs_paper"], "lpips_paired": ["lpips_photo"], "params_m": ["params_with_encoder_m", "params_leaf_m"],
}  # fmt: skip

CELLS = {  # table -> (rows, numbers, digest of the long form, after its lines were read against the paper twice)
    "inade-1": (7, 76, "f772e840"),
    "inade-2": (8, 128, "36827eaa"),
    "inade-3": (8, 93, "a731981f"),
    "inade-4": (3, 42, "9a361e0a"),
    "groupdnet-1": (8, 56, "12e72b93"),
    "groupdnet-2": (5, 45, "9402c48e"),
    "groupdnet-3": (6, 42, "4cc9f326"),
    "groupdnet-4": (2, 6, "95656800"),
    "spade-1": (4, 42, "898132e6"),
    "spade-2": (3, 10, "d98d2c38"),
    "spade-3": (8, 32, "203793cf"),
    "spade-4": (11, 33, "12975f00"),
    "spade-5": (9, 27, "5bbd07c8"),
    "scgan-1": (6, 54, "8f327992"),
    "scgan-2": (2, 7, "57d40c90"),
    "scgan-3": (4, 8, "ccff5a44"),
    "scgan-4": (4, 8, "6534e3f6"),
    "scgan-5": (4, 4, "25278f11"),
    "scgan-6": (5, 10, "fa973813"),
    "scgan-7": (3, 6, "1d83cf9b"),
}

SPOTS = list(csv.DictReader((GOLDENS / "published_spots.csv").read_text(encoding="utf-8").splitlines()))


def lines_of(name):
    return list(csv.DictReader(io.StringIO(PaperTable(TABLES[name], []).csv("published"))))


def numbers(name, method):
    lines = [line for line in lines_of(name) if line["method"] == method]
    return {(line["dataset"], line["metric"]): line["value"] for line in lines}


@pytest.mark.parametrize("spot", SPOTS, ids=lambda spot: " ".join(spot.values()))
def test_the_digits_are_those_typed_from_the_paper(spot):
    assert spot in lines_of(spot["table"])


def test_every_table_has_spots_and_a_count():
    spots = [spot["table"] for spot in SPOTS]
    assert set(TABLES) == set(CELLS) == {*spots, "inade-1"}
    assert min(spots.count(name) for name in spots) >= 3


@pytest.mark.parametrize("name", TABLES)
def test_no_place_is_missing_and_no_digit_has_moved(name):
    digest = hashlib.sha256(PaperTable(TABLES[name], []).csv("published").encode()).hexdigest()
    assert (len(TABLES[name].rows), len(lines_of(name)), digest[:8]) == CELLS[name]


@pytest.mark.parametrize("name", TABLES)
def test_a_row_is_of_a_method_or_of_one_to_come(name):
    known = catalog.methods().keys() | NOT_YET | NO_METHODS
    assert [row.method for row in TABLES[name].rows if row.method not in known] == []


def test_the_list_of_methods_to_come_is_no_longer_than_need_be():
    rows = {row.method for table in TABLES.values() for row in table.rows}
    assert sorted(NOT_YET & catalog.methods().keys()) == [], "implemented now: take them out of NOT_YET"
    assert sorted((NOT_YET | NO_METHODS) - rows) == []


@pytest.mark.parametrize("name", TABLES)
def test_data_sets_and_protocols_are_known(name):
    assert {dataset for dataset, _ in TABLES[name].places} <= DATASETS
    assert TABLES[name].protocol in PROTOCOLS


@pytest.mark.parametrize("name", TABLES)
def test_a_column_is_one_of_the_suite_in_its_direction_or_has_no_records(name):
    specs = [catalog.resolve("metric", METRICS, metric) for metric in METRICS]
    better = {column.key: column.better for spec in specs for column in spec.columns}
    for place in PaperTable(TABLES[name], []).places:
        key, column = place.printed.record, place.column
        assert key in NO_RECORDS or column.better == better[key]
        assert key in (column.key, *OTHER_KEYS.get(column.key, ()))


@pytest.mark.parametrize("name", TABLES)
def test_what_is_printed_is_a_number_in_its_digits(name):
    for row in TABLES[name].rows:
        for cell, (_, column) in zip(row.values, TABLES[name].places, strict=True):
            if column.key != "setting" and not cell.absent:
                assert str(cell.number) == re.sub("[%M]$", "", cell.text)


def test_what_two_tables_of_a_paper_print_agrees_but_for_what_footnotes_say():
    assert numbers("groupdnet-1", "groupdnet") == numbers("groupdnet-3", "groupdnet")
    for method in ("spade-compact", "pix2pixhd", "pix2pixhd++", "pix2pixhd++-spade"):
        shared = [numbers(name, method) for name in ("spade-3", "spade-4", "spade-5") if numbers(name, method)]
        assert len(shared) == 2
        assert shared[1].items() <= shared[0].items()
    default = numbers("inade-4", "inade-64")
    quality = numbers("inade-2", "inade")
    assert {place: default[place] for place in default if place in quality} == {
        place: quality[place] for place in quality if place in default
    }
    expected = {("cityscapes", key): numbers("scgan-1", "scgan")["cityscapes", key] for key in ("miou", "fid")}
    assert [numbers(name, "scgan") for name in ("scgan-3", "scgan-4", "scgan-6")] == [expected] * 3


@pytest.mark.parametrize("method", ["crn", "sims", "pix2pixhd", "spade"])
def test_sc_gan_repeats_the_numbers_of_spade_but_for_one(method):
    spade, scgan = numbers("spade-1", method), numbers("scgan-1", method)
    other = {place for place in spade.keys() & scgan.keys() if spade[place] != scgan[place]}
    assert other == ({("coco-stuff", "acc")} if method == "pix2pixhd" else set())
    assert len(spade.keys() & scgan.keys()) == (3 if method == "sims" else 9)


def test_the_best_of_inade_table_2_is_bold():
    table = TABLES["inade-2"]
    for place, (_, column) in enumerate(table.places):
        cells = [row.values[place] for row in table.rows]
        best = (max if column.better == "higher" else min)(cell.number for cell in cells)
        assert {cell.number for cell in cells if cell.mark == "best"} == {best}
        assert all(cell.mark == "best" for cell in cells if cell.number == best)
    underlined = [(row.method, cell.text) for row in table.rows for cell in row.values if cell.mark == "second"]
    assert underlined == [
        ("spade", "78.13"), ("pix2pixhd", "76.11"), ("clade", "35.43"), ("sean", "76.28"),
        ("bicyclegan", "77.49"), ("bicyclegan", "0.362"), ("groupdnet", "95.21"), ("groupdnet", "9.72"),
    ]  # fmt: skip


def test_reconstructed_rows_say_so():
    for name, count in (("spade-3", 5), ("spade-5", 8)):
        marked = [row for row in TABLES[name].rows if any(note.startswith("Reconstructed") for note in row.notes)]
        assert len(marked) == count
        assert "Reconstructed" in text(PaperTable(TABLES[name], []).grid("published"))


def test_contradictions_are_noted_at_the_number():
    shown = markdown(PaperTable(TABLES["spade-1"], []).grid("published"))
    row = next(line for line in shown.splitlines() if line.startswith("| SPADE |"))
    assert "| 37.4<sup>b</sup> |" in row
    assert "- <sup>b</sup> The text of the paper and its Tables 3 to 5 have 35.2.\n" in shown


def test_all_tables_are_written_quickly_and_without_torch(tmp_path):
    code = f"""if True:
        import sys, time
        from bench.commands.table import command
        words = ["--all", "--values", "published", "--records", {str(tmp_path)!r}]
        for form in ("csv", "latex", "markdown", "html"):
            command.main([*words, "--format", form, "-o", {str(tmp_path)!r}], standalone_mode=False)
        assert "torch" not in sys.modules
        assert time.process_time() < 2
    """
    written = []
    for _ in range(2):
        result, _, errors = finished(*PYTHON, code)
        assert (result, errors) == (0, "")
        written.append({path.name: path.read_bytes() for path in tmp_path.iterdir()})
    assert written[0] == written[1]
    assert written[0].keys() == {f"{name}{suffix}" for name in TABLES for suffix in (".csv", ".tex", ".md", ".html")}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_all_tables_compile(tmp_path):
    papers = [PaperTable(table, []) for table in TABLES.values()]
    pages = [latex(paper.grid(values)) + "\\clearpage" for paper in papers for values in ("published", "both")]
    head = "\\documentclass{article}\\usepackage{booktabs,xcolor}\\begin{document}"
    (tmp_path / "all.tex").write_text("\n".join([head, *pages, "\\end{document}\n"]), encoding="utf-8")
    code, output, _ = finished(
        "pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"-output-directory={tmp_path}", tmp_path / "all.tex"
    )
    assert code == 0, output[-2000:]
