"""Training of the parsing UNet on a DeepFashion of a few items."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from small_runs import bench

from bench.common.errors import UserError
from bench.common.files import sha256_of
from bench.datasets.base import Dataset
from bench.datasets.deepfashion import DEEPFASHION
from bench.datasets.paperdolls.dataset import PAPERDOLLS, Paperdolls, open_paperdolls
from bench.training.segmenter import SegmenterRecipe, SegmenterTraining, evaluate
from bench.weights.tensors import read_weights
from segmenters.parsing_unet import DeepFashionUNet, ParsingUNet

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    """Sums of other numbers of threads differ in their last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Four persons to learn from and two to be scored on, in INADE's layout."""
    folder = tmp_path_factory.mktemp("data") / "deepfashion"
    for part, split, count in (("train", "train", 4), ("test", "val", 2)):
        drawn = open_paperdolls(split, size=256)
        for item in (drawn[index] for index in range(count)):
            for kind, pixels in (("img", item.image), ("label", item.labels)):
                (folder / f"{part}_{kind}").mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(folder / f"{part}_{kind}" / f"{item.key}.png")
    return folder.parent


def train(root, out, *words):
    return bench(
        "train-segmenter", "--dataset", "deepfashion", "--data-root", root, "--batch-size", "2", "--device", "cpu",
        "--out", out, *words,
    )  # fmt: skip


def test_the_command_writes_weights_that_the_segmenter_loads_and_a_record(root, tmp_path):
    words = ("--data-root", root, "--weights-root", tmp_path, "--batch-size", "2", "--device", "cpu", "--steps", "2")
    done = bench("train-segmenter", "--dataset", "deepfashion", *words)
    assert done.exit_code == 0, done.stderr
    path = tmp_path / "segmenters" / "deepfashion_unet.safetensors"
    network = DeepFashionUNet.from_states([read_weights(path)])
    record = json.loads(path.with_suffix(".json").read_text())
    assert json.loads(done.stdout) == record
    assert record["sha256"] == sha256_of(path)
    assert record["data"] == DEEPFASHION.open("train", root).fingerprint()
    assert record["steps"] == 2
    assert record["recipe"] == {"rate": 2e-4, "betas": [0.5, 0.999], "batch": 2, "flip": True}
    assert record["command"].startswith("bench train-segmenter --dataset deepfashion --data-root")
    held_out = DEEPFASHION.open("val", root)
    scores = evaluate(network, held_out, CPU, 0, lambda count: None)
    assert record["scores"] == {"split": "val", "data": held_out.fingerprint(), **scores}
    assert set(scores["iou"]) == set(DEEPFASHION.class_names)


def test_a_resumed_run_equals_an_unbroken_one_and_a_finished_one_can_be_made_longer(root, tmp_path):
    assert train(root, tmp_path / "whole", "--epochs", "2").exit_code == 0  # two batches each
    assert train(root, tmp_path / "parts", "--steps", "1").exit_code == 0
    again = train(root, tmp_path / "parts", "--steps", "4")
    assert again.exit_code == 2
    assert "belongs to an earlier run: go on with --resume" in again.stderr
    assert train(root, tmp_path / "parts", "--steps", "4", "--resume").exit_code == 0
    whole, parts = (load_file(tmp_path / name / "deepfashion_unet.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(value, parts[key]) for key, value in whole.items())
    assert int(whole["center.conv1.1.num_batches_tracked"]) == 4


def test_a_run_with_other_settings_is_not_continued(root, tmp_path):
    assert train(root, tmp_path, "--steps", "1").exit_code == 0
    done = train(root, tmp_path, "--steps", "2", "--resume", "--seed", "1", "--no-flip")
    assert done.exit_code == 2
    assert "belongs to a run with another recipe, seed" in done.stderr
    assert "there is no checkpoint" in train(root, tmp_path / "other", "--resume", "--steps", "2").stderr


def training_on(data, recipe, folder=None):
    return SegmenterTraining(dataset=data, recipe=recipe, folder=folder, seed=0, device=CPU)


def small(folder=None, **changes):
    data = Paperdolls(PAPERDOLLS, "train", length=8, persons=1, size=32)
    return training_on(data, SegmenterRecipe(batch=4, **changes), folder)


def test_it_learns(tmp_path):
    losses = []
    small(tmp_path, rate=4e-3).train(30, lambda step, loss: losses.append(loss))
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_what_is_drawn_depends_on_the_seed_alone(tmp_path):
    torch.rand(1)
    first, second = small(tmp_path), small()
    assert all(torch.equal(a, b) for a, b in zip(first.network.parameters(), second.network.parameters(), strict=True))
    before = torch.get_rng_state()
    first.train(1, lambda step, loss: None)
    assert (torch.get_rng_state() == before).all()


def test_classes_that_are_not_scored_are_not_learned():
    training = small()
    spec = replace(training.dataset.spec, scored_as=(-1, 0, 1, 2, 3, 4, 5, 6))
    training.dataset.spec = spec
    training = training_on(training.dataset, training.recipe)
    assert training.network.num_classes == 7
    images, labels = torch.zeros(1, 3, 32, 32), torch.zeros(1, 32, 32, dtype=torch.int64)
    labels[0, 0, 0] = 3
    with torch.no_grad():
        scores = training.network.train().logits(images)
    expected = float(torch.nn.functional.cross_entropy(scores[:, :, 0, 0], torch.tensor([2])))
    assert training._train_step(images, labels) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(UserError, match="Step 1: the loss is not finite"):
        training._train_step(images, torch.zeros_like(labels))  # nothing to learn from


class Answers(ParsingUNet):
    """Reads class 3 everywhere."""

    def forward(self, images, size):
        return torch.full((len(images), *size), 3)


def test_scores_are_those_of_the_whole_split():
    data = Paperdolls(PAPERDOLLS, "val", length=20, persons=1, size=32)
    counts, steps = [int((item.labels == 3).sum()) for item in map(data.__getitem__, range(20))], []
    scores = evaluate(Answers(8), data, CPU, 0, steps.append)
    share = 100 * sum(counts) / (20 * 32 * 32)
    assert scores["items"] == sum(steps) == 20
    assert scores["accuracy"] == scores["iou"]["top"] == pytest.approx(share, abs=0.01)
    assert scores["miou"] == pytest.approx(share / 8, abs=0.01)


def test_scores_leave_out_what_is_not_scored():
    data = Paperdolls(PAPERDOLLS, "val", length=4, persons=1, size=32)
    data.spec = replace(PAPERDOLLS, scored_as=(-1, 0, 1, 2, 4, 3, 5, 6))  # top is 2, bottom and skin change places
    items = [data[index].labels for index in range(4)]
    person, skin = sum(int((labels > 0).sum()) for labels in items), sum(int((labels == 5).sum()) for labels in items)
    scores = evaluate(Answers(7), data, CPU, 0, lambda count: None)
    assert scores["accuracy"] == scores["iou"]["skin"] == pytest.approx(100 * skin / person, abs=0.01)
    assert "background" not in scores["iou"]


class Narrow(Dataset):
    spec, split, size = PAPERDOLLS, "train", (40, 64)

    def __len__(self):
        return 3


def test_data_that_cannot_be_learned_from_are_refused(root, tmp_path):
    with pytest.raises(UserError, match=r"\(40, 64\); the UNet needs sides divisible by 16"):
        training_on(Narrow(), SegmenterRecipe(), tmp_path)
    done = train(root, tmp_path, "--batch-size", "9")
    assert "4 training items, fewer than one batch of 9" in done.stderr
    done = bench("train-segmenter", "--dataset", "deepfashion2", "--data-root", root)
    assert "for evaluation only: train on deepfashion" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("paperdolls", "--epochs", "3"), "--epochs has no meaning for the segmenter of paperdolls"),
        (("paperdolls", "--resume"), "--resume has no meaning"),
        (("deepfashion", "--items", "3"), "--items has no meaning for the segmenter of deepfashion"),
        (("deepfashion", "--steps", "3", "--epochs", "1"), "by --steps or by --epochs, not by both"),
    ],
)
def test_options_that_would_be_ignored_are_refused(words, said):
    done = bench("train-segmenter", "--dataset", *words)
    assert done.exit_code == 2
    assert said in done.stderr
