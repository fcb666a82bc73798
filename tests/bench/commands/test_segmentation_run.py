"""`bench run --metrics segmentation` on a DeepFashion of a few items, read by a UNet with named weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from small_runs import bench, records

from bench.common.files import sha256_of
from bench.datasets.paperdolls.dataset import open_paperdolls
from bench.parity.fill import fill_network
from bench.synthesis.images import photos_to_tensor
from bench.weights.known import WEIGHT_FILES, WeightFile
from bench.weights.tensors import read_weights
from metrics.segmentation import confusion, iou_per_class
from segmenters.parsing_unet import DeepFashionUNet

ITEMS = 3


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Drawn persons in INADE's layout, and weights as `bench train-segmenter` leaves them."""
    folder = tmp_path_factory.mktemp("root")
    drawn = open_paperdolls("val", size=256)
    for item in (drawn[index] for index in range(ITEMS)):
        for part in ("train", "test"):
            for kind, pixels in (("img", item.image), ("label", item.labels)):
                place = folder / "data" / "deepfashion" / f"{part}_{kind}"
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(place / f"{item.key}.png")
    network = DeepFashionUNet()
    fill_network(network, gain=1.4)
    path = folder / "weights" / "segmenters" / "deepfashion_unet.safetensors"
    path.parent.mkdir(parents=True)
    save_file(network.state_dict(), path)
    path.with_suffix(".json").write_text(json.dumps({"sha256": sha256_of(path)}))
    return folder


@pytest.fixture(autouse=True)
def known_weights(monkeypatch):
    if "deepfashion_unet" not in WEIGHT_FILES:
        entry = WeightFile("deepfashion_unet", "segmenters/deepfashion_unet.safetensors", "", None, "")
        monkeypatch.setitem(WEIGHT_FILES, "deepfashion_unet", entry)


def run(root, out, *words):
    return bench(
        "run", "--methods", "real", "--dataset", "deepfashion", "--metrics", "segmentation", "--num-workers", "0",
        "--data-root", root / "data", "--weights-root", root / "weights", "--device", "cpu", "--out", out, *words,
    )  # fmt: skip


def test_real_photos_are_read_and_scored(root, tmp_path):
    done = run(root, tmp_path, "--save-images", tmp_path / "images")
    assert done.exit_code == 0, done.stderr
    (record,) = records(tmp_path)
    path = root / "weights" / "segmenters" / "deepfashion_unet.safetensors"
    segmenter = DeepFashionUNet.from_states([read_weights(path)])
    drawn = open_paperdolls("val", size=256)
    items = [drawn[index] for index in range(ITEMS)]
    labels = torch.from_numpy(np.stack([item.labels for item in items])).long()
    predicted = segmenter(photos_to_tensor([item.image for item in items]), (256, 256))
    counts = confusion(labels, predicted, 8)
    assert record.values["miou"] == pytest.approx(100 * float(iou_per_class(counts).nanmean()), rel=1e-4)
    assert record.values["acc"] == pytest.approx(100 * float((labels == predicted).double().mean()), rel=1e-4)
    # The matrix beside the record gives the same numbers, and so do label maps that are predicted elsewhere.
    found = json.loads(bench("confusion", tmp_path / "records" / f"{record.key}.npz", "--json").stdout)
    assert found["mean"]["miou_nan_union"] == pytest.approx(record.values["miou"])
    assert found["mean"]["acc_valid"] == pytest.approx(record.values["acc"])
    assert found["classes"][3] == "top clothes"
    for item, map_ in zip(items, predicted.numpy(), strict=True):
        path = tmp_path / "parsed" / "run1" / f"{item.key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert (tmp_path / "images" / "real" / "deepfashion" / "run1" / path.name).is_file()
        Image.fromarray(map_.astype(np.uint8)).save(path)
    words = ("--dataset", "deepfashion", "--data-root", root / "data", "--json")
    elsewhere = json.loads(bench("confusion", tmp_path / "parsed", *words).stdout)
    assert elsewhere["mean"] == pytest.approx(found["mean"], rel=1e-4)


def test_cihp_pgn_is_not_run_and_the_way_round_is_said(root, tmp_path):
    done = run(root, tmp_path, "--set", "deepfashion.network=cihp")
    assert done.exit_code == 2
    assert "score its label maps with `bench confusion FOLDER" in done.stderr


def test_weights_of_another_network_are_one_clear_error(root, tmp_path):
    other = tmp_path / "weights" / "segmenters" / "deepfashion_unet.safetensors"
    other.parent.mkdir(parents=True)
    save_file({"final.weight": torch.zeros(19, 16, 1, 1)}, other)
    other.with_suffix(".json").write_text(json.dumps({"sha256": sha256_of(other)}))
    done = run(root, tmp_path / "out", "--weights-root", tmp_path / "weights")
    assert done.exit_code == 2
    assert f"{other}: The state dict does not hold the weights of this DeepFashionUNet (missing keys:" in done.stderr
