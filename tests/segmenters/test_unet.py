from pathlib import Path

import pytest
import torch

import bench
from bench.datasets.paperdolls.dataset import open_paperdolls, open_paperdolls2
from bench.training.paperdolls_networks import load_photos
from bench.weights.tensors import read_weights
from segmenters import SEGMENTERS
from segmenters.unet import PaperdollsSegmenter

SHIPPED = Path(bench.__file__).parent / "weights" / "paperdolls" / "segmenter.safetensors"


@pytest.fixture(scope="module")
def segmenter():
    return PaperdollsSegmenter.from_states([read_weights(SHIPPED)])


def mean_iou(predicted, labels):
    ious = []
    for part in range(8):
        guess, truth = predicted == part, labels == part
        ious.append((guess & truth).sum() / (guess | truth).sum())
    return float(torch.stack(ious).mean())


# Measured on all val items: 0.952 with one person, 0.920 with two; 0.40 when photos and layouts do not match.
@pytest.mark.parametrize(("opener", "least"), [(open_paperdolls, 0.92), (open_paperdolls2, 0.88)])
def test_shipped_weights_read_the_layouts_of_held_out_photos(segmenter, opener, least):
    images, labels = load_photos(opener("val"), 64).batch(torch.arange(64))
    predicted = segmenter(images, (64, 64))
    assert predicted.dtype == torch.int64
    assert mean_iou(predicted, labels) > least
    assert mean_iou(segmenter(images.roll(1, 0), (64, 64)), labels) < 0.5


def test_images_of_a_batch_do_not_matter_to_each_other(segmenter):
    images, _ = load_photos(open_paperdolls("val"), 5).batch(torch.arange(5))
    together = segmenter.logits(images)
    torch.testing.assert_close(segmenter.logits(images[3:4])[0], together[3], atol=1e-4, rtol=1e-4)


def test_sizes_other_than_square_are_read(segmenter):
    images, labels = load_photos(open_paperdolls("val"), 16).batch(torch.arange(16))
    predicted = segmenter(images[:, :, :, 8:56], (64, 48))
    assert predicted.shape == (16, 64, 48)
    assert (predicted == labels[:, :, 8:56]).float().mean() > 0.97


def test_sizes_that_do_not_halve_three_times_are_refused(segmenter):
    with pytest.raises(ValueError, match="60x64; both must be divisible by 8"):
        segmenter(torch.zeros(1, 3, 60, 64), (60, 64))


def test_the_network_is_as_small_as_stated():
    assert sum(weight.numel() for weight in PaperdollsSegmenter().parameters()) == 110_320


def test_every_weight_receives_a_gradient():
    network = PaperdollsSegmenter()
    network.logits(torch.rand(2, 3, 16, 24)).square().mean().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())


def test_the_table_names_it():
    assert SEGMENTERS["paperdolls"][0] == f"{PaperdollsSegmenter.__module__}:{PaperdollsSegmenter.__name__}"
