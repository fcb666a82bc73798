import pytest
import torch
from filled_networks import filled
from pictures import alike, images, picture, resized
from PIL import Image
from torch.nn import functional as F

from bench.synthesis.images import from_bytes
from segmenters.parsing_unet import CelebAUNet, DeepFashionUNet, ParsingUNet

GAIN = 1.4


@pytest.fixture(scope="module")
def faces():
    return filled(CelebAUNet(), GAIN)


@pytest.fixture(scope="module")
def persons():
    return filled(DeepFashionUNet(), GAIN)


def test_images_are_read_as_the_authors_network_reads_them(golden):
    expected = golden("celebamask_unet")
    network = filled(ParsingUNet(19), GAIN)
    assert alike(network(from_bytes(expected["image"]), (128, 128)), expected["pred"].long()) > 0.999


@pytest.mark.parametrize("resize", ["nearest", "bicubic"])
def test_faces_are_read_at_512_as_pil_resizes_them(faces, resize):
    photo = picture(256, 300)
    larger = resized(photo, (512, 512), Image.Resampling[resize.upper()])
    network = CelebAUNet(resize)
    network.load_state_dict(faces.state_dict())
    expected = faces.logits(images(larger))
    assert alike(network.eval()(images(photo), (512, 512)), expected.argmax(1)) > 0.9999
    smaller = F.interpolate(expected, (256, 200), mode="bilinear").argmax(1)
    assert alike(network(images(photo), (256, 200)), smaller) > 0.9999


def test_the_two_ways_of_resizing_differ(faces):
    photo, bicubic = images(picture(256, 256)), CelebAUNet("bicubic")
    bicubic.load_state_dict(faces.state_dict())
    assert alike(bicubic.eval()(photo, (512, 512)), faces(photo, (512, 512))) < 0.99


def test_persons_are_read_at_the_size_they_have(persons):
    photos = images(picture(32, 48), picture(32, 48, 1))
    scores = persons.logits(photos)
    assert persons.num_classes == 8
    assert alike(persons(photos, (32, 48)), scores.argmax(1)) == 1
    assert alike(persons(photos, (40, 90)), F.interpolate(scores, (40, 90), mode="bilinear").argmax(1)) == 1


def test_images_of_a_batch_do_not_matter_to_each_other(persons, monkeypatch):
    batch = images(*(picture(32, 48, seed) for seed in range(3)))
    together = persons(batch, (32, 48))
    monkeypatch.setattr("segmenters.parts.pixels.PIXELS_AT_ONCE", 1)
    assert alike(together, persons(batch, (32, 48))) > 0.999


@pytest.mark.parametrize("size", [(40, 48), (48, 40)])
def test_sides_that_do_not_halve_four_times_are_refused(persons, size):
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]}; both sides must be divisible by 16"):
        persons(torch.zeros(1, 3, *size), size)


def test_weights_of_both_kinds_are_loaded(faces, persons):
    old = {key: value for key, value in faces.state_dict().items() if "num_batches" not in key}
    loaded = CelebAUNet.from_states([old], resize="bicubic")
    assert (loaded.num_classes, loaded.resize, loaded.training) == (19, "bicubic", False)
    photo = images(picture(32, 32))
    assert torch.equal(loaded.logits(photo), faces.logits(photo))
    loaded = DeepFashionUNet.from_states([persons.state_dict()])
    assert torch.equal(loaded.logits(photo), persons.logits(photo))
    with pytest.raises(ValueError, match=r"other shapes: final\.weight, final\.bias"):
        DeepFashionUNet.from_states([old])


def test_every_weight_receives_a_gradient():
    network = ParsingUNet(8)
    network.logits(torch.rand(2, 3, 32, 32)).square().mean().backward()
    # A bias in front of a norm in training changes nothing.
    without = {name for name, weight in network.named_parameters() if not weight.grad.abs().max() > 1e-7}
    assert all(name.endswith(".0.bias") for name in without)
