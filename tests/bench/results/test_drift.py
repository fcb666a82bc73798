"""`bench check` and `bench compare`: what moved is named and ends the job; what did not, does not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from small_runs import bench, measure
from synthetic_records import CELL, done

from bench.results.drift import (
    Measured,
    baseline_of,
    baseline_values,
    compare,
    drifted,
    read_values,
    tolerance_of,
    values_of,
)
from bench.synthesis.images import from_bytes
from metrics.parts.moments import Gaussian, Moments

SMALL = (
    *("--methods", "truth,inade", "--dataset", "paperdolls2", "--limit", "4"),
    *("--set", "region.layouts=1", "--set", "region.images=3", "--set", "fid.reference_limit=20", "--set", "repeats=2"),
)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    path = tmp_path_factory.mktemp("drift") / "small.json"
    shown = bench("check", "--accept", "--baseline", path, "--device", "cpu", *SMALL)
    assert shown.exit_code == 0, shown.output
    return path


def check(baseline, *words):
    return bench("check", "--baseline", baseline, "--device", "cpu", *words)


def test_what_did_not_change_passes_and_accepting_it_again_changes_no_byte(baseline):
    before = baseline.read_bytes()
    shown = check(baseline)
    assert shown.exit_code == 0, shown.output
    assert "0 of 22 numbers moved" in shown.output
    assert check(baseline, "--accept").exit_code == 0
    assert baseline.read_bytes() == before


def _loose_unit_length(features):
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-2)  # the eps is 1e-10


def _rounded(images):
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)  # SPADE cuts off


def _biased(self):
    mean = self.sum / self.count
    covariance = self.outer / self.count - torch.outer(mean, mean)
    return Gaussian(mean, (covariance + covariance.T) / 2, int(self.count))


def _from_zero_to_one(pixels):
    return (from_bytes(pixels) + 1) / 2


def _blurred(self, images):
    half = torch.nn.functional.interpolate(images, scale_factor=0.5, mode="bilinear")
    return self.pristine(torch.nn.functional.interpolate(half, scale_factor=2.0, mode="bilinear"))


def _plant_resize(monkeypatch):
    from metrics.networks.paperdolls import PaperdollsFeatures

    monkeypatch.setattr(PaperdollsFeatures, "pristine", PaperdollsFeatures.stages, raising=False)
    monkeypatch.setattr(PaperdollsFeatures, "stages", _blurred)


PLANTED = {
    "eps of LPIPS": (lambda m: m.setattr("metrics.networks.paperdolls.unit_length", _loose_unit_length), "lpips_pd"),
    "8-bit images rounded": (lambda m: m.setattr("bench.evaluation.one_pass.to_bytes", _rounded), "moid_pd"),
    "biased covariance": (lambda m: m.setattr(Moments, "gaussian", _biased), "fid_pd"),
    "normalization": (lambda m: m.setattr("bench.evaluation.one_pass.from_bytes", _from_zero_to_one), "miou_pd"),
    "a resize too many": (_plant_resize, "mcsd_pd"),
}


@pytest.mark.parametrize("change", PLANTED)
def test_a_planted_change_is_caught_and_named(baseline, monkeypatch, tmp_path, change):
    plant, column = PLANTED[change]
    plant(monkeypatch)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))  # statistics of real photos, made by the code as it was
    summary = tmp_path / "summary.md"
    shown = check(baseline, "--summary", summary)
    assert shown.exit_code == 1, shown.output
    assert column in shown.output
    assert f"| {column} |" in summary.read_text()
    assert "numbers moved" in summary.read_text()


def test_records_that_lie_in_the_folder_are_measured_again(baseline, monkeypatch, tmp_path):
    assert check(baseline, "--out", tmp_path).exit_code == 0
    monkeypatch.setattr("metrics.networks.paperdolls.unit_length", _loose_unit_length)
    assert check(baseline, "--out", tmp_path).exit_code == 1


def test_a_new_metric_version_asks_for_a_new_baseline(baseline, tmp_path):
    changed = json.loads(baseline.read_text())
    for line in changed["values"]:
        line["version"] += line["column"] == "lpips_pd"
    other = tmp_path / "other.json"
    other.write_text(json.dumps(changed))
    shown = check(other)
    assert shown.exit_code == 1
    assert "metric version" in shown.output
    assert f"bench check --baseline {other} --accept" in shown.stderr


def test_other_weights_and_other_definitions_are_never_compared():
    one = values_of([done(fid=1.0, weights="aa")])
    other = values_of([done(fid=1.0, weights="bb")])
    assert compare(one, other)[0].reason == "other weights"
    keyed = {place: replace(value, key="another") for place, value in one.items()}
    assert compare(one, keyed)[0].status == "redefined"


def test_what_is_gone_counts_and_what_is_new_does_not():
    one, two = done(fid=1.0), done(replace(CELL, method="spade"), fid=2.0)
    findings = compare(values_of([one, two]), values_of([one]))
    assert [finding.status for finding in findings] == ["same", "missing"]
    assert len(drifted(findings)) == 1
    assert not drifted(compare(values_of([one]), values_of([one, two])))


@pytest.mark.parametrize(
    ("column", "before", "allowed"),
    [
        ("fid", Measured(40.0), 0.02),
        ("fid", Measured(40.0, spread=2.0), 0.1),
        ("miou", Measured(10.0), 0.02),
        ("seconds", Measured(1.0), float("inf")),
        ("mocd_pd", Measured(0.0), 1e-7),
    ],
)
def test_tolerances(column, before, allowed):
    assert tolerance_of(column, before) == pytest.approx(allowed)


def test_a_baseline_reads_back():
    values = values_of([done(fid=[1.0, 3.0]), done(metric="mcsd", mcsd=0.25, mocd=0.5)])
    written = baseline_of({"methods": ["inade"]}, [done(fid=[1.0, 3.0]), done(metric="mcsd", mcsd=0.25, mocd=0.5)])
    assert baseline_values(json.loads(written)) == values


def test_folders_baselines_and_tables_compare_with_each_other(tmp_path):
    assert measure(tmp_path / "a", "--metrics", "fid-pd,lpips-pd").exit_code == 0
    table = next((tmp_path / "a" / "tables").glob("*.csv"))
    exported = tmp_path / "all.csv"
    assert bench("export", "--records", tmp_path / "a", "-o", exported).exit_code == 0
    for other in (tmp_path / "a" / "records", table, exported):
        shown = bench("compare", tmp_path / "a", other)
        assert shown.exit_code == 0, (other, shown.output)
        assert "0 of 4 numbers moved" in shown.output
    assert len(read_values(exported)) == 4
    text = table.read_text()
    number = next(value.number for value in read_values(table).values())
    table.write_text(text.replace(repr(number), repr(number * 1.01)))
    shown = bench("compare", tmp_path / "a", table, "--json")
    assert shown.exit_code == 1
    assert sum(finding["status"] == "moved" for finding in json.loads(shown.stdout)) == 1
    assert bench("compare", tmp_path / "a", table, "--tolerance", "100").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("check", "--baseline", "nowhere.json"), "nowhere.json: no such baseline. Make one with"),
        (("check", "--methods", "inade"), "add --accept for a new one"),
    ],
)
def test_wrong_use_is_said(words, message):
    shown = bench(*words)
    assert shown.exit_code == 2
    assert message in shown.stderr


def test_what_is_no_result_is_said(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.json").write_text("{")
    for path in (tmp_path / "a.csv", tmp_path / "b.json", tmp_path):
        shown = bench("compare", path, path)
        assert shown.exit_code == 2, shown.output
        assert str(path) in shown.stderr


def test_the_shipped_baseline_is_readable():
    from bench.commands.check import BASELINE

    assert len(read_values(BASELINE)) > 20
