"""The cost columns of the papers' tables: which printed digits the suite's own records reproduce, and why not all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from bench.commands.cli import cli
from bench.common.catalog import methods, resolve
from bench.common.places import COSTS
from bench.evaluation.costs import CostPlan, count
from bench.results.store import RecordStore
from bench.results.tables.paper_table import NO_NUMBER, OF_A_MACHINE, REPRODUCED, PaperTable
from bench.results.tables.published import published_table

RECORDS = list(RecordStore(COSTS))
NAMES = ("inade-3", "inade-4", "groupdnet-1", "groupdnet-3", "spade-3", "spade-4")
TABLES = {name: PaperTable(published_table(name), RECORDS) for name in NAMES}
COUNTS = {"params_m", "gmacs"}  # columns of the tables that hold counts
PLACES = [
    (name, place)
    for name, paper in TABLES.items()
    for place in paper.places
    if place.column.key in COUNTS and place.row.method in methods()
]
OTHER = {  # table, method, data set, column -> ours minus the paper's, explained in a footnote
    ("inade-3", "inade", "cityscapes", "gmacs"): "+0.01",
    ("inade-3", "inade", "deepfashion", "gmacs"): "-0.75",
    **{("inade-3", "dscgan", group.dataset, "params_m"): "+0.79" for group in TABLES["inade-3"].table.groups},
    **{("inade-3", "dscgan", group.dataset, "gmacs"): "+0.26" for group in TABLES["inade-3"].table.groups},
    ("inade-4", "inade-128", "cityscapes", "params_m"): "-0.01",
    ("groupdnet-1", "vspade", "deepfashion", "params_m"): "+12.6",
    ("groupdnet-1", "bicyclegan", "deepfashion", "params_m"): "-1.1",
    ("groupdnet-1", "dscgan", "deepfashion", "params_m"): "-3.7",
    ("groupdnet-3", "groupdnet-no-specnorm", "deepfashion", "params_m"): "+0.1",
}


def plan_of(record):
    spec = resolve("method", methods(), record.cell.method)
    return CostPlan(spec, spec.configs[record.cell.dataset], record.cell.dataset, "paper")


def name_of(record):
    return f"{record.cell.method} {record.cell.dataset} {record.metric}"


def test_every_count_is_reproduced_or_differs_as_its_footnote_says():
    found = {
        (name, place.row.method, place.dataset, place.column.key): place.difference.text
        for name, place in PLACES
        if place.difference.text and float(place.difference.text)
    }
    assert found == {place: text for place, text in OTHER.items() if place[1] in methods()}


def test_what_differs_has_a_footnote():
    for name, place in PLACES:
        if (name, place.row.method, place.dataset, place.column.key) in OTHER:
            assert place.printed.note, (name, place.row.method, place.dataset)
            assert place.printed.note in place.difference.note


@pytest.mark.parametrize("name", NAMES)
def test_no_cost_is_blank_without_a_reason(name):
    paper = TABLES[name]
    for place in paper.places:
        method, dataset, difference = place.row.method, place.dataset, place.difference
        if place.column.key in ("seconds", "fps"):
            reasons = (NO_NUMBER,) if place.printed.absent else (OF_A_MACHINE,)
        elif place.column.key in COUNTS and method in methods():
            reasons = (NO_NUMBER,) if place.printed.absent else ()
        else:
            continue
        assert difference.text or difference.note.startswith(reasons or "?"), (
            f"{method} on {dataset}: run `bench profile --methods {method} --dataset {dataset} --out DIR` "
            f"and move DIR/records to {COSTS / 'records'}, then: bench pack {COSTS}"
        )


def test_the_table_says_reproduced():
    spade = TABLES["inade-3"].grid("delta").rows[0]
    assert [entry[0].text for entry in spade.entries] == [REPRODUCED, REPRODUCED, ""] * 4


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_a_record_is_of_the_network_as_it_is_now(record):
    assert record.key == plan_of(record).key(record.metric, "")
    assert (record.weights, record.cell.limit, record.cell.preset) == ("none", None, "paper")
    assert record.provenance.versions["torch"]


@pytest.mark.parametrize("record", [record for record in RECORDS if record.metric == "params"], ids=name_of)
def test_the_parameters_on_record_are_those_of_the_network(record):
    plan = plan_of(record)
    with torch.device("meta"):
        method = plan.spec.build(plan.config)
    assert sum(parameter.numel() for parameter in method.generator.parameters()) / 1e6 == record.values["params_m"]


CHEAP = ("spade", "pix2pixhd", "clade", "sean", "bicyclegan", "groupdnet")  # need no numbers in their tensors


@pytest.mark.parametrize("record", [record for record in RECORDS if record.cell.method in CHEAP], ids=name_of)
def test_the_costs_on_record_are_those_of_the_network(record):
    where, values = count(plan_of(record))
    assert where == "meta"
    assert values[record.metric] == pytest.approx(record.values, rel=1e-12)


def test_a_table_reads_every_folder_once_and_the_suites_own_by_default(tmp_path, monkeypatch):
    own, empty = RecordStore(tmp_path / "own"), tmp_path / "empty"
    spade = next(record for record in RECORDS if name_of(record) == "spade cityscapes params")
    own.add(replace(spade, values={**spade.values, "params_m": 1.0}))
    read = []
    monkeypatch.setattr(RecordStore, "__iter__", counting(RecordStore.__iter__, read))

    def first(*folders):
        words = [word for folder in folders for word in ("--records", str(folder))]
        done = CliRunner().invoke(cli, ["table", "inade-3", "--json", *words], prog_name="bench")
        return json.loads(done.stdout)[0]["value"]

    assert first(own.folder, COSTS) == "1.0"
    assert first(COSTS, own.folder) == first() == repr(spade.values["params_m"])
    assert first(empty) == ""
    assert read[:4] == [COSTS, own.folder, own.folder, COSTS]
    read.clear()
    monkeypatch.chdir(tmp_path)
    CliRunner().invoke(cli, ["table", "--all", "--format", "csv", "-o", "out"], prog_name="bench")
    assert read == [COSTS, Path("results")]
    assert "inade-3,spade,cityscapes,params_m,93.048003,," in (tmp_path / "out" / "inade-3.csv").read_text()


def counting(reading, read):
    def watched(store):
        read.append(store.folder)
        return reading(store)

    return watched


@pytest.mark.parametrize(
    ("method", "dataset", "key", "exact"),
    [
        ("groupdnet", "deepfashion", "params_with_encoder_m", 109_160_163),
        ("groupdnet", "ade20k", "params_m", 68_326_847),
        ("sean", "celebamask-hq", "params_leaf_m", 266_896_387),
        ("sean", "celebamask-hq", "gmacs", 342_446_686_208),
        ("bicyclegan", "deepfashion", "gmacs_paper", 18_403_992_736),
        ("bicyclegan", "deepfashion", "gmacs", 6_305_415_168),
        ("spade", "ade20k", "params_m", 96_492_483),
    ],
)
def test_counts_are_those_of_the_authors_code(method, dataset, key, exact):
    found = [r for r in RECORDS if (r.cell.method, r.cell.dataset) == (method, dataset) and r.fills(key)]
    assert round(found[0].values[key] * (1e6 if key.startswith("params") else 1e9)) == exact


def test_the_einsums_that_footnotes_name_are_those_on_record():
    counted = [record for record in RECORDS if (record.cell.method, record.metric) == ("inade", "macs")]
    einsums = {record.cell.dataset: f"{record.values['gmacs_einsum']:.2f}" for record in counted}
    for name in ("inade-3", "inade-4"):
        note = next(note for row in TABLES[name].table.rows for note in row.notes if "einsums" in note)
        shown = [einsums[group.dataset] for group in TABLES[name].table.groups]
        assert ", ".join(shown[:-1]) + f" and {shown[-1]} G" in note


def test_the_sizes_that_footnotes_name_are_those_on_record():
    sizes = {(r.cell.method, r.cell.dataset): r.values["params_m"] for r in RECORDS if r.metric == "params"}
    rows = [row for row in TABLES["spade-4"].table.rows if row.title.startswith("#params")]
    assert len(rows) == 3
    for row in rows:
        size = sizes[row.method, "ade20k"]
        assert any(note.startswith(f"{size:.2f} M on ADE20K") for note in row.notes)
        assert row.title == f"#params {size:.0f}M"
