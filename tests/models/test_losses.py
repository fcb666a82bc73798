"""Loss terms, by hand."""

import pytest
import torch
from random_layouts import random_layout, randomise, streams
from torch.nn import functional as F

from models.groupdnet.method import GROUPDNET
from models.inade import INADE
from models.spade import SPADE, VSPADE
from models.training.initial_weights import initialise
from models.training.losses import feature_matching, hinge_discriminator, hinge_generator
from models.training.multiscale_discriminator import MultiscaleDiscriminator
from models.training.recipe import TINY_RECIPE, Objective, Recipe
from models.training.vgg19 import PerceptualLoss


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# Two scales; the second has fewer logits, and its mean counts as much.
LOGITS = [[torch.tensor([[2.0, -4.0, 0.5, 3.5]])], [torch.tensor([[-2.0, 1.5]])]]


def test_generator_wants_high_logits():
    assert hinge_generator(LOGITS).item() == pytest.approx((-0.5 + 0.25) / 2)


def test_discriminator_wants_margins():
    fake = ((3 + 0 + 1.5 + 4.5) / 4 + (0 + 2.5) / 2) / 2
    real = ((0 + 5 + 0.5 + 0) / 4 + (3 + 0) / 2) / 2
    assert hinge_discriminator(LOGITS, real=False).item() == pytest.approx(fake)
    assert hinge_discriminator(LOGITS, real=True).item() == pytest.approx(real)


def test_matched_features_sum_over_stages_and_average_over_scales():
    fake = [[torch.full((2, 3), float(v)) for v in scale] for scale in ((1, 2, 9), (3, 5, 9))]
    real = [[torch.zeros(2, 3) for _ in scale] for scale in fake]
    assert feature_matching(fake, real).item() == (1 + 2 + 3 + 5) / 2  # the logits do not count
    assert feature_matching(fake, real, first=1).item() == (2 + 5) / 2


def test_matched_features_teach_the_fake_side_only():
    fake, real = torch.ones(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    feature_matching([[fake, fake]], [[real, real]]).backward()
    assert fake.grad is not None
    assert real.grad is None


@torch.no_grad()
def test_perceptual_loss_is_that_of_torchvisions_vgg19():
    torchvision = pytest.importorskip("torchvision")
    weights = (0.5, 0.25, 0.125, 2.0, 3.0)
    ours = randomise(PerceptualLoss(weights))
    theirs = torchvision.models.vgg19().features[:30].eval()
    theirs.load_state_dict({key.removeprefix("features."): value for key, value in ours.state_dict().items()})
    fake, real = noise(2, 3, 32, 32), noise(2, 3, 32, 32, seed=1)
    expected, x, y = 0.0, fake, real
    for number, layer in enumerate(theirs):
        x, y = layer(x.clone()), layer(y.clone())
        if number in (1, 6, 11, 20, 29):
            expected += weights[(1, 6, 11, 20, 29).index(number)] * float((x - y).abs().mean())
    assert ours(fake, real).item() == pytest.approx(expected, rel=1e-5)
    assert not any(parameter.requires_grad for parameter in ours.parameters())


def test_discriminator_halves_the_grid_where_the_papers_do():
    network = randomise(MultiscaleDiscriminator(5, width=4))
    results = network(noise(1, 5, 64, 64))
    assert [[tuple(stage.shape[1:]) for stage in scale] for scale in results] == [
        [(4, 33, 33), (8, 17, 17), (16, 9, 9), (32, 10, 10), (1, 11, 11)],
        [(4, 17, 17), (8, 9, 9), (16, 5, 5), (32, 6, 6), (1, 7, 7)],
    ]
    assert results[0][0].min() < 0 < results[0][3].max()


def test_second_scale_sees_averages_that_leave_the_padding_out():
    network = randomise(MultiscaleDiscriminator(5, width=4)).eval()
    x = noise(1, 5, 64, 64)
    ones = F.avg_pool2d(torch.ones(1, 1, 64, 64), 3, 2, 1)
    smaller = F.avg_pool2d(x, 3, 2, 1) / ones
    torch.testing.assert_close(network(x)[1][-1], network.discriminator_1(smaller))


def test_fake_and_real_are_judged_in_one_batch_and_told_apart():
    network = randomise(MultiscaleDiscriminator(5, width=4)).eval()
    planes, fake, real = noise(2, 2, 32, 32), noise(2, 3, 32, 32, seed=1), noise(2, 3, 32, 32, seed=2)
    fakes, reals = network.judge(planes, fake, real)
    torch.testing.assert_close(fakes[0][-1], network(torch.cat([planes, fake], 1))[0][-1])
    torch.testing.assert_close(reals[1][-1], network(torch.cat([planes, real], 1))[1][-1])


def objective(recipe, spec=VSPADE):
    method = randomise(spec.build(spec.tiny)).eval()
    layout = random_layout(count=6)
    made = Objective(method, recipe, method.planes(layout).shape[1]).eval()
    randomise(made.discriminator, seed=1)
    photos = noise(6, 3, 64, 64, seed=3).clamp(-1, 1)
    return made, photos, layout, method.sample_style(layout, streams(6))


@torch.no_grad()
def test_generator_terms_are_weighted_as_the_recipe_says():
    recipe = Recipe(discriminator_width=4, pixel=3.0, kl=0.2, feature_matching=7.0, images_per_gpu=4)
    made, photos, layout, draw = objective(recipe)
    losses = made.generator_losses(photos, layout, draw)
    style, divergence = made.method.encode_style(photos, layout, draw)
    fake = made.method.synthesize(layout, style)
    fakes, reals = made.discriminator.judge(made.method.planes(layout), fake, photos)
    expected = {
        "GAN": hinge_generator(fakes),
        "GAN_Feat": 7 * feature_matching(fakes, reals),
        "L1": 3 * (fake - photos).abs().mean(),
        "KLD": 0.2 * 4 * divergence.mean(),  # what four images on a GPU would add up to
    }
    assert losses.keys() == expected.keys()
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name], msg=name)


def test_kl_of_a_batch_smaller_than_a_gpus_is_its_sum():
    recipe = Recipe(discriminator_width=4, kl=0.2, images_per_gpu=99)
    made, photos, layout, draw = objective(recipe)
    _, divergence = made.method.encode_style(photos, layout, draw)
    assert made.generator_losses(photos, layout, draw)["KLD"].item() == pytest.approx(
        0.2 * divergence.sum().item(), rel=1e-5
    )


def test_discriminators_fakes_carry_no_gradient_and_are_drawn_anew():
    made, photos, layout, draw = objective(Recipe(discriminator_width=4))
    made.generator_losses(photos, layout, draw)
    first = made.fake
    torch.stack(list(made.discriminator_losses(photos, layout, draw).values())).sum().backward()
    assert made.fake is not first
    assert all(parameter.grad is None for parameter in made.method.parameters())


def test_discriminator_may_judge_the_generators_own_fakes():
    made, photos, layout, draw = objective(Recipe(discriminator_width=4, redraw_fake=False))
    made.generator_losses(photos, layout, draw)
    first = made.fake
    made.discriminator_losses(photos, layout, draw)
    assert made.fake is first
    assert not first.requires_grad


def test_rates_stay_then_fall_to_zero():
    recipe = Recipe(epochs=60, decay_epochs=40)
    factors = [recipe.learning_rate_factor(epoch) for epoch in (1, 60, 61, 62, 81, 100)]
    assert factors == pytest.approx([1, 1, 1, 1 - 1 / 40, 0.5, 1 / 40])
    assert Recipe(epochs=50, decay_epochs=0).learning_rate_factor(50) == 1


@pytest.mark.parametrize("spec", [SPADE, VSPADE, GROUPDNET, INADE], ids=lambda spec: spec.name)
def test_recipes_keep_the_papers_optimiser(spec):
    for recipe in (Recipe(), *spec.recipes.values()):
        assert recipe.betas == (0.0, 0.9)
        assert (recipe.lr_generator, recipe.lr_discriminator) == (1e-4, 4e-4)
        assert (recipe.feature_matching, recipe.perceptual, recipe.kl, recipe.pixel) == (10, 10, 0.05, 0)
        assert (recipe.images_per_gpu, recipe.init_gain, recipe.redraw_fake, recipe.flip) == (4, 0.02, True, True)


def test_epochs_and_batches_are_the_papers():
    default = Recipe()
    assert (default.batch, default.epochs, default.decay_epochs) == (32, 100, 100)
    assert SPADE.recipes["cityscapes"].batch == 16
    assert (SPADE.recipes["coco-stuff"].epochs, SPADE.recipes["coco-stuff"].decay_epochs) == (100, 0)
    fashion = GROUPDNET.recipes["deepfashion"]
    assert (fashion.epochs, fashion.decay_epochs, fashion.batch) == (60, 40, 32)
    assert GROUPDNET.recipes["ade20k"].batch == 16


def test_inade_matches_the_last_stage_and_the_deepest_layers_only():
    for recipe in INADE.recipes.values():
        assert recipe.first_matched == 3
        assert recipe.perceptual_layers == (0, 0, 0, 0.25, 1)
    assert Recipe().perceptual_layers == (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1)


@pytest.mark.parametrize("spec", [SPADE, INADE], ids=lambda spec: spec.name)
def test_initial_weights_are_xavier_with_gain_and_depend_on_the_stream_alone(spec):
    first, second = (spec.build(spec.tiny) for _ in range(2))
    initialise(first, 0.02, torch.Generator().manual_seed(5))
    initialise(second, 0.02, torch.Generator().manual_seed(5))
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        if not name.endswith("weight_v"):
            assert torch.equal(a, b), name
    conv = first.generator.head_0.conv_0
    fans = 9 * (conv.in_channels + conv.out_channels)
    assert conv.weight_orig.std().item() == pytest.approx(0.02 * (2 / fans) ** 0.5, rel=0.02)
    assert conv.weight_u.norm().item() == pytest.approx(1, rel=1e-5)
    assert conv.bias.abs().max() == 0
    if spec is INADE:
        tables = first.generator.head_0.norm_0
        assert 0 <= tables.weight.min() < 0.1 < 0.9 < tables.weight.max() < 1
        assert tables.bias.abs().max() == 0


def test_tiny_recipe_has_no_perceptual_network():
    assert TINY_RECIPE.perceptual == 0
    assert TINY_RECIPE.pixel > 0
