import numpy as np
import pytest
import torch
from filled_networks import filled
from pictures import alike, images, picture, pixels, resized
from PIL import Image

from bench.synthesis.images import from_bytes
from segmenters.drn import DEVIATION, MEAN, Drn

GAIN = 1.4


@pytest.fixture(scope="module")
def small():
    return filled(Drn("drn_d_22"), GAIN)


@pytest.mark.parametrize(("name", "arch", "gain"), [("drn_d_22", "drn_d_22", 1.4), ("drn_d_105", "drn_d_105", 1.0)])
def test_images_are_read_as_the_authors_network_reads_them(golden, name, arch, gain):
    expected = golden(name)
    image = from_bytes(expected["image"])
    predicted = filled(Drn(arch), gain)(image, (image.shape[-2], image.shape[-1]))
    assert alike(predicted, expected["pred"].long()) > 0.999


def test_images_of_another_size_are_enlarged_to_the_labels_as_pil_does(small):
    photo = picture(40, 72)
    larger = resized(photo, (64, 128), Image.Resampling.BICUBIC)
    assert torch.equal(small(images(photo), (64, 128)), small(images(larger), (64, 128)))


def slowly(network, photo, scales):
    """Several scales as the evaluator does them, with PIL throughout."""
    total = 0
    for scale in scales:
        size = int(photo.shape[0] * scale), int(photo.shape[1] * scale)
        values = pixels(resized(photo, size, Image.Resampling.BICUBIC)) / 255
        values = (values - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
        logits = network.up(network.seg(network.base(values)))[0]
        for_pil = [Image.fromarray(row) for row in logits.log_softmax(0).numpy()]
        total += np.stack([row.resize(photo.shape[1::-1], Image.Resampling.BILINEAR) for row in for_pil])
    return torch.from_numpy(total.argmax(0))[None]


def test_several_scales_add_up_their_log_probabilities(small):
    photo, scales = picture(64, 104), (1.0, 0.5, 0.75, 1.25, 1.5, 1.75)  # 104 * 0.75 = 78 is no multiple of 8
    six = Drn("drn_d_22", scales)
    six.load_state_dict(small.state_dict())
    predicted = six.eval()(images(photo), (64, 104))
    assert alike(predicted, slowly(small, photo, scales)) > 0.999
    assert alike(predicted, small(images(photo), (64, 104))) < 0.99


def test_images_of_a_batch_do_not_matter_to_each_other(small, monkeypatch):
    batch = images(*(picture(32, 64, seed) for seed in range(3)))
    together = small(batch, (32, 64))
    monkeypatch.setattr("segmenters.parts.pixels.PIXELS_AT_ONCE", 1)
    assert alike(together, small(batch, (32, 64))) > 0.999


@pytest.mark.parametrize(("arch", "parameters"), [("drn_d_22", 15_890_499), ("drn_d_105", 54_298_051)])
def test_trainable_parameters_are_those_of_the_paper_without_the_kernel_that_enlarges(arch, parameters):
    with torch.device("meta"):
        network = Drn(arch)
    assert sum(weight.numel() for weight in network.parameters() if weight.requires_grad) == parameters


@pytest.mark.parametrize(("arch", "blocks"), [("drn_d_38", [3, 4, 6, 3]), ("drn_d_54", [3, 4, 6, 3])])
def test_the_variants_between_are_built_of_the_same_blocks(arch, blocks):
    network = filled(Drn(arch), GAIN)
    assert [len(level) for level in network.base[3:7]] == blocks
    assert hasattr(network.base[3][0], "conv3") == (arch == "drn_d_54")
    assert network(images(picture(16, 24)), (16, 24)).shape == (1, 16, 24)


def test_a_fresh_network_enlarges_bilinearly():
    up = Drn("drn_d_22").up
    flat = up(torch.ones(1, 19, 4, 5))
    assert torch.allclose(flat[:, :, 4:-4, 4:-4], torch.ones(()))  # the borders fade, as their neighbours are missing
    assert float(flat[0, 0, 0, 0]) == pytest.approx((9 / 16) ** 2)


def test_released_weights_are_loaded(small):
    state = {key: value for key, value in small.state_dict().items() if "num_batches" not in key}
    photo = images(picture(16, 24))
    assert torch.equal(Drn.from_states([state], "drn_d_22")(photo, (16, 24)), small(photo, (16, 24)))
    assert Drn.from_states([state], "drn_d_22", (1.0, 0.5)).scales == (1.0, 0.5)
    with pytest.raises(ValueError, match=r"does not hold the weights of this Drn .*missing keys: base"):
        Drn.from_states([state], "drn_d_38")


@pytest.mark.parametrize("size", [(60, 64), (64, 60)])
def test_sides_that_are_no_multiple_of_8_are_refused(small, size):
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]}; both sides must be divisible by 8"):
        small(images(picture(*size)), size)


def test_unknown_variants_are_refused():
    with pytest.raises(ValueError, match="no DRN 'drn_c_26'; known: drn_d_22"):
        Drn("drn_c_26")
