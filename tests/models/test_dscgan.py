from itertools import pairwise

import pytest
import torch
from random_layouts import random_layout, randomise, streams
from torch import nn
from torch.nn import functional as F

from metrics.complexity import Macs
from models.dscgan import (
    DSCGAN,
    DSCGAN_HD,
    Dscgan,
    DscganHd,
    DscganHdConfig,
    DscganHdGenerator,
    DscganRecipe,
    diversity_regulariser,
)
from models.parts.colours import spread_colours
from models.parts.unet import UnetConfig, UnetGenerator
from models.training.initial_weights import initialise
from models.training.losses import least_squares

TINY = UnetConfig(spread_colours(8), 64, 64, z_size=4, channels=4, downs=5)
TINY_HD = DscganHdConfig(8, 64, 64, z_size=4, base=4, downsamplings=2, blocks=2)
RECIPE = DscganRecipe(discriminator_width=4, discriminator_layers=2, pixel=3.0, diversity=5.0)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_regulariser_averages_the_ratios_of_mean_distances():
    images, others = noise(3, 3, 4, 6).clamp(-1, 1), noise(3, 3, 4, 6, seed=1).clamp(-1, 1)
    codes, other_codes = noise(3, 5, seed=2), noise(3, 5, seed=3)
    slow = 0.0
    for n in range(3):
        apart = sum(abs(a - b) for a, b in zip(images[n].flatten(), others[n].flatten(), strict=True)) / 72
        between = sum(abs(a - b) for a, b in zip(codes[n], other_codes[n], strict=True)) / 5
        slow -= float(apart / (between + 1e-5)) / 3
    assert diversity_regulariser(images, others, codes, other_codes).item() == pytest.approx(slow, rel=1e-5)


def test_equal_codes_divide_by_the_small_constant_alone():
    images, others, codes = torch.full((1, 3, 2, 2), 0.5), torch.zeros(1, 3, 2, 2), noise(1, 4)
    assert diversity_regulariser(images, others, codes, codes).item() == pytest.approx(-0.5e5, rel=1e-4)


def test_regulariser_teaches_only_the_first_image():
    images, others = noise(2, 3, 4, 4).requires_grad_(), noise(2, 3, 4, 4, seed=1).requires_grad_()
    diversity_regulariser(images, others, noise(2, 4), noise(2, 4, seed=1)).backward()
    assert images.grad.abs().min() > 0
    assert others.grad is None


def normed(x):
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
    return (x - mean) / (variance + 1e-5).sqrt()


def slow_hd(state, planes, z, downs, blocks):
    def conv(x, key, pad=0, **how):
        x = F.pad(x, (pad,) * 4, mode="reflect") if pad else x
        return F.conv2d(x, state[f"{key}.weight"], state[f"{key}.bias"], **how)

    x = normed(conv(planes, "pre_model.1", pad=3)).relu()
    for n in range(downs):
        x = normed(conv(x, f"pre_model.{4 + 3 * n}", stride=2, padding=1)).relu()
    x = torch.cat([x, z[:, :, None, None].repeat(1, 1, *x.shape[2:])], 1)
    x = normed(conv(x, "fuse_z_layer.0", padding=1)).relu()
    for n in range(blocks):
        refined = normed(conv(x, f"after_model.{n}.conv_block.1", pad=1)).relu()
        x = x + normed(conv(refined, f"after_model.{n}.conv_block.5", pad=1))
    for n in range(downs):
        key = f"after_model.{blocks + 3 * n}"
        x = F.conv_transpose2d(x, state[f"{key}.weight"], state[f"{key}.bias"], stride=2, padding=1, output_padding=1)
        x = normed(x).relu()
    return torch.tanh(conv(x, f"after_model.{blocks + 3 * downs + 1}", pad=3))


@torch.no_grad()
def test_hd_generator_equals_a_slow_one():
    network = randomise(DscganHdGenerator(TINY_HD)).eval()
    planes, z = noise(2, 9, 32, 48), noise(2, 4, seed=1)
    torch.testing.assert_close(network(planes, z), slow_hd(network.state_dict(), planes, z, 2, 2), rtol=0, atol=1e-5)


@torch.no_grad()
def test_hd_generator_reads_the_edges_and_its_discriminator_does_not():
    method = randomise(DscganHd(TINY_HD)).eval()
    layout = random_layout()
    joined = type(layout)(layout.labels, torch.zeros_like(layout.instances), 8)
    z = method.sample_style(layout, streams(2))
    assert torch.equal(method.planes(layout), layout.onehot())
    assert (method.synthesize(layout, z) - method.synthesize(joined, z)).abs().max() > 0.01


@torch.no_grad()
def test_hd_layouts_of_another_size_are_drawn_at_the_networks_own():
    method = randomise(DscganHd(TINY_HD)).eval()
    layout = random_layout(height=32, width=32)
    z = method.sample_style(layout, streams(2))
    assert method.draw(layout, z).shape == (2, 3, 64, 64)
    assert method.synthesize(layout, z).shape == (2, 3, 32, 32)


@pytest.mark.parametrize("method", [Dscgan(TINY), DscganHd(TINY_HD)], ids=["unet", "hd"])
def test_style_is_the_whole_images_and_no_photo_is_read(method):
    layout, base, other = random_layout(), noise(2, 4), noise(2, 4, seed=1)
    assert method.scope == "image"
    assert torch.equal(method.mix_styles(base, other, layout, layout.labels == 3), other)
    with pytest.raises(NotImplementedError):
        method.encode_style(noise(2, 3, 64, 64), layout, base)


def made(recipe=RECIPE, build=Dscgan, config=TINY):
    method = randomise(build(config)).eval()
    layout = random_layout()
    objective = recipe.objective(method, method.planes(layout).shape[1])
    randomise(objective.discriminator, seed=1)
    photos = noise(2, 3, 64, 64, seed=3).clamp(-1, 1)
    return objective, photos, layout, noise(2, 4, seed=4), noise(2, 4, seed=5)


def test_discriminator_comes_first_and_sees_image_then_condition():
    objective, photos, layout, first, _ = made()
    losses = objective.discriminator_losses(photos, layout, first)
    planes, judge = objective.method.planes(layout), objective.discriminator
    fake = objective.method.synthesize(layout, first)
    expected = {
        "errD_fake": 0.5 * least_squares(judge(torch.cat([fake, planes], 1)), real=False),
        "errD_real": 0.5 * least_squares(judge(torch.cat([photos, planes], 1)), real=True),
    }
    assert objective.order == ("D", "G")
    assert losses.keys() == expected.keys()
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name], msg=name)
    torch.stack(list(losses.values())).sum().backward()
    assert all(parameter.grad is None for parameter in objective.method.parameters())


def test_generator_takes_over_the_image_that_the_discriminator_saw_before_its_step():
    objective, photos, layout, first, second = made()
    objective.discriminator_losses(photos, layout, first)
    with torch.no_grad():
        objective.discriminator.model_0[0].weight.mul_(2.0)  # the discriminator's step lies between
    losses = objective.generator_losses(photos, layout, second)
    drawn, other = (objective.method.synthesize(layout, codes) for codes in (first, second))
    judged = objective.discriminator(torch.cat([drawn, objective.method.planes(layout)], 1))
    expected = {
        "errG": least_squares(judged, real=True),
        "errNE": 5.0 * diversity_regulariser(drawn, other, first, second),
        "errL1": 3.0 * (drawn - photos).abs().mean(),
    }
    assert losses.keys() == expected.keys()
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name], msg=name)
    torch.stack(list(losses.values())).sum().backward()
    ours = objective.method.generator.model.down[0].weight.grad.clone()
    objective.zero_grad()
    torch.stack(list(expected.values())).sum().backward()
    torch.testing.assert_close(ours, objective.method.generator.model.down[0].weight.grad)


def test_an_image_is_taken_over_once():
    objective, photos, layout, first, second = made()
    objective.discriminator_losses(photos, layout, first)
    objective.generator_losses(photos, layout, second)
    assert objective.generator_losses(photos, layout, second)["errNE"] == 0  # one code alone has no other


class Brightness(nn.Module):
    def forward(self, fake, real):
        return (fake - real).abs().mean()


def test_hd_is_trained_with_features_and_pix2pixhds_discriminator():
    recipe = DscganRecipe(discriminator_width=4, pixel=0.0, perceptual=7.0, discriminator="pix2pixhd")
    objective, photos, layout, first, _ = made(recipe, DscganHd, TINY_HD)
    objective.perceptual = Brightness()
    losses = objective.generator_losses(photos, layout, first)
    assert losses.keys() == {"errG", "errNE", "errVGG"}
    drawn = objective.method.synthesize(layout, first)
    torch.testing.assert_close(losses["errVGG"], 7.0 * (drawn - photos).abs().mean())
    assert "scale1_layer4.0.weight" in objective.discriminator.state_dict()


def test_rate_falls_from_twice_to_zero_without_a_plateau():
    recipe = DscganRecipe(epochs=10, decay_epochs=0)
    rates = [recipe.rate_at(step, 50) for step in range(500)]
    assert rates[0] == pytest.approx(1 + 250 / 251)
    assert rates[250] == 1
    assert rates[499] == pytest.approx(1 - 249 / 251)
    assert all(a > b > 0 for a, b in pairwise(rates))


def test_weights_start_as_torchs_own():
    network = nn.Sequential(nn.Conv2d(8, 200, 3), nn.ConvTranspose2d(200, 6, 4), nn.Linear(300, 50))
    initialise(network, None, torch.Generator().manual_seed(0))
    for layer, inputs in zip(network, (8 * 9, 6 * 16, 300), strict=True):
        bound = inputs**-0.5
        assert 0.99 * bound < layer.weight.abs().max() <= bound
        assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.03)
        assert 0 < layer.bias.abs().max() <= bound
    again = nn.Sequential(nn.Conv2d(8, 200, 3), nn.ConvTranspose2d(200, 6, 4), nn.Linear(300, 50))
    initialise(again, None, torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def costs(config):
    with torch.device("meta"):
        network = UnetGenerator(config)
        inputs = torch.zeros(1, 3, 256, 256), torch.zeros(1, config.z_size)
        return count(network), Macs().measure(network, lambda: network(*inputs))["gmacs_paper"]


@pytest.mark.parametrize("dataset", ["cityscapes", "ade20k", "celebamask-hq", "deepfashion", "deepfashion2"])
def test_network_is_bicyclegans_on_every_data_set(dataset):
    parameters, gmacs = costs(DSCGAN.configs[dataset])
    assert parameters == 54_794_627
    assert f"{gmacs:.2f}" == "18.40"


def test_the_papers_count_of_operations_is_that_of_the_network_without_a_latent_code():
    parameters, gmacs = costs(UnetConfig(((0, 0, 0),), z_size=0))
    assert parameters == 54_409_603  # the INADE paper prints 54.00 M, which no network of the authors has
    assert 18.140 < gmacs < 18.1466


def test_hd_network_and_discriminators_have_exactly_the_authors_parameters():
    with torch.device("meta"):
        network = DscganHdGenerator(DSCGAN_HD.configs["cityscapes"])
        unconditional = DSCGAN.recipes["ade20k"].objective(Dscgan(DSCGAN.configs["ade20k"]), 3)
    assert count(network) == 43_607_715
    assert count(unconditional.discriminator) == 3_463_586
