from __future__ import annotations

import csv
import sys
from hashlib import sha256

import pytest
import torch
from small_runs import bench, read_json
from small_training import RECIPE, WORDS, assert_equal_weights

from bench.evaluation.measure import Session
from bench.training.trainer import TrainingOptions
from bench.training.watch import undisturbed

WATCHED = ("--eval-every", "1", "--eval-limit", "6", "--eval-metrics", "segmentation-pd")


@pytest.fixture(autouse=True)
def small_recipe(monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr("bench.training.start.choose_recipe", lambda *_: RECIPE)
    for name, steps in (("log_every", 2), ("grid_every", 4)):
        monkeypatch.setitem(TrainingOptions.__init__.__kwdefaults__, name, steps)
    yield
    torch.set_num_threads(before)


def rows(folder):
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def column(folder):
    """The first number of metrics.csv."""
    return next(key for key in rows(folder)[0] if key != "step")


@pytest.fixture
def watched(tmp_path):
    """A run that was evaluated after every epoch."""
    shown = bench("train", *WORDS, *WATCHED, "--out", tmp_path / "watched")
    assert (shown.exit_code, shown.stderr) == (0, "")
    return tmp_path / "watched"


def test_a_run_with_evaluation_equals_one_without_to_the_bit(watched, tmp_path):
    assert bench("train", *WORDS, "--out", tmp_path / "plain").exit_code == 0
    assert_equal_weights(watched / "weights.safetensors", tmp_path / "plain" / "weights.safetensors")
    assert (watched / "losses.csv").read_bytes() == (tmp_path / "plain" / "losses.csv").read_bytes()


def test_evaluations_are_those_of_bench_run(watched, tmp_path):
    assert [row["step"] for row in rows(watched)] == ["2", "4", "6"]
    weights = f"inade={watched / 'weights.safetensors'}"
    words = ("--methods", "inade", "--dataset", "paperdolls", "--metrics", "segmentation-pd", "--limit", "6")
    shown = bench("run", *words, "--weights", weights, "--device", "cpu", "--num-workers", "0", "--out", tmp_path / "r")
    assert shown.exit_code == 0
    (record,) = (read_json(path) for path in (tmp_path / "r" / "records").glob("*.json"))
    assert {key: float(value) for key, value in rows(watched)[-1].items() if key != "step"} == record["values"]


def test_an_interrupted_evaluation_is_made_up_for_on_resume(watched, tmp_path, monkeypatch):
    measure, calls = Session.measure, []

    def stopping(self, *words):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measure(self, *words)

    folder = tmp_path / "stopped"
    with monkeypatch.context() as patched:
        patched.setattr(Session, "measure", stopping)
        assert bench("train", *WORDS, *WATCHED, "--out", folder).exit_code == 130
    assert [row["step"] for row in rows(folder)] == ["2"]
    assert bench("train", "--resume", "--out", folder).exit_code == 0
    assert (folder / "metrics.csv").read_bytes() == (watched / "metrics.csv").read_bytes()
    assert_equal_weights(watched / "weights.safetensors", folder / "weights.safetensors")


@pytest.mark.parametrize(("values", "kept"), [((0.2, 0.5, 0.5), 4), ((0.5, 0.2, 0.3), 2)])
def test_the_best_weights_are_kept_with_their_step(tmp_path, monkeypatch, values, kept):
    measure, given = Session.measure, iter(values)

    def drawn(self, *words):
        found = measure(self, *words)
        for record in found:
            record.values[key] = next(given)
        return found

    key = "miou_pd"
    monkeypatch.setattr(Session, "measure", drawn)
    shown = bench("train", *WORDS, *WATCHED, "--best", key, "--out", tmp_path / "run")
    assert (shown.exit_code, shown.stderr) == (0, "")
    record = read_json(tmp_path / "run" / "best.json")
    assert (record["step"], record["value"], record["better"]) == (kept, max(values), "higher")
    assert record["sha256"] == sha256((tmp_path / "run" / "best.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*WATCHED, "--best", "beauty"), "--best beauty: not a column"),
        (("--best", "miou_pd"), "give --eval-every"),
        (("--eval-every", "1", "--eval-metrics", "fid"), "inception"),
    ],
)
def test_what_an_evaluation_lacks_is_said_before_training(tmp_path, words, said):
    shown = bench("train", *WORDS, *words, "--weights-root", tmp_path, "--out", tmp_path / "run")
    assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)
    assert said in shown.stderr
    assert not (tmp_path / "run" / "losses.csv").exists()


def test_random_states_come_back():
    before = torch.get_rng_state()
    with undisturbed(torch.device("cpu")):
        torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_tensorboard_gets_losses_rates_pictures_and_metrics(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    shown = bench("train", *WORDS, *WATCHED, "--tensorboard", "--out", tmp_path / "run")
    assert (shown.exit_code, shown.stderr) == (0, "")
    events = EventAccumulator(str(tmp_path / "run" / "events"))
    events.Reload()
    assert {"losses/GAN", "rates/generator", "metrics/miou_pd"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("losses/GAN")] == [2, 4, 6]
    assert [event.step for event in events.Images("grid")] == [4]


def test_without_tensorboard_the_way_to_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    shown = bench("train", *WORDS, "--tensorboard", "--out", tmp_path / "run")
    assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)
    assert "pip install tensorboard" in shown.stderr
