"""A request to train: what run.json keeps of it, also of runs from before there was a request, and the run folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_runs import bench, read_json
from small_training import RECIPE, WORDS

from bench.common.options import picked
from bench.synthesis.devices import seed_generators
from bench.training.start import TrainingRequest, start, stored_options

# The entry `command` of a run.json, letter for letter as the first versions of `bench train` wrote it.
OLD = """{
    "accumulate": 1,
    "batch_size": 8,
    "best": null,
    "data_root": "data",
    "dataset": "paperdolls",
    "decay_epochs": 0,
    "device": "cpu",
    "epochs": 1,
    "eval_every": 2,
    "eval_limit": null,
    "eval_metrics": ["fid-pd"],
    "name": "inade",
    "no_perceptual": false,
    "num_workers": 0,
    "precision": "float32",
    "preset": null,
    "save_every": 1,
    "seed": 3,
    "tensorboard": false,
    "weights_root": "weights"
}"""
REQUEST = TrainingRequest(
    name="inade",
    dataset="paperdolls",
    data_root=Path("data"),
    seed=3,
    epochs=1,
    decay_epochs=0,
    batch_size=8,
    device="cpu",
    eval_every=2,
    eval_metrics=("fid-pd",),
)


def folder_with(command, folder):
    (folder / "run.json").write_text(json.dumps({"command": command, "seed": 3}), encoding="utf-8")
    return folder


def test_a_run_from_before_is_asked_for_as_it_was(tmp_path):
    assert picked(TrainingRequest, stored_options(folder_with(json.loads(OLD), tmp_path))) == REQUEST


def test_run_json_keeps_its_keys_and_values():
    assert json.loads(json.dumps(REQUEST.stored())) == json.loads(OLD)
    told = replace(REQUEST, out=Path("here"), resume=True, rerun=Path("there"))
    assert told.stored() == REQUEST.stored()  # how a run was called is no part of it


def test_the_command_line_writes_the_same_keys(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.training.start.choose_recipe", lambda *_: RECIPE)
    assert bench("train", *WORDS, "--seed", "3", "--out", tmp_path / "run").exit_code == 0
    written = read_json(tmp_path / "run" / "run.json")["command"]
    assert written.keys() == json.loads(OLD).keys()
    assert (written["name"], written["dataset"], written["seed"], written["eval_metrics"]) == (
        "inade",
        "paperdolls",
        3,
        [],
    )


def test_keys_that_are_no_options_are_passed_over(tmp_path):
    command = {**json.loads(OLD), "colour": "blue"}
    assert picked(TrainingRequest, stored_options(folder_with(command, tmp_path))) == REQUEST


def test_the_run_folder_is_named_after_the_run_it_repeats_or_by_what_is_trained():
    assert REQUEST.folder("paperdolls") == Path("runs/inade-paperdolls-3")
    assert replace(REQUEST, rerun=Path("runs/old")).folder("paperdolls") == Path("runs/old-rerun")
    assert replace(REQUEST, rerun=Path("runs/old"), out=Path("new")).folder("paperdolls") == Path("new")


def test_a_program_starts_a_training_as_the_command_does(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.training.start.choose_recipe", lambda *_: RECIPE)
    trainer = start(TrainingRequest(name="inade", dataset="paperdolls", out=tmp_path, epochs=2))
    assert (trainer.recipe.epochs, trainer.recipe.batch, trainer.step) == (2, RECIPE.batch, 0)
    assert (trainer.dataset.name, trainer.dataset.split, trainer.options.folder) == ("paperdolls", "train", tmp_path)


def test_evaluations_of_epochs_that_are_not_saved_are_refused(tmp_path):
    words = ("--eval-every", "3", "--save-every", "2", "--eval-metrics", "segmentation-pd")
    shown = bench("train", *WORDS, *words, "--out", tmp_path / "run")
    assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)
    assert "--eval-every 3: saved epochs are evaluated; --save-every 2 must divide it." in shown.stderr
    assert not (tmp_path / "run").exists()


NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, NO_GPU])])
def test_seeding_gives_the_random_numbers_of_torchs_own(device):
    drawn = []
    for seed in (torch.manual_seed, lambda number: seed_generators(torch.device(device), number)):
        with torch.random.fork_rng([0] if device == "cuda" else []):
            seed(2**62 + 1)
            drawn.append((torch.rand(5), torch.rand(5, device=device), torch.randn(5, device=device)))
    assert all(torch.equal(one, other) for one, other in zip(*drawn, strict=True))
