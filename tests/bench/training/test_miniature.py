"""`bench miniature`: one budget for all, several trainings, nothing done twice, and tables of what came of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from small_runs import bench
from synthetic_records import CELL, done, later

from bench.common.catalog import resolve
from bench.common.errors import UserError
from bench.results.averages import across_trainings
from bench.results.store import RecordStore
from bench.training.miniature import Job, Study, jobs_of, run_jobs
from models import METHODS


@pytest.fixture(autouse=True)
def little_work(monkeypatch):
    monkeypatch.setattr("bench.training.miniature.METRICS", ("params",))
    monkeypatch.setattr("bench.datasets.paperdolls.dataset.Paperdolls.__len__", lambda self: 16)


def study(out: Path, steps: int = 6, batch: int = 4) -> Study:
    return Study(
        out=out,
        steps=steps,
        batch_size=batch,
        precision="float32",
        device="cpu",
        datasets=("paperdolls",),
        protocol="mini",
    )


@pytest.mark.parametrize("steps", [1, 30, 1000, 3000, 7])
def test_every_recipe_gets_exactly_the_budget(tmp_path, steps):
    for name in ("spade", "oasis", "bicyclegan", "munit"):
        recipe = study(tmp_path, steps).budgeted(resolve("method", METHODS, name).tiny_recipe)
        assert (recipe.epochs + recipe.decay_epochs) * (recipe.epoch_images // recipe.batch) == steps
        assert recipe.batch == 4


def test_a_second_training_comes_after_the_first_of_all_and_references_come_once():
    jobs = jobs_of(["truth", "spade", "inade"], 2)
    assert [(job.method, job.training) for job in jobs] == [
        ("truth", 0),
        ("spade", 0),
        ("inade", 0),
        ("spade", 1),
        ("inade", 1),
    ]
    every = {job.method for job in jobs_of([], 1)}
    assert {"truth", "real", "spade", "scgan", "sims"} <= every
    assert "maskgan" not in every


def test_trainings_are_measured_once_and_tabulated(tmp_path):
    words = ("miniature", "--methods", "truth,spade,crn", "--trainings", "2", "--steps", "2", "--batch-size", "2")
    words = (*words, "--jobs", "0", "--device", "cpu", "--protocol", "mini", "--out", str(tmp_path))
    first = bench(*words)
    assert first.exit_code == 0, first.output
    trained = json.loads((tmp_path / "trainings.json").read_text())
    assert [(each["run"], each["steps"], each["seed"]) for each in trained] == [
        ("crn-0", 2, 0),
        ("crn-1", 2, 1),
        ("spade-0", 2, 0),
        ("spade-1", 2, 1),
    ]
    assert len({each["sha256"] for each in trained}) == 4
    assert {record.weights for record in RecordStore(tmp_path)} == {
        "none",
        *(each["sha256"] for each in trained),
    }
    table = (tmp_path / "tables" / "spade-1.csv").read_text()
    assert [line.split(",")[0] for line in table.splitlines()] == [
        "method",
        *("truth", "crn", "spade"),  # on paperdolls
        *("truth", "crn", "spade"),  # on paperdolls2
    ]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/weights.safetensors")}
    assert bench(*words).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/weights.safetensors")} == before


def test_a_study_goes_on_where_only_its_list_and_records_are(tmp_path):
    words = ("miniature", "--methods", "spade", "--batch-size", "2", "--jobs", "0", "--device", "cpu")
    words = (*words, "--protocol", "mini", "--out", str(tmp_path))
    assert bench(*words, "--steps", "2").exit_code == 0
    shutil.rmtree(tmp_path / "runs")
    assert bench(*words, "--steps", "2", "--trainings", "2").exit_code == 0
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["spade-1"]
    trained = json.loads((tmp_path / "trainings.json").read_text())
    assert [each["run"] for each in trained] == ["spade-0", "spade-1"]
    assert {record.weights for record in RecordStore(tmp_path)} == {each["sha256"] for each in trained}


def test_a_listed_training_that_was_measured_otherwise_is_trained_again(tmp_path):
    words = ("miniature", "--methods", "spade", "--batch-size", "2", "--jobs", "0", "--device", "cpu", "--steps", "2")
    words = (*words, "--out", str(tmp_path))
    assert bench(*words, "--protocol", "mini", "--dataset", "paperdolls").exit_code == 0
    shutil.rmtree(tmp_path / "runs")
    assert bench(*words, "--protocol", "mini").exit_code == 0
    assert {record.cell.dataset for record in RecordStore(tmp_path)} == {"paperdolls", "paperdolls2"}


def test_weights_without_their_record_are_made_again(tmp_path):
    words = ("miniature", "--methods", "spade", "--batch-size", "2", "--jobs", "0", "--device", "cpu", "--steps", "2")
    words = (*words, "--protocol", "mini", "--out", str(tmp_path))
    assert bench(*words).exit_code == 0
    (tmp_path / "trainings.json").unlink()
    (tmp_path / "runs" / "spade-0" / "weights.json").unlink()
    assert bench(*words).exit_code == 0
    assert (tmp_path / "runs" / "spade-0" / "weights.json").is_file()


@pytest.mark.parametrize("kept", [True, False])
def test_two_budgets_are_never_mixed(tmp_path, kept):
    words = ("miniature", "--methods", "spade", "--batch-size", "2", "--jobs", "0", "--device", "cpu")
    words = (*words, "--protocol", "mini", "--out", str(tmp_path))
    assert bench(*words, "--steps", "2").exit_code == 0
    if not kept:
        shutil.rmtree(tmp_path / "runs")
    other = bench(*words, "--steps", "3")
    assert other.exit_code == 1
    assert "--steps 2 --batch-size 2" in other.output
    assert "give another --out" in other.output


def test_a_job_that_fails_is_named_and_the_others_go_on(tmp_path):
    words = ("miniature", "--methods", "maskgan,truth", "--jobs", "1", "--device", "cpu", "--steps", "1")
    result = bench(*words, "--protocol", "mini", "--out", str(tmp_path))
    assert result.exit_code == 1
    assert "maskgan, training 0: MaskGAN cannot be trained here." in result.output
    assert [record.cell.method for record in RecordStore(tmp_path)] == ["truth", "truth"]


def test_tables_alone_need_records(tmp_path):
    result = bench("miniature", "--tables-only", "--out", str(tmp_path))
    assert result.exit_code == 2
    assert "holds no records: run the study first" in result.output


def _work(job: Job) -> None:
    if job.method == "killed":
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_ends_the_study_with_the_way_out():
    with pytest.raises(UserError, match="repeat the command, with fewer --jobs"):
        list(run_jobs([Job("killed", 0)], _work, 1))


def _sleep(job: Job) -> None:
    if job.method == "sleepy":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        time.sleep(600)


def test_an_interrupted_study_waits_for_no_job():
    start = time.monotonic()
    study = run_jobs([Job("quick", 0), Job("sleepy", 0)], _sleep, 2)
    assert next(study) == (Job("quick", 0), "")
    study.close()
    assert time.monotonic() - start < 60


def test_trainings_join_into_mean_and_spread():
    one, other = done(weights="aa", fid=[1.0, 3.0]), done(weights="bb", fid=[4.0, 4.0])
    (joined,) = across_trainings([one, other])
    assert joined.values == {"fid": 3.0}
    assert joined.runs == {"fid": [2.0, 4.0]}  # of every training its mean, not its runs
    assert joined.counts["trainings"] == 2
    assert across_trainings([one]) == [one]


def test_the_same_weights_measured_twice_are_one_training():
    one = done(weights="aa", fid=[1.0, 3.0])
    again = later(done(weights="aa", fid=[2.0, 3.0]), "2026-02-01T00:00:00+00:00")
    assert across_trainings([one, again]) == [again]


def test_a_cost_is_no_matter_of_training():
    one, other = (done(CELL, "params", weights, params_m=92.0) for weights in ("aa", "bb"))
    (joined,) = across_trainings([one, other])
    assert not joined.runs
