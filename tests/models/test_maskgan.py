"""MaskGAN: its layers against slow formulas, where its styles come from, and its size."""

from dataclasses import replace

import pytest
import torch
from random_layouts import random_layout, randomise, streams
from torch.nn import functional as F

from metrics.complexity import Macs
from models.maskgan import MASKGAN, Guided, LabelEncoder, MaskGan, MaskGanConfig, MaskGanGenerator, StyleEncoder

TINY = MASKGAN.tiny


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def padded(x, layer, kernel):
    """A convolution of an encoder: 7x7 with a mirrored border of 3, 4x4 of stride 2 with one of 1."""
    pad, stride = (3, 1) if kernel == 7 else (1, 2)
    return F.conv2d(F.pad(x, (pad,) * 4, mode="reflect"), layer.conv.weight, layer.conv.bias, stride)


def guided(x, layer, guidance):
    def read(name):
        hidden = getattr(layer, f"SFT_{name}_conv1")(guidance)
        return getattr(layer, f"SFT_{name}_conv2")(torch.where(hidden > 0, hidden, 0.1 * hidden))

    return x * read("scale") + read("shift")


@torch.no_grad()
def test_labels_guide_at_a_quarter_and_at_a_32nd():
    encoder, planes = randomise(LabelEncoder(5, (3, 4, 6))), noise(2, 5, 64, 96)
    x = padded(planes, encoder.model[0], 7).relu()
    x = padded(x, encoder.model[1], 4).relu()
    fine = padded(x, encoder.model[2], 4)
    x = padded(fine.relu(), encoder.model_last[1], 4).relu()
    x = padded(x, encoder.model_last[2], 4).relu()
    coarse = padded(x, encoder.model_last[3], 4)
    assert (fine.shape[2:], coarse.shape[2:]) == ((16, 24), (2, 3))
    assert min(fine.min(), coarse.min()) < 0  # neither is activated
    for ours, slow in zip(encoder(planes), (fine, coarse), strict=True):
        torch.testing.assert_close(ours, slow)


@torch.no_grad()
def test_style_is_read_under_guidance():
    encoder, photos = randomise(StyleEncoder((3, 4, 6), 10)), noise(2, 3, 64, 96)
    guidance = noise(2, 6, 16, 24, seed=1), noise(2, 6, 2, 3, seed=2)
    x = photos
    for layer, kernel in zip(encoder.model, (7, 4, 4), strict=True):
        x = padded(x, layer, kernel).relu()
    x = guided(x, encoder.sft1, guidance[0])
    for layer in encoder.model_middle:
        x = padded(x, layer, 4).relu()
    x = guided(x, encoder.sft2, guidance[1]).mean((2, 3))
    expected = F.linear(x, encoder.model_last[1].weight[:, :, 0, 0], encoder.model_last[1].bias)
    torch.testing.assert_close(encoder(photos, guidance), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_guidance_leaks_a_tenth():
    layer, x, guidance = randomise(Guided(2)), noise(1, 2, 4, 4), noise(1, 2, 4, 4, seed=1)
    torch.testing.assert_close(layer(x, guidance), guided(x, layer, guidance))


def normed(x):
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
    return (x - mean) / (variance + 1e-5).sqrt()


def slow_drawing(state, planes, style, config):
    """Down, blocks that take their numbers from the style in order (shifts before scales), and up again."""

    def conv(x, index, **settings):
        return F.conv2d(x, state[f"model.{index}.weight"], state[f"model.{index}.bias"], **settings)

    x, index = normed(conv(F.pad(planes, (3,) * 4, mode="reflect"), 1)).relu(), 4
    for _ in range(config.downsamplings):
        x, index = normed(conv(x, index, stride=2, padding=1)).relu(), index + 3
    numbers = style.split(config.inner, 1)
    for block in range(config.blocks):
        refined = x
        for half in range(2):
            key = f"model.{index}.conv_block.{half}.conv"
            refined = F.conv2d(F.pad(refined, (1,) * 4, mode="reflect"), state[f"{key}.weight"], state[f"{key}.bias"])
            shift, scale = numbers[4 * block + 2 * half : 4 * block + 2 * half + 2]
            refined = normed(refined) * scale[:, :, None, None] + shift[:, :, None, None]
            refined = refined if half else refined.relu()
        x, index = x + refined, index + 1
    for _ in range(config.downsamplings):
        weight, bias = state[f"model.{index}.weight"], state[f"model.{index}.bias"]
        x = normed(F.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1)).relu()
        index += 3
    return torch.tanh(conv(F.pad(x, (3,) * 4, mode="reflect"), index + 1))


@torch.no_grad()
def test_drawing_equals_a_slow_one():
    network = randomise(MaskGanGenerator(TINY))
    planes, style = random_layout(width=96).onehot(), noise(2, TINY.style_size)
    expected = slow_drawing(network.state_dict(), planes, style, TINY)
    torch.testing.assert_close(network(planes, style), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def method():
    return randomise(MASKGAN.build(TINY)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def layout():
    return random_layout()


def test_without_a_photo_the_style_is_that_of_a_grey_picture(method, layout):
    drawn = method.sample_style(layout, streams(2))
    grey, _ = method.encode_style(torch.zeros(2, 3, 64, 64), layout, drawn)
    assert torch.equal(drawn, grey)
    assert torch.equal(drawn, method.sample_style(layout, streams(2, 7)))
    assert "grey picture" in MASKGAN.note


def test_style_of_a_photo_is_read_with_the_mask_that_is_drawn(method, layout):
    photos, drawn = noise(2, 3, 64, 64).clamp(-1, 1), method.sample_style(layout, streams(2))
    style, divergence = method.encode_style(photos, layout, drawn)
    expected = method.generator.enc_style(photos, method.generator.enc_label(layout.onehot()))
    assert torch.equal(style, expected)
    assert divergence.tolist() == [0, 0]
    swapped, _ = method.encode_style(photos, layout.select([1, 0]), drawn)
    assert not torch.equal(swapped, style)
    change = method.synthesize(layout, style) - method.synthesize(layout, drawn)
    assert change.abs().amax((1, 2, 3)).min() > 0.01


def test_styles_are_mixed_as_a_whole(method, layout):
    base, other = noise(2, TINY.style_size), noise(2, TINY.style_size, seed=1)
    assert method.scope == "image"
    assert torch.equal(method.mix_styles(base, other, layout, layout.labels == 3), other)


def test_many_styles_of_one_mask_equal_single_calls(method, layout):
    styles = noise(6, TINY.style_size)
    together = method.synthesize(layout, styles)
    for number in range(6):
        alone = method.synthesize(layout.select([number // 3]), styles[number : number + 1])
        torch.testing.assert_close(together[number], alone[0], atol=1e-5, rtol=0)


def test_stored_running_statistics_have_no_effect(layout):
    method = randomise(MASKGAN.build(TINY)).eval().requires_grad_(False)
    style = noise(2, TINY.style_size)
    before = method.synthesize(layout, style)
    touched = [buffer.add_(3.0) for name, buffer in method.named_buffers() if ".running_" in name]
    assert len(touched) == 2 * 2 * TINY.blocks
    assert torch.equal(method.synthesize(layout, style), before)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("side", "gmacs"), [(512, "141.7"), (256, "35.4")])
def test_size_and_cost_are_those_of_the_authors_network(side, gmacs):
    config = replace(MASKGAN.configs["celebamask-hq"], height=side, width=side)
    with torch.device("meta"):
        network = MaskGan(config).generator
        planes, photos = torch.zeros(1, 19, side, side), torch.zeros(1, 3, side, side)
        counted = Macs().measure(network, lambda: network(planes, network.read_style(planes, photos)))
    assert count(network) == 89_702_595
    parts = (network.model, network.enc_style, network.enc_label)
    assert [f"{count(part) / 1e6:.2f}" for part in parts] == ["88.11", "1.34", "0.25"]
    assert f"{counted['gmacs']:.1f}" == gmacs
    assert config.style_size == 16384


def test_paper_size_is_512_with_nineteen_classes():
    assert MASKGAN.configs == {"celebamask-hq": MaskGanConfig(19, 512, 512, 64, 4, 4, (16, 32, 64))}
