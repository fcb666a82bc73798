"""The parts of the style encoders against loops."""

import pytest
import torch
from random_layouts import random_layout, randomise
from torch.nn import functional as F

from models.groupdnet.method import GROUPDNET, split_by_class
from models.inade import InadeEncoder, InadeEncoderConfig, InstanceConv2d
from models.parts.encoders import divergence, remap
from models.parts.image_styles import ImageEncoder, SpadeEncoder


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def slow_instance_convolution(conv, x, ids):
    """Every output position sums the taps whose id is that of its centre."""
    stride, height, width = conv.stride[0], *x.shape[2:]
    ids = ids[:, [y * ids.shape[1] // height for y in range(height)]]
    ids = ids[:, :, [x_ * ids.shape[2] // width for x_ in range(width)]]
    rows, columns = range(0, height, stride), range(0, width, stride)
    result = torch.zeros(len(x), conv.out_channels, len(rows), len(columns))
    for n in range(len(x)):
        for i, y in enumerate(rows):
            for j, u in enumerate(columns):
                total = conv.bias.clone()
                for dy in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        v, w = y + dy, u + dx
                        if 0 <= v < height and 0 <= w < width and ids[n, v, w] == ids[n, y, u]:
                            total = total + conv.weight[:, :, dy + 1, dx + 1] @ x[n, :, v, w]
                result[n, :, i, j] = total
    return result


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(8, 8), (6, 12), (7, 9)])
@torch.no_grad()
def test_instance_convolution_reads_only_its_own_instance(stride, size):
    conv = randomise(InstanceConv2d(3, 5, stride))
    ids = torch.randint(0, 3, (2, 16, 24), generator=torch.Generator().manual_seed(0))
    x = noise(2, 3, *size)
    torch.testing.assert_close(conv(x, ids), slow_instance_convolution(conv, x, ids), rtol=1e-4, atol=1e-5)


def test_one_instance_makes_it_an_ordinary_convolution():
    conv, x = randomise(InstanceConv2d(3, 5)), noise(2, 3, 8, 8)
    ones = torch.ones(2, 8, 8, dtype=torch.int64)
    torch.testing.assert_close(conv(x, ones), F.conv2d(x, conv.weight, conv.bias, padding=1))


def slow_split(images, labels, classes, size):
    """Mask, crop to the non-zero box, stretch; class after class, image after image."""
    result = torch.zeros(len(images), 3 * classes, *size)
    for n in range(len(images)):
        for number in range(classes):
            part = images[n] * (labels[n] == number)
            rows = (part.sum((0, 2)) != 0).nonzero()
            columns = (part.sum((0, 1)) != 0).nonzero()
            if len(rows) and len(columns):
                box = part[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                result[n, 3 * number : 3 * number + 3] = F.interpolate(box[None], size=size, mode="nearest")[0]
    return result


@pytest.mark.parametrize("size", [(16, 16), (32, 32), (24, 40), (5, 7)])
def test_classes_are_cut_out_and_stretched(size):
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 5, (3, 32, 32), generator=rng)
    labels[0, :, 7:] = 2  # a thin class, and ragged boxes
    labels[1][labels[1] == 3] = 0  # an absent class
    labels[2, 4:20, 5:9] = 5
    images = torch.rand(3, 3, 32, 32, generator=rng) * 2 - 1
    images[2, :, 4:8, 5:9] = 0  # mid-grey counts as empty
    torch.testing.assert_close(split_by_class(images, labels, 6, size), slow_split(images, labels, 6, size))


def test_an_absent_class_is_all_zero():
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    stack = split_by_class(noise(1, 3, 8, 8), labels, 2, (4, 4))
    assert stack[:, :3].abs().min() > 0
    assert stack[:, 3:].abs().max() == 0


def test_groupdnet_reads_every_class_for_itself():
    encoder = randomise(GROUPDNET.build(GROUPDNET.tiny).encoder).eval()
    layout, images = random_layout(), torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    changed = torch.where((layout.labels == 3)[:, None], -images, images)
    for a, b in zip(encoder(images, layout.labels), encoder(changed, layout.labels), strict=True):
        differs = (a - b).abs().unflatten(1, (8, 4)).amax((0, 2, 3, 4)) > 1e-6
        assert differs.tolist() == [number == 3 for number in range(8)]


@pytest.mark.parametrize("size", [(128, 128), (256, 512), (300, 200)])
def test_vspade_resizes_photos_to_a_square_bilinearly(size):
    encoder = randomise(SpadeEncoder(ImageEncoder(256, (4, 4, 8, 8, 8, 8)), 5)).eval()
    photos = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    resized = F.interpolate(photos, size=(256, 256), mode="bilinear", align_corners=False, antialias=False)
    for a, b in zip(encoder(photos), encoder(resized), strict=True):
        torch.testing.assert_close(a, b)
    assert (encoder(photos)[0] - encoder(photos.flip(3))[0]).abs().max() > 1e-3


def test_vspade_activates_behind_every_norm():
    encoder = randomise(SpadeEncoder(ImageEncoder(32, (4, 6)), 5)).eval()
    x = photos = noise(2, 3, 32, 32)
    for layer in (encoder.layer1, encoder.layer2):
        weight = layer[0].normalized_weight()
        x = F.leaky_relu(F.instance_norm(F.conv2d(x, weight, stride=2, padding=1)), 0.2)
    mean, log_variance = encoder(photos)
    torch.testing.assert_close(mean, F.linear(x.flatten(1), encoder.fc_mu.weight, encoder.fc_mu.bias))
    torch.testing.assert_close(log_variance, F.linear(x.flatten(1), encoder.fc_var.weight, encoder.fc_var.bias))


@torch.no_grad()
def test_inade_averages_every_head_over_its_instances():
    encoder = randomise(InadeEncoder(InadeEncoderConfig((4, 6), 5, (4,), full_resolution=True), 3)).eval()
    layout, photos = random_layout(instances=5), noise(2, 3, 64, 64)
    instances = layout.instances.clone()
    instances[instances == 2] = 0  # an id without pixels
    mean, log_variance = encoder(photos, instances, 7)
    x = encoder._features(photos, instances)
    heads = [encoder.scale_conv_mu, encoder.bias_conv_mu, encoder.scale_conv_var, encoder.bias_conv_var]
    for head, values in zip(heads, [*mean.unbind(2), *log_variance.unbind(2)], strict=True):
        full = head(x, instances)
        assert full.shape[2:] == (64, 64)
        for n in range(2):
            for number in range(7):
                own = instances[n] == number
                expected = full[n][:, own].mean(1) if own.any() else torch.zeros(3)
                torch.testing.assert_close(values[n, number], expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_inade_features_follow_the_skips():
    encoder = randomise(InadeEncoder(InadeEncoderConfig((4, 6), 5, (4,)), 3)).eval()
    ids, photos = torch.zeros(1, 16, 16, dtype=torch.int64), noise(1, 3, 16, 16)

    def step(conv, x, stride=1):
        result = F.conv2d(x, conv.weight, conv.bias, stride=stride, padding=1)
        return F.leaky_relu(F.instance_norm(result), 0.2)

    def double(x):
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    first = step(encoder.layer1, photos, 2)
    middle = step(encoder.middle, step(encoder.layer2, first, 2))
    expected = double(step(encoder.up1, torch.cat([double(middle), first], 1)))
    torch.testing.assert_close(encoder._features(photos, ids), expected, rtol=1e-4, atol=1e-5)


def test_remapped_noise_has_the_posteriors_mean_and_deviation():
    mean, log_variance = torch.tensor([1.0, -2.0]), torch.tensor([0.0, 2.0]).log() * 2
    torch.testing.assert_close(remap(torch.tensor([1.5, -1.0]), mean, log_variance), torch.tensor([1.0, -4.0]))


def test_divergence_is_torchs():
    mean, log_variance = noise(3, 4, 5), noise(3, 4, 5, seed=1)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum((1, 2))
    torch.testing.assert_close(divergence(mean, log_variance), expected)
