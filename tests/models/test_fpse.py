"""The feature-pyramid discriminator against the same sums written out."""

import pytest
import torch
from random_layouts import random_layout, randomise
from torch.nn import functional as F

from models.training.fpse_discriminator import FpseDiscriminator
from models.training.losses import feature_matching, hinge_generator


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def unit(state, key, x, stride=1):
    """A convolution divided by its singular value, an instance norm, and a leaky rectifier."""
    weight, u, v = (state[f"{key}.0.0.weight_{part}"] for part in ("orig", "u", "v"))
    weight = weight / (u @ weight.flatten(1) @ v)
    x = F.conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2)
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
    x = (x - mean) / (variance + 1e-5).sqrt()
    return torch.where(x > 0, x, 0.2 * x)


def doubled(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def slow(state, images, planes):
    """Level by level, with the labels embedded at full resolution, as the authors do it."""
    e = {0: images}
    for level in range(1, 6):
        e[level] = unit(state, f"enc{level}", e[level - 1], stride=2)
    p = {5: unit(state, "lat5", e[5])}
    for level in (4, 3, 2):
        p[level] = doubled(p[level + 1]) + unit(state, f"lat{level}", e[level])
    embedded = F.conv2d(planes, state["embedding.weight"], state["embedding.bias"])
    logits = []
    for level in (2, 3, 4):
        final = unit(state, f"final{level}", p[level])
        labels = F.avg_pool2d(embedded, 2**level)
        agreement = labels * F.conv2d(final, state["seg.weight"], state["seg.bias"])
        logits.append(F.conv2d(final, state["tf.weight"], state["tf.bias"]) + agreement.sum(1, keepdim=True))
    return [e[level] for level in (2, 3, 4, 5)], logits


@pytest.fixture(scope="module")
def network():
    return randomise(FpseDiscriminator(9, width=4)).eval()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 128)])
@torch.no_grad()
def test_network_equals_a_slow_one(network, height, width):
    layout, images = random_layout(height=height, width=width), noise(2, 3, height, width)
    planes = torch.cat([layout.onehot(), layout.edges()], 1)
    ours, expected = network(images, planes), slow(network.state_dict(), images, planes)
    for part, wanted in zip(ours, expected, strict=True):
        for a, b in zip(part, wanted, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_fakes_and_reals_are_judged_apart_on_the_same_layouts(network):
    planes, fake, real = noise(2, 9, 64, 64), noise(2, 3, 64, 64, seed=1), noise(2, 3, 64, 64, seed=2)
    for judged, images in zip(network.judge(planes, fake, real), (fake, real), strict=True):
        features, logits = network(images, planes)
        for a, b in zip(judged[0][:-1], features, strict=True):
            torch.testing.assert_close(a, b)
        for scale, scores in zip(judged, logits, strict=True):
            torch.testing.assert_close(scale[-1], scores, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_three_maps_count_alike_and_every_feature_a_third(network):
    planes, fake, real = noise(2, 9, 64, 64), noise(2, 3, 64, 64, seed=1), noise(2, 3, 64, 64, seed=2)
    fakes, reals = network.judge(planes, fake, real)
    (features, logits), (wanted, _) = network(fake, planes), network(real, planes)
    expected = -sum(scores.mean() for scores in logits) / 3
    torch.testing.assert_close(hinge_generator(fakes), expected, rtol=1e-4, atol=1e-5)
    distances = sum((a - b).abs().mean() for a, b in zip(features, wanted, strict=True))
    torch.testing.assert_close(feature_matching(fakes, reals), distances / 3, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("planes", "parameters"), [(36, 5_175_873), (151, 5_190_593), (183, 5_194_689), (184, 5_194_817)]
)
def test_network_has_exactly_the_authors_parameters(planes, parameters):
    with torch.device("meta"):
        assert sum(p.numel() for p in FpseDiscriminator(planes).parameters()) == parameters
