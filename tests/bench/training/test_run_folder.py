from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from small_runs import bench, read_json
from small_training import RECIPE, WORDS, assert_equal_weights

from bench.datasets.paperdolls.dataset import Paperdolls


@pytest.fixture(autouse=True)
def small_recipe(monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr("bench.training.start.choose_recipe", lambda *_: RECIPE)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def first(tmp_path):
    """A finished run with options of its own."""
    folder = tmp_path / "first"
    assert bench("train", *WORDS, "--seed", "3", "--decay-epochs", "1", "--out", folder).exit_code == 0
    return folder


def test_a_rerun_has_the_bits_and_the_description_of_the_run(first, tmp_path):
    shown = bench("train", "--rerun", first, "--out", tmp_path / "again")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert_equal_weights(first / "weights.safetensors", tmp_path / "again" / "weights.safetensors")
    assert (first / "run.json").read_bytes() == (tmp_path / "again" / "run.json").read_bytes()
    assert bench("train", "--rerun", first).exit_code == 0
    assert (tmp_path / "first-rerun" / "weights.safetensors").exists()


def test_a_rerun_on_other_data_or_with_another_recipe_is_refused_by_name(first, tmp_path, monkeypatch):
    again = ("train", "--rerun", first, "--out", tmp_path / "again")
    with monkeypatch.context() as patched:
        patched.setattr(Paperdolls, "fingerprint", lambda self: "other")
        shown = bench(*again)
    assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)
    assert "cannot be repeated exactly: data changed" in shown.stderr
    monkeypatch.setattr("bench.training.start.choose_recipe", lambda *_: replace(RECIPE, kl=0.5))
    assert "recipe.kl changed" in bench(*again).stderr
    assert "recipe.kl, seed changed" in bench(*again, "--seed", "4").stderr
    assert not (tmp_path / "again").exists()


def test_resume_needs_no_more_than_the_folder(first, tmp_path):
    weights = (first / "weights.safetensors").read_bytes()
    (first / "weights.safetensors").unlink()
    shown = bench("train", "--resume", "--out", first)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert_equal_weights(first / "weights.safetensors", _kept(tmp_path, weights))


def _kept(folder, weights):
    (folder / "kept.safetensors").write_bytes(weights)
    return folder / "kept.safetensors"


def test_a_folder_without_its_options_is_refused_in_one_line(first, tmp_path):
    held = read_json(first / "run.json")
    held.pop("command")
    (first / "run.json").write_text(json.dumps(held), encoding="utf-8")
    for words in (("--rerun", first), ("--resume", "--out", first), ("--rerun", tmp_path / "none"), ()):
        shown = bench("train", *words)
        assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)
