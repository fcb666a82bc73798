"""OASIS's generator against the network written out, its labels, its noise and its losses."""

from dataclasses import replace

import pytest
import torch
from random_layouts import random_layout, randomise, streams
from torch.nn import functional as F

from metrics.complexity import Macs
from models.base import Layout
from models.oasis import OASIS, NoisyConv2d, Oasis, OasisConfig, OasisGenerator, oasis_stages
from models.training.oasis_discriminator import label_mix, segmented_as_fake, segmented_as_real


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def convolved(state, key, x):
    if f"{key}.weight_orig" in state:
        weight, u, v = (state[f"{key}.weight_{part}"] for part in ("orig", "u", "v"))
        weight = weight / (u @ weight.flatten(1) @ v)
    else:
        weight = state[f"{key}.weight"]
    return F.conv2d(x, weight, state.get(f"{key}.bias"), padding=weight.shape[2] // 2)


def normed(state, key, x, read):
    mean, variance = (state[f"{key}.first_norm.running_{part}"][:, None, None] for part in ("mean", "var"))
    step = read.shape[2] // x.shape[2]
    hidden = convolved(state, f"{key}.mlp_shared.0", read[:, :, ::step, ::step]).relu()
    gamma, beta = (convolved(state, f"{key}.mlp_{part}", hidden) for part in ("gamma", "beta"))
    return (x - mean) / (variance + 1e-5).sqrt() * (1 + gamma) + beta


def slow(state, planes, z, blocks):
    """Draw with the noise spread over all pixels in front of the planes; one image per layout."""
    read = torch.cat([z.expand(-1, -1, *planes.shape[2:]), planes], 1)
    step = 2 ** (blocks - 1)
    x = convolved(state, "fc", read[:, :, ::step, ::step])
    for n in range(blocks):
        key = f"body.{n}"
        main = convolved(state, f"{key}.conv_0", F.leaky_relu(normed(state, f"{key}.norm_0", x, read), 0.2))
        main = convolved(state, f"{key}.conv_1", F.leaky_relu(normed(state, f"{key}.norm_1", main, read), 0.2))
        if f"{key}.conv_s.weight_orig" in state:
            x = convolved(state, f"{key}.conv_s", normed(state, f"{key}.norm_s", x, read))
        x = x + main
        if n < blocks - 1:
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    return torch.tanh(convolved(state, "conv_img", F.leaky_relu(x, 0.2)))


@pytest.fixture(scope="module")
def small():
    config = OasisConfig(8, None, 32, 64, oasis_stages(2), hidden=4, z_size=3)
    return randomise(OasisGenerator(config)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def method():
    return randomise(Oasis(OASIS.tiny)).eval().requires_grad_(False)


@pytest.mark.parametrize("kind", ["vector", "map"])
def test_generator_equals_a_slow_one(small, kind):
    planes = F.one_hot(random_layout(height=32, width=64).labels + 1, 9).movedim(-1, 1).float()
    z = noise(2, 3, 1, 1) if kind == "vector" else noise(2, 3, 32, 64)
    torch.testing.assert_close(small(planes, z), slow(small.state_dict(), planes, z, 6), rtol=1e-4, atol=1e-5)


def test_a_layer_over_noise_and_labels_sums_up_the_labels_once_for_all_styles():
    layer = NoisyConv2d(OasisConfig(8, None, z_size=3), 5)
    z, planes = noise(6, 3, 6, 7), noise(2, 9, 6, 7, seed=1)
    dense = F.conv2d(torch.cat([z, planes.repeat_interleave(3, 0)], 1), layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(z, planes), dense)
    many = Macs().measure(layer, lambda: layer(z, planes))["gmacs"]
    assert many * 1e9 == pytest.approx(6 * 7 * 5 * 9 * (6 * 3 + 2 * 9))
    one = Macs().measure(layer, lambda: layer(z[:1], planes[:1]))["gmacs_paper"]
    assert one * 1e9 == pytest.approx(6 * 7 * 5 * (9 * (3 + 9) + 1))


def layout_of(labels, num_classes):
    labels = torch.tensor(labels)[None, None]
    return Layout(labels, torch.zeros_like(labels), num_classes)


@pytest.mark.parametrize(
    ("dataset", "labels", "channels", "planes"),
    [
        ("cityscapes", [0, 1, 33, 34], [0, 1, 33, 34], 35),
        ("ade20k", [0, 1, 150], [0, 1, 150], 151),
        ("coco-stuff", [0, 1, 181, 182], [1, 2, 182, 0], 183),
    ],
)
def test_the_unknown_class_is_channel_0(dataset, labels, channels, planes):
    config = OASIS.configs[dataset]
    with torch.device("meta"):
        method = Oasis(config)
    layout = layout_of(labels, config.num_classes)
    assert method.channels(layout).flatten().tolist() == channels
    assert method.planes(layout).shape[1] == planes
    assert method.planes(layout).argmax(1).flatten().tolist() == channels


def test_channel_0_stays_empty_where_every_class_is_known(method):
    layout = layout_of(list(range(8)), 8)
    assert method.channels(layout).flatten().tolist() == list(range(1, 9))
    assert method.planes(layout).shape[1] == 9


def test_one_z_is_spread_over_the_image_and_any_region_can_have_its_own(method):
    layout = random_layout()
    base, other = (method.sample_style(layout, streams(2, seed)) for seed in (1, 50))
    assert base.shape == (2, OASIS.tiny.z_size, 1, 1)
    region = torch.zeros(2, 64, 64, dtype=torch.bool)
    region[:, 3:17, 20:45] = True
    mixed = method.mix_styles(base, other, layout, region)
    assert mixed.shape == (2, OASIS.tiny.z_size, 64, 64)
    third = method.mix_styles(mixed, base, layout, region)
    assert torch.equal(third, base.expand_as(third))
    unchanged = method.mix_styles(base, other, layout, torch.zeros_like(region))
    torch.testing.assert_close(method.synthesize(layout, unchanged), method.synthesize(layout, base))


@pytest.mark.parametrize(
    ("dataset", "parameters"), [("cityscapes", 71_107_523), ("ade20k", 74_314_691), ("coco-stuff", 75_199_427)]
)
def test_generator_has_exactly_the_authors_parameters(dataset, parameters):
    with torch.device("meta"):
        assert sum(p.numel() for p in OasisGenerator(OASIS.configs[dataset]).parameters()) == parameters


def test_recipes_are_the_released_ones():
    found = {
        name: (r.batch, r.epochs, r.decay_epochs, r.lr_generator, r.lr_discriminator, r.average, r.label_mix)
        for name, r in OASIS.recipes.items()
    }
    assert found == {
        "cityscapes": (20, 200, 0, 4e-4, 4e-4, 0.999, 5),
        "ade20k": (32, 200, 0, 1e-4, 4e-4, 0.9999, 10),
        "coco-stuff": (32, 100, 0, 1e-4, 4e-4, 0.9999, 10),
    }
    assert all((r.betas, r.perceptual, r.init_gain) == ((0, 0.999), 0, 0.02) for r in OASIS.recipes.values())


def game_of(method, **changes):
    recipe = replace(OASIS.recipes["ade20k"], discriminator_width=4, **changes)
    made = recipe.objective(method, method.config.num_channels).eval()
    randomise(made.discriminator, seed=1).requires_grad_(False)
    return made


def test_losses_are_segmentations_of_fakes_photos_and_their_mixture(method):
    layout, photos = random_layout(), noise(2, 3, 64, 64, seed=3).clamp(-1, 1)
    game, z, channels = game_of(method), noise(2, 16, 1, 1), layout.labels + 1
    fake = method.synthesize(layout, z)
    of_fake, of_real = game.discriminator(fake), game.discriminator(photos)
    losses = game.generator_losses(photos, layout, z)
    assert losses.keys() == {"GAN"}
    torch.testing.assert_close(losses["GAN"], segmented_as_real(of_fake, channels))
    told = game.discriminator_losses(photos, layout, z)
    torch.testing.assert_close(told["D_Fake"], segmented_as_fake(of_fake))
    torch.testing.assert_close(told["D_real"], segmented_as_real(of_real, channels))
    torch.manual_seed(5)
    told = game.discriminator_losses(photos, layout, z)
    torch.manual_seed(5)
    coins = torch.randint(2, (9,)).bool()
    assert 0 < coins.sum() < 9
    of_mixed = game.discriminator(label_mix(photos, fake, channels, coins))
    expected = (label_mix(of_real, of_fake, channels, coins) - of_mixed).square().mean()
    torch.testing.assert_close(told["LabelMix"], 10 * expected)


def test_discriminators_fakes_are_drawn_anew_and_carry_no_gradient():
    method, layout = randomise(Oasis(OASIS.tiny)).eval(), random_layout()
    game, photos = game_of(method), noise(2, 3, 64, 64, seed=3).clamp(-1, 1)
    game.discriminator.requires_grad_(True)
    game.generator_losses(photos, layout, noise(2, 16, 1, 1))
    first, z = game.fake, noise(2, 16, 1, 1, seed=1)
    torch.stack(list(game.discriminator_losses(photos, layout, z).values())).sum().backward()
    assert not torch.equal(game.fake, first)
    assert all(parameter.grad is None for parameter in method.parameters())
    assert all(parameter.grad is not None for parameter in game.discriminator.parameters())


def test_mixture_teaches_through_all_three_judgements(method):
    layout, photos = random_layout(), noise(2, 3, 64, 64, seed=3).clamp(-1, 1)
    game, z = game_of(method), noise(2, 16, 1, 1)
    bias = game.discriminator.layer_up_last.bias.requires_grad_(True)
    torch.manual_seed(5)
    told = game.discriminator_losses(photos, layout, z)["LabelMix"]
    # A bias of the logits is the same on both sides of the difference: through all three its gradient is zero.
    (gradient,) = torch.autograd.grad(told, bias)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-5)
