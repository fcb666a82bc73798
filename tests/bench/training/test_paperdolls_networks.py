import hashlib
import json

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from bench.commands import train_features, train_segmenter
from bench.datasets.paperdolls.appearance import appearance
from bench.datasets.paperdolls.dataset import PAPERDOLLS, PAPERDOLLS2, Paperdolls, appearance_seeds, open_paperdolls
from bench.training.paperdolls_features import AttributeHead, attributes, set_fid_scale
from bench.training.paperdolls_networks import WEIGHTS, class_weights, load_photos, score_segmentation, training_items
from bench.weights.tensors import read_weights
from metrics.networks.paperdolls import PaperdollsFeatures


@pytest.fixture(scope="module")
def features():
    return PaperdollsFeatures.from_state(read_weights(WEIGHTS / "features.safetensors"))


@pytest.fixture
def few_held_out(monkeypatch):
    few = [Paperdolls(spec, "val", length=4, persons=persons) for spec, persons in ((PAPERDOLLS, 1), (PAPERDOLLS2, 2))]
    monkeypatch.setattr("bench.training.paperdolls_networks.held_out", lambda: few)


@pytest.mark.usefixtures("few_held_out")
@pytest.mark.parametrize(
    ("command", "name"), [(train_segmenter.command, "segmenter"), (train_features.command, "features")]
)
def test_a_training_is_repeated_to_the_bit_and_records_itself(command, name, tmp_path):
    for folder, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        options = ["--seed", seed, "--steps", "3", "--items", "40", "--out", str(tmp_path / folder)]
        torch.rand(1)  # what else draws random numbers does not matter
        result = CliRunner().invoke(command, options)
        assert result.exit_code == 0, result.output
    a, b, c = ((tmp_path / folder / f"{name}.safetensors").read_bytes() for folder in "abc")
    assert a == b != c
    record = json.loads((tmp_path / "a" / f"{name}.json").read_text())
    assert record["sha256"] == hashlib.sha256(a).hexdigest()
    assert record["command"].endswith("--seed 3 --steps 3 --items 40")
    assert record["data"][0] == {
        "dataset": "paperdolls",
        "split": "train",
        "items": 40,
        "fingerprint": open_paperdolls("train").fingerprint(),
    }
    assert set(record["scores"]) == {"paperdolls", "paperdolls2"}


@pytest.mark.usefixtures("few_held_out")
def test_a_training_leaves_the_global_random_state_alone(tmp_path):
    before = torch.get_rng_state()
    CliRunner().invoke(train_segmenter.command, ["--steps", "2", "--items", "32", "--out", str(tmp_path)])
    assert (torch.get_rng_state() == before).all()


@pytest.mark.parametrize("name", ["segmenter", "features"])
def test_shipped_weights_are_those_of_their_record_and_of_this_renderer(name):
    record = json.loads((WEIGHTS / f"{name}.json").read_text())
    assert record["sha256"] == hashlib.sha256((WEIGHTS / f"{name}.safetensors").read_bytes()).hexdigest()
    expected = [data.fingerprint() for data in training_items(record["data"][0]["items"])]
    assert [data["fingerprint"] for data in record["data"]] == expected


def test_a_perfect_segmenter_scores_one():
    data = open_paperdolls("val")
    photos = load_photos(data, len(data))
    answers = iter(torch.split(photos.labels.long(), 32))
    scores = score_segmentation(lambda images: next(answers), data)
    assert (scores["accuracy"], scores["miou"], set(scores["iou"].values())) == (1.0, 1.0, {1.0})


def test_a_segmenter_that_sees_background_only_scores_its_share():
    scores = score_segmentation(
        lambda images: torch.zeros(len(images), 64, 64, dtype=torch.int64), open_paperdolls("val")
    )
    assert scores["iou"]["background"] == scores["accuracy"]
    assert scores["miou"] == pytest.approx(scores["accuracy"] / 8, abs=1e-4)


def test_rare_classes_weigh_the_root_of_their_rarity():
    labels = torch.tensor([0] * 900 + [1] * 100)
    weights = class_weights(labels)
    assert float(weights[1] / weights[0]) == pytest.approx(3)


def test_attributes_are_those_of_the_painter():
    data = open_paperdolls("train")
    table = attributes(data, 3, load_photos(data, 3).labels)
    look = appearance(3, int(appearance_seeds(data.seed(2))[4]))
    presence, colour, second, shading, period, pattern, angle = table[2, 3].split(AttributeHead.sizes)
    assert float(presence) == 1
    torch.testing.assert_close(colour, torch.tensor(look.colour))
    torch.testing.assert_close(second, torch.tensor(look.second))
    assert float(shading) == pytest.approx(5 * look.shading)
    assert float(period) == pytest.approx(10 * (look.period - 0.1), abs=1e-5)
    assert (int(pattern.argmax()), int(angle.argmax())) == (look.pattern, look.angle)


def test_the_attributes_of_absent_parts_do_not_count():
    data = open_paperdolls("train")
    truth = attributes(data, 32, load_photos(data, 32).labels)
    pooled, head = torch.rand(32, 128), AttributeHead(128)
    absent = truth[..., 0] == 0
    assert absent.any()
    changed = truth.clone()
    changed[..., 1:][absent] = 1 - changed[..., 1:][absent]
    assert head.loss(pooled, changed) == head.loss(pooled, truth)
    changed[..., 1:4] += 1
    assert head.loss(pooled, changed) != head.loss(pooled, truth)


def test_scaled_features_of_real_photos_have_a_total_variance_of_one():
    photos = load_photos(open_paperdolls("train"), 64)
    network = PaperdollsFeatures.from_state(read_weights(WEIGHTS / "features.safetensors"))
    network.fid_scale.fill_(7.0)
    set_fid_scale(network, photos, count=64)
    variance = network(photos.batch(torch.arange(64))[0]).var(0)
    assert float(variance.sum()) == pytest.approx(1, abs=1e-3)


def test_shipped_features_hold_the_scale_of_real_photos(features):
    photos = load_photos(open_paperdolls("train"), 400)
    variance = features(photos.batch(torch.arange(400))[0]).var(0)
    assert float(variance.sum()) == pytest.approx(1, abs=0.1)
    assert set(load_file(WEIGHTS / "features.safetensors")) == set(features.state_dict())
