"""`bench pack`, and a folder that goes on being one that runs write to."""

from __future__ import annotations

import json

from small_runs import bench, measure, records, times

from bench.results.store import RecordStore


def test_a_packed_run_is_on_record_and_its_matrices_are_found(tmp_path):
    words = ("--metrics", "segmentation-pd,params")
    assert measure(tmp_path, *words).exit_code == 0
    before = records(tmp_path)
    matrices = tmp_path / "records" / f"{next(r for r in before if r.metric == 'segmentation-pd').key}.npz"
    scores = bench("confusion", matrices, "--json").stdout
    exported, table = (bench(*words, tmp_path).stdout for words in (("export", "--records"), ("compare", tmp_path)))
    shown = bench("pack", tmp_path)
    assert (shown.exit_code, shown.stdout) == (0, f"{tmp_path}: 4 records, 4 of them were loose\n"), shown.stderr
    assert not (tmp_path / "records").exists()
    assert records(tmp_path) == before
    assert json.loads(bench("confusion", matrices, "--json").stdout) == json.loads(scores)
    assert bench("export", "--records", tmp_path / "records").stdout == exported
    assert bench("compare", tmp_path, tmp_path).stdout == table
    assert measure(tmp_path, *words).exit_code == 0  # nothing is measured again
    assert times(tmp_path) == {}
    assert measure(tmp_path, *words, "--fresh").exit_code == 0
    assert len(times(tmp_path)) == 4
    assert bench("pack", tmp_path / "records").stdout == shown.stdout


def test_costs_of_the_suite_are_on_record(tmp_path, monkeypatch):
    from bench.common.places import COSTS

    monkeypatch.setattr("bench.evaluation.costs.count", lambda plan: 1 / 0)
    monkeypatch.setattr("bench.commands.profile.check_writable", lambda folder: None)
    shown = bench("profile", "--methods", "spade", "--dataset", "cityscapes", "--out", COSTS, "--json")
    assert shown.exit_code == 0, shown.stderr
    assert json.loads(shown.stdout)[0]["params_m"] == 93.048003


def test_what_cannot_be_packed_is_said(tmp_path):
    store = RecordStore(tmp_path / "study")
    assert "no records in this folder" in bench("pack", tmp_path / "none").stderr
    measure(tmp_path / "study", "--metrics", "params", methods="inade")
    flat = store.loose.rename(tmp_path / "flat")
    shown = bench("pack", flat)
    assert shown.exit_code == 2
    assert f"move them to {flat / 'records'}" in shown.stderr
    assert not (flat / "records.jsonl").exists()
