import pytest
import torch
from filled_networks import filled
from pictures import alike, images, picture, pixels
from torch.nn import functional as F

from bench.synthesis.images import from_bytes
from segmenters.deeplab import DeepLab

GAIN = 0.75


@pytest.fixture(scope="module")
def network():
    with torch.device("meta"):
        made = DeepLab()
    return filled(made.to_empty(device="cpu"), GAIN)


def test_images_are_read_as_the_authors_network_reads_them(golden, network):
    expected = golden("deeplabv2_cocostuff")
    predicted = network(from_bytes(expected["image"]), (97, 129))
    assert alike(predicted, expected["pred"].long()) > 0.999


def test_scores_go_to_the_size_of_the_labels(network):
    photo = picture(48, 64)
    values = pixels(photo)[:, [2, 1, 0]] - torch.tensor([104.008, 116.669, 122.675])[:, None, None]
    expected = F.interpolate(network.logits(values), (96, 50), mode="bilinear").argmax(1)
    assert alike(network(images(photo), (96, 50)), expected) == 1


def test_every_scale_can_win(network):
    values = pixels(picture(96, 96)) - 110
    scores, alone = network.logits(values), network.base(values)
    assert scores.shape == alone.shape == (1, 182, 13, 13)
    assert (scores >= alone).all()
    assert 0.1 < (scores > alone).float().mean() < 0.9


def test_images_of_a_batch_do_not_matter_to_each_other(network, monkeypatch):
    batch = images(*(picture(32, 48, seed) for seed in range(3)))
    together = network(batch, (32, 48))
    monkeypatch.setattr("segmenters.parts.pixels.PIXELS_AT_ONCE", 1)
    assert alike(together, network(batch, (32, 48))) > 0.999


def test_released_weights_are_loaded_and_others_refused(network):
    old = {key: value for key, value in network.state_dict().items() if "num_batches" not in key}
    loaded = DeepLab.from_states([old])
    assert loaded.num_classes == 182
    assert not loaded.training
    assert torch.equal(loaded.base.aspp.c3.weight, old["base.aspp.c3.weight"])
    old["base.aspp.c3.weight"] = torch.zeros(21, 2048, 3, 3)  # as in the file of Pascal VOC
    with pytest.raises(ValueError, match=r"other shapes: base\.aspp\.c3\.weight"):
        DeepLab.from_states([old])


def test_images_that_vanish_at_half_the_size_are_refused(network):
    with pytest.raises(ValueError, match="1x20; half of a side must be a pixel"):
        network(torch.zeros(1, 3, 1, 20), (1, 20))
