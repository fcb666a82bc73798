import copy
import math

import pytest
import torch
from filled_networks import filled
from pictures import alike, images, picture, pixels, resized
from PIL import Image
from torch.nn import functional as F

from bench.synthesis.images import from_bytes
from segmenters import upernet
from segmenters.upernet import BGR_MEAN, RGB_DEVIATION, RGB_MEAN, SIZES, Decoder, Encoder, UPerNet, target_size


@pytest.fixture(scope="module")
def network():
    """The paper's network; its encoder and decoder have the keys of two files."""
    with torch.device("meta"):
        parts = Encoder(), Decoder()
    return UPerNet(*(filled(part.to_empty(device="cpu"), 0.9) for part in parts))


@pytest.fixture
def reader(network):
    """Build a network of the same weights with other options."""
    return lambda channels="rgb", sizes=SIZES: UPerNet(network.encoder, network.decoder, channels, sizes)


def test_probabilities_are_those_of_the_authors_network(golden, network):
    expected = golden("upernet_resnet101")
    inputs = upernet.prepare(expected["image"].float(), (96, 128), "rgb")
    predicted = upernet.probabilities(network.logits(inputs), (103, 123)).argmax(1)
    assert alike(predicted, expected["pred"].long()) > 0.999


def slowly(network, photo, sizes, labels):
    """Several sizes as the authors' evaluation does them, with PIL; `sizes` are the targets."""
    total = 0
    for size in sizes:
        values = pixels(resized(photo, size, Image.Resampling.BILINEAR)) / 255
        values = (values - torch.tensor(RGB_MEAN)[:, None, None]) / torch.tensor(RGB_DEVIATION)[:, None, None]
        total += F.interpolate(network.logits(values), labels, mode="bilinear").softmax(1)
    return total.argmax(1)


def test_sizes_are_averaged_by_their_probabilities(reader):
    photo, sizes = picture(50, 75), (32, 50)
    predicted = reader(sizes=sizes)(images(photo), (50, 75))
    assert alike(predicted, slowly(reader(), photo, [(32, 64), (64, 96)], (50, 75))) > 0.999
    assert alike(predicted, reader(sizes=sizes[:1])(images(photo), (50, 75))) < 0.99


def test_labels_may_have_another_size_than_images(reader):
    photo = picture(40, 40)
    expected = slowly(reader(), photo, [(64, 64)], (30, 20))
    assert alike(reader(sizes=(64,))(images(photo), (30, 20)), expected) > 0.998


def test_the_older_release_gets_blue_green_red_from_0_to_255(network, reader):
    photo = picture(64, 96)
    values = pixels(photo)[:, [2, 1, 0]] - torch.tensor(BGR_MEAN)[:, None, None]
    expected = F.interpolate(network.logits(values), (64, 96), mode="bilinear").argmax(1)
    assert alike(reader("bgr", (64,))(images(photo), (64, 96)), expected) > 0.999
    assert alike(reader("rgb", (64,))(images(photo), (64, 96)), expected) < 0.5


def test_the_older_release_is_resized_without_antialias():
    stripes = torch.zeros(1, 3, 128, 128)
    stripes[..., ::2] = 255
    plain = torch.tensor(BGR_MEAN).view(1, 3, 1, 1)
    shrunk = upernet.prepare(stripes, (128, 32), "bgr") + plain
    assert set(shrunk.round().unique().tolist()) == {128}  # the two pixels at the centre, one of each colour
    alternate = upernet.prepare(stripes.roll(1, 3)[..., :96], (128, 32), "bgr") + plain
    assert set(alternate.round().unique().tolist()) == {0, 255}  # one pixel of three


def test_images_of_a_batch_do_not_matter_to_each_other(reader, monkeypatch):
    batch, read = images(*(picture(32, 32, seed) for seed in range(3))), reader(sizes=(32,))
    together = read(batch, (32, 32))
    monkeypatch.setattr("segmenters.parts.pixels.PIXELS_AT_ONCE", 1)
    assert alike(together, read(batch, (32, 32))) > 0.999


@pytest.mark.parametrize(("size", "short", "target"), [((256, 256), 300, (320, 320)), ((300, 720), 600, (416, 1024))])
def test_sides_are_rounded_up_and_long_ones_limited(size, short, target):
    assert target_size(size, short) == target


def test_images_that_would_vanish_are_refused(reader):
    with pytest.raises(ValueError, match="1x2000, too long for their width"):
        reader()(torch.zeros(1, 3, 1, 2000), (1, 2000))


@pytest.fixture
def states(network):
    """The state dicts of encoder and decoder, as they are released."""
    return [network.encoder.state_dict(), network.decoder.state_dict()]


def test_released_weights_are_loaded_whatever_else_comes_with_them(states):
    old = {key: value for key, value in states[0].items() if "num_batches" not in key}
    extra = ("bn1._tmp_running_mean", "bn1._tmp_running_var", "layer1.0.bn1._running_iter", "fc.weight", "fc.bias")
    states[0] = old | dict.fromkeys(extra, torch.zeros(1))
    states[1] |= {"ppm_conv.0.1._tmp_running_mean": torch.zeros(1)}
    loaded = UPerNet.from_states(states, sizes=(450,))
    assert (loaded.channels, loaded.sizes, loaded.num_classes) == ("rgb", (450,), 150)
    assert not loaded.training
    assert not any(weight.requires_grad for weight in loaded.parameters())
    assert torch.equal(loaded.encoder.layer3[22].conv3.weight, old["layer3.22.conv3.weight"])
    assert torch.equal(loaded.decoder.conv_last[1].bias, states[1]["conv_last.1.bias"])


def test_weights_of_another_network_are_refused(states):
    with pytest.raises(ValueError, match="does not hold the weights of this Encoder"):
        UPerNet.from_states(states[::-1])
    states[0] = states[0] | {"layer5.0.conv1.weight": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"unexpected keys: layer5\.0\.conv1\.weight"):
        UPerNet.from_states(states)


def test_weights_are_held_against_the_range_that_is_asked_for(states):
    with pytest.raises(ValueError, match="This encoder was trained on standardised RGB"):
        UPerNet.from_states(states, "bgr")


DEVIATION = 255 * sum(RGB_DEVIATION) / 3


# Both ways in which one network can be written for the other range, and weights a little off.
@pytest.mark.parametrize("slack", [1 / 5, 1, 5])
@pytest.mark.parametrize("where", ["weight", "variance"])
def test_weights_of_the_other_release_are_refused(network, where, slack):
    encoder = copy.deepcopy(network.encoder)
    encoder.bn1.running_var *= slack
    upernet.check_channels(encoder, "rgb")
    with pytest.raises(ValueError, match="trained on standardised RGB, not on what channels='bgr'"):
        upernet.check_channels(encoder, "bgr")
    if where == "weight":
        encoder.conv1.weight /= DEVIATION
    else:
        encoder.bn1.running_var *= DEVIATION**2
    upernet.check_channels(encoder, "bgr")
    with pytest.raises(ValueError, match=r"BGR from 0 to 255.*expected the files of the folder ade20k-resnet101"):
        upernet.check_channels(encoder, "rgb")


def test_the_variance_of_a_convolutions_outputs_is_guessed_far_better_than_the_releases_differ():
    photo = pixels(picture(256, 256))
    photo = (photo - photo.mean((2, 3), keepdim=True)) / photo.std((2, 3), keepdim=True)
    blur = torch.ones(1, 3, 3, 3)
    edge = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).expand(1, 3, 3, 3)
    for weight in (blur, edge, 100 * edge):
        found = float(F.conv2d(photo, weight).var())
        (guess,) = upernet._variance_of_responses(weight).tolist()
        assert abs(math.log(found / guess)) < math.log(5)


def test_parameters_are_those_of_the_authors_network():
    with torch.device("meta"):
        encoder, decoder = Encoder(), Decoder()
    counts = [sum(weight.numel() for weight in part.parameters()) for part in (encoder, decoder)]
    assert counts == [42_623_936, 40_590_486]


def test_eight_bits_are_kept_on_the_way(golden, reader):
    """A golden's image comes through [-1, 1] unchanged: at its own size nothing but the range differs."""
    image = golden("upernet_resnet101")["image"]
    assert torch.equal(upernet.to_pixels(from_bytes(image)), image.float())
