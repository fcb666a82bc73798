from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from random_layouts import random_layout, randomise, streams
from torch.nn import functional as F

from metrics.complexity import Macs
from models.bicyclegan import BICYCLEGAN, BicycleGan, BicycleGanConfig, BicycleGanEncoder, BicycleGanRecipe
from models.parts.colours import colour_planes, spread_colours, stretched
from models.parts.unet import UnetConfig, UnetGenerator
from models.training.halving_discriminator import HalvingDiscriminator
from models.training.losses import least_squares

TINY = BicycleGanConfig(spread_colours(8), 64, 64, z_size=4, channels=4, downs=5, encoder_channels=4)
RECIPE = BicycleGanRecipe(discriminator_width=4, discriminator_layers=2, latent=0.7, pixel=3.0, kl=0.2)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def normed(x):
    """An instance norm, written out."""
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
    return (x - mean) / (variance + 1e-5).sqrt()


def lrelu(x):
    return torch.where(x > 0, x, 0.2 * x)


def slow_unet(state, picture, z, downs):
    """Level by level from the outside in, then back out; every level reads z and the unactivated skip of its input."""
    keys, skips, x = ["model." + "submodule." * level for level in range(downs)], [], picture
    for level, key in enumerate(keys):
        skips.append(x)
        x = torch.cat([x, z[:, :, None, None].repeat(1, 1, *x.shape[2:])], 1)
        index = 0 if level == 0 else 1
        x = F.conv2d(x if level == 0 else lrelu(x), *conv(state, f"{key}down.{index}"), stride=2, padding=1)
        x = x if level in (0, downs - 1) else normed(x)
    for level in reversed(range(downs)):
        x = F.conv_transpose2d(x.relu(), *conv(state, f"{keys[level]}up.1"), stride=2, padding=1)
        x = torch.tanh(x) if level == 0 else torch.cat([normed(x), skips[level]], 1)
    return x


def conv(state, key):
    return state[f"{key}.weight"], state[f"{key}.bias"]


@pytest.mark.parametrize(("downs", "height", "width"), [(3, 16, 24), (5, 64, 64), (6, 64, 128)])
@torch.no_grad()
def test_unet_equals_a_slow_one(downs, height, width):
    network = randomise(UnetGenerator(UnetConfig(((0, 0, 0),), height, width, 3, 4, downs))).eval()
    picture, z = noise(2, 3, height, width), noise(2, 3, seed=1)
    torch.testing.assert_close(network(picture, z), slow_unet(network.state_dict(), picture, z, downs))


def test_unet_drops_out_in_training_on_the_full_depth_alone():
    network = UnetGenerator(UnetConfig(((0, 0, 0),), 256, 256, 3, 4))
    dropped = [name for name, layer in network.named_modules() if isinstance(layer, torch.nn.Dropout)]
    assert dropped == ["model." + "submodule." * level + "up.3" for level in (4, 5, 6)]
    picture, z = noise(1, 3, 256, 256), noise(1, 3, seed=1)
    network.train()
    assert not torch.equal(network(picture, z), network(picture, z))
    network.eval()
    assert torch.equal(network(picture, z), network(picture, z))


def test_unet_refuses_a_size_it_cannot_halve_often_enough():
    with pytest.raises(ValueError, match="multiples of 256 pixels, not 256x384"):
        UnetGenerator(UnetConfig(((0, 0, 0),), 256, 384))


def slow_encoder(state, x, blocks):
    x = F.conv2d(x, *conv(state, "conv.0"), stride=2, padding=1)
    for n in range(1, blocks + 1):
        main = F.conv2d(lrelu(normed(x)), *conv(state, f"conv.{n}.conv.2"), padding=1)
        main = F.conv2d(lrelu(normed(main)), *conv(state, f"conv.{n}.conv.5.0"), padding=1)
        x = F.avg_pool2d(main, 2) + F.conv2d(F.avg_pool2d(x, 2), *conv(state, f"conv.{n}.shortcut.1"))
    x = lrelu(x).mean((2, 3))
    return F.linear(x, *conv(state, "fc.0")), F.linear(x, *conv(state, "fcVar.0"))


@pytest.mark.parametrize(("side", "blocks"), [(32, 1), (128, 3), (256, 4)])
@torch.no_grad()
def test_encoder_equals_a_slow_one(side, blocks):
    network = randomise(BicycleGanEncoder(side, 4, 3))
    images = noise(2, 3, side, side)
    for ours, slow in zip(network(images), slow_encoder(network.state_dict(), images, blocks), strict=True):
        torch.testing.assert_close(ours, slow, rtol=1e-4, atol=1e-5)


def test_encoder_refuses_a_side_it_cannot_pool():
    with pytest.raises(ValueError, match="not of 100"):
        BicycleGanEncoder(100, 4, 3)


def slow_scale(state, key, x, layers):
    x = lrelu(F.conv2d(x, *conv(state, f"{key}.0"), stride=2, padding=1))
    for n in range(1, layers + 1):
        x = F.conv2d(x, *conv(state, f"{key}.{3 * n - 1}"), stride=1 if n == layers else 2, padding=1)
        x = lrelu(normed(x))
    return F.conv2d(x, *conv(state, f"{key}.{3 * layers + 2}"), padding=1)


@torch.no_grad()
def test_discriminator_equals_a_slow_one_and_pools_inside_the_border_alone():
    network = randomise(HalvingDiscriminator(5, width=8, layers=3, prefix="model"))
    x, state = noise(2, 5, 64, 96), network.state_dict()
    half = F.avg_pool2d(x, 3, 2, 1) / F.avg_pool2d(torch.ones(1, 1, 64, 96), 3, 2, 1)
    (full_logits,), (half_logits,) = network(x)
    torch.testing.assert_close(full_logits, slow_scale(state, "model0", x, 3), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(half_logits, slow_scale(state, "model1", half, 3), rtol=1e-4, atol=1e-5)
    assert state["model1.0.weight"].shape[0] == 4


def test_least_squares_adds_the_scales_and_averages_inside_them():
    judged = [[noise(2, 1, 5, 5)], [noise(2, 1, 3, 3, seed=1)]]
    for real, target in ((True, 1), (False, 0)):
        slow = sum(sum((v - target) ** 2 for v in scale[-1].flatten().tolist()) / scale[-1].numel() for scale in judged)
        assert least_squares(judged, real=real).item() == pytest.approx(slow, rel=1e-5)


def test_every_class_has_a_colour_of_its_own_and_the_first_differ_most():
    assert len(set(spread_colours(183))) == 183
    assert spread_colours(9)[:4] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
    assert spread_colours(9)[8] == (64, 0, 0)
    painted = colour_planes(torch.tensor([[[0, 3]]]), ((0, 255, 51), (1, 1, 1), (2, 2, 2), (255, 0, 102)))
    expected = torch.tensor([[-1.0, 1.0], [1.0, -1.0], [-0.6, -0.2]])
    torch.testing.assert_close(painted[0, :, 0], expected)


@pytest.mark.parametrize("size", [(32, 32), (96, 160)])
def test_stretching_is_pillows_bicubic(size):
    rng = torch.Generator().manual_seed(0)
    pixels = torch.randint(70, 186, (64, 128), generator=rng, dtype=torch.uint8).numpy()  # Pillow cuts what shoots over
    ours = (stretched(torch.from_numpy(pixels)[None, None] / 127.5 - 1, *size)[0, 0] + 1) * 127.5
    theirs = np.asarray(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BICUBIC))
    assert np.abs(ours.numpy() - theirs).max() < 1.13  # Pillow rounds after each of its two passes


@torch.no_grad()
def test_layouts_of_another_shape_are_drawn_as_squares_and_stretched():
    method = randomise(BicycleGan(TINY)).eval()
    layout = random_layout(width=128)
    z = method.sample_style(layout, streams(2))
    images = method.synthesize(layout, z)
    assert method.planes(layout).shape == (2, 3, 64, 64)
    torch.testing.assert_close(images, stretched(method.generator(method.planes(layout), z), 64, 128))
    assert images.abs().max() <= 1


def test_style_is_the_whole_images():
    method, layout = BicycleGan(TINY), random_layout()
    base, other = noise(2, 4), noise(2, 4, seed=1)
    assert method.scope == "image"
    assert torch.equal(method.mix_styles(base, other, layout, layout.labels == 3), other)


def made(recipe=RECIPE, count=4):
    method = randomise(BicycleGan(TINY)).eval()
    layout = random_layout(count=count)
    objective = recipe.objective(method, 3)
    randomise(objective.discriminator, seed=1)
    photos = noise(count, 3, 64, 64, seed=3).clamp(-1, 1)
    return objective, photos, layout, method.sample_style(layout, streams(count))


@torch.no_grad()
def test_generator_plays_both_games_on_the_first_half():
    objective, photos, layout, codes = made()
    losses = objective.generator_losses(photos, layout, codes)
    method, pictures = objective.method, objective.method.planes(layout)[:2]
    mean, log_variance = method.encoder(photos[:2])
    encoded = method.generator(pictures, mean + codes[:2] * (0.5 * log_variance).exp())
    random = method.generator(pictures, codes[2:])
    expected = {
        "G_GAN": least_squares(objective.discriminator["D"](encoded), real=True),
        "G_GAN2": least_squares(objective.discriminator["D2"](random), real=True),
        "kl": -0.5 * 0.2 * (1 + log_variance - mean**2 - log_variance.exp()).sum(),
        "G_L1": 3.0 * (encoded - photos[:2]).abs().mean(),
        "z_L1": 0.7 * (method.encoder(random)[0] - codes[2:]).abs().mean(),
    }
    assert losses.keys() == expected.keys()
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5, msg=name)


def test_discriminators_see_the_generators_fakes_and_each_its_half_of_the_photos():
    objective, photos, layout, codes = made()
    objective.generator_losses(photos, layout, codes)
    encoded, random = objective.fake.chunk(2)
    with torch.no_grad():
        objective.method.generator.model.up[1].bias.add_(1.0)  # the generator's step lies between
    losses = objective.discriminator_losses(photos, layout, codes + 1)
    first, second = objective.discriminator["D"], objective.discriminator["D2"]
    expected = {
        "D_fake": least_squares(first(encoded), real=False),
        "D_real": least_squares(first(photos[:2]), real=True),
        "D2_fake": least_squares(second(random), real=False),
        "D2_real": least_squares(second(photos[2:]), real=True),
    }
    assert losses.keys() == expected.keys()
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name], msg=name)
    torch.stack(list(losses.values())).sum().backward()
    assert all(parameter.grad is None for parameter in objective.method.parameters())


def test_finding_the_code_again_teaches_the_generator_and_not_the_encoder():
    objective, photos, layout, codes = made()
    objective.generator_losses(photos, layout, codes)["z_L1"].backward()
    assert all((parameter.grad == 0).all() for parameter in objective.method.encoder.parameters())
    assert objective.method.generator.model.down[0].weight.grad.abs().max() > 0


def test_reading_the_photo_teaches_generator_and_encoder():
    objective, photos, layout, codes = made()
    objective.generator_losses(photos, layout, codes)["G_L1"].backward()
    for network in (objective.method.encoder.conv[0], objective.method.generator.model.down[0]):
        assert network.weight.grad.abs().max() > 0


def test_a_batch_must_have_two_halves():
    objective, photos, layout, codes = made(count=3)
    with pytest.raises(ValueError, match="3 images are odd"):
        objective.generator_losses(photos, layout, codes)


def test_rate_falls_from_the_epoch_after_the_last_full_one():
    recipe = BicycleGanRecipe()
    factors = [recipe.rate_at(epoch - 1, 1) for epoch in (1, 100, 101, 200)]
    assert factors == pytest.approx([1, 1, 1 - 1 / 101, 1 - 100 / 101])
    assert recipe.rate_at(100 * 7 + 6, 7) == recipe.rate_at(100 * 7, 7) < recipe.rate_at(100 * 7 - 1, 7) == 1


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("dataset", ["cityscapes", "ade20k", "celebamask-hq", "deepfashion", "deepfashion2"])
def test_sizes_are_those_of_the_papers_table_on_every_data_set(dataset):
    with torch.device("meta"):
        method = BicycleGan(BICYCLEGAN.configs[dataset])
        counted = Macs().measure(
            method.generator, lambda: method.generator(torch.zeros(1, 3, 256, 256), torch.zeros(1, 8))
        )
    assert count(method.generator) == 54_794_627
    assert f"{count(method.generator) / 1e6:.1f}" == "54.8"  # printed 54.80
    assert f"{counted['gmacs_paper']:.2f}" == "18.40"
    assert counted["gmacs"] == pytest.approx(6.305415168, rel=1e-12)
    assert count(method.encoder) == 2_590_032


def test_discriminators_have_exactly_the_authors_parameters():
    with torch.device("meta"):
        objective = BICYCLEGAN.recipes["ade20k"].objective(BicycleGan(BICYCLEGAN.configs["ade20k"]), 3)
    assert [count(network) for network in objective.discriminator.values()] == [3_458_978, 3_458_978]


def test_wide_tiny_networks_read_stretched_photos():
    method = randomise(BicycleGan(replace(TINY, width=128)))
    mean, _ = method.encoder(noise(1, 3, 64, 128))
    assert mean.shape == (1, 4)
