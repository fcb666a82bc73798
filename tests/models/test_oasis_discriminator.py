"""OASIS's segmenting discriminator and its losses, against slow ones."""

import math

import pytest
import torch
from random_layouts import random_layout, randomise
from torch.nn import functional as F

from models.training.oasis_discriminator import (
    OasisDiscriminator,
    balance,
    counted,
    label_mix,
    segmented_as_fake,
    segmented_as_real,
)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def lrelu(x):
    return torch.where(x > 0, x, 0.2 * x)


def convolved(state, key, x):
    weight, u, v = (state[f"{key}.weight_{part}"] for part in ("orig", "u", "v"))
    weight = weight / (u @ weight.flatten(1) @ v)
    return F.conv2d(x, weight, state[f"{key}.bias"], padding=weight.shape[2] // 2)


def doubled(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def slow_down(state, number, x):
    key = f"body_down.{number}"
    main = convolved(state, f"{key}.conv1.1", lrelu(x)) if number else convolved(state, f"{key}.conv1.0", x)
    main = F.avg_pool2d(convolved(state, f"{key}.conv2.1", lrelu(main)), 2)
    shortcut = convolved(state, f"{key}.conv_s", x) if f"{key}.conv_s.bias" in state else x
    return main + F.avg_pool2d(shortcut, 2)


def slow_up(state, number, x):
    key = f"body_up.{number}"
    main = convolved(state, f"{key}.conv2.1", lrelu(convolved(state, f"{key}.conv1.2", doubled(lrelu(x)))))
    shortcut = doubled(x)
    return main + (convolved(state, f"{key}.conv_s", shortcut) if f"{key}.conv_s.bias" in state else shortcut)


def slow(state, images):
    downs = [images]
    for number in range(6):
        downs.append(slow_down(state, number, downs[-1]))
    x = slow_up(state, 0, downs[6])
    for number in range(1, 6):
        x = slow_up(state, number, torch.cat([downs[6 - number], x], 1))
    return F.conv2d(x, state["layer_up_last.weight"], state["layer_up_last.bias"])


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 128)])
@torch.no_grad()
def test_network_equals_a_slow_one(height, width):
    network = randomise(OasisDiscriminator(9, width=4)).eval()
    images = noise(2, 3, height, width)
    logits = network(images)
    assert logits.shape == (2, 10, height, width)
    torch.testing.assert_close(logits, slow(network.state_dict(), images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("planes", "parameters"), [(35, 22_251_364), (151, 22_258_904), (183, 22_260_984)])
def test_network_has_exactly_the_authors_parameters(planes, parameters):
    with torch.device("meta"):
        assert sum(p.numel() for p in OasisDiscriminator(planes).parameters()) == parameters


def slow_real(logits, channels):
    """Pixel by pixel: minus the log-probability of the pixel's output, times the pixels per pixel of its channel."""
    flat = channels.flatten().tolist()
    present = {channel for channel in flat if channel}
    total = 0.0
    for n, y, x in torch.cartesian_prod(*(torch.arange(size) for size in channels.shape)).tolist():
        channel = int(channels[n, y, x])
        if channel:
            weight = len(flat) / (len(present) * flat.count(channel))
            scores = logits[n, :, y, x].double()
            total -= weight * float(scores[channel + 1] - scores.logsumexp(0))
    return total / len(flat)


def test_rare_channels_count_more_and_the_unknown_one_not_at_all():
    channels, logits = random_layout(height=16, width=24).labels, noise(2, 10, 16, 24)
    assert (channels == 0).any()
    assert float(segmented_as_real(logits, channels)) == pytest.approx(slow_real(logits, channels), rel=1e-5)
    changed = torch.where((channels == 0)[:, None], -3 * logits, logits)
    assert torch.equal(segmented_as_real(changed, channels), segmented_as_real(logits, channels))


def test_balance_of_a_batch_by_hand():
    channels = torch.tensor([[[0, 0, 1, 1], [1, 1, 1, 3]]])
    assert balance(counted(channels, 5)).tolist() == pytest.approx([0, 8 / (2 * 5), 0, 8 / (2 * 1), 0])


def test_a_batch_without_a_known_channel_teaches_nothing():
    channels = torch.zeros(1, 4, 4, dtype=torch.long)
    assert segmented_as_real(noise(1, 4, 4, 4), channels) == 0


def test_fakes_are_the_first_output_at_every_pixel_alike():
    logits = noise(2, 4, 3, 5)
    expected = -logits.log_softmax(1)[:, 0].mean()
    torch.testing.assert_close(segmented_as_fake(logits), expected)
    even = float(segmented_as_fake(torch.zeros(1, 8, 2, 2)))
    assert even == pytest.approx(math.log(8))


def test_mixing_takes_whole_channels_from_one_side():
    channels = random_layout().labels
    real, fake = noise(2, 3, 64, 64), noise(2, 3, 64, 64, seed=1)
    from_real = torch.tensor([True, False] * 4)
    mixed = label_mix(real, fake, channels, from_real)
    for channel in range(8):
        here = (channels == channel)[:, None].expand_as(mixed)
        assert torch.equal(mixed[here], (real if from_real[channel] else fake)[here])
