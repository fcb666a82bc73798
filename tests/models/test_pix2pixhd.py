"""pix2pixHD and pix2pixHD++: networks against plain functions of their keys, losses by hand, sizes as printed."""

from dataclasses import replace

import pytest
import torch
from random_layouts import random_layout
from torch import nn
from torch.nn import functional as F

from bench.parity.fill import fill_network
from metrics.complexity import Macs
from models.parts.spatial import Planes, SpatialNorm
from models.parts.spectral import Spectral, SpectralConvTranspose2d, complete_state
from models.pix2pixhd import (
    PIX2PIXHD,
    PIX2PIXHD_ORIGINAL,
    PIX2PIXHD_PP,
    PIX2PIXHD_PP_COMPACT,
    PIX2PIXHD_PP_CONCAT,
    PIX2PIXHD_PP_SPADE,
    Pix2PixHDConfig,
    Pix2PixHDGenerator,
)
from models.training.initial_weights import FixedDeviation, initialise
from models.training.losses import feature_matching, least_squares
from models.training.multiscale_discriminator import PlainDiscriminator
from models.training.recipe import Objective

SPECS = {
    spec.name: spec
    for spec in (
        PIX2PIXHD,
        PIX2PIXHD_ORIGINAL,
        PIX2PIXHD_PP,
        PIX2PIXHD_PP_CONCAT,
        PIX2PIXHD_PP_SPADE,
        PIX2PIXHD_PP_COMPACT,
    )
}
SMALL = Pix2PixHDConfig(5, base=4, downsamplings=1, blocks=1)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def filled(network):
    fill_network(network)
    return network.eval()


def reflected(x, by):
    return F.pad(x, (by, by, by, by), mode="reflect")


def up(x, weight, bias=None):
    return F.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1)


def test_original_generator_is_its_layers_in_order():
    network = filled(Pix2PixHDGenerator(replace(SMALL, original=True)))
    s, planes = network.state_dict(), noise(2, 5, 16, 16)

    def at(place):
        return s[f"model.{place}.weight"], s[f"model.{place}.bias"]

    x = F.relu(F.instance_norm(F.conv2d(reflected(planes, 3), *at(1))))
    x = F.relu(F.instance_norm(F.conv2d(x, *at(4), stride=2, padding=1)))
    inner = F.relu(F.instance_norm(F.conv2d(reflected(x, 1), *at("7.conv_block.1"))))
    x = x + F.instance_norm(F.conv2d(reflected(inner, 1), *at("7.conv_block.5")))
    x = F.relu(F.instance_norm(up(x, *at(8))))
    expected = torch.tanh(F.conv2d(reflected(x, 3), *at(12)))
    torch.testing.assert_close(network(planes), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("concatenated", [False, True])
@pytest.mark.parametrize("norm", ["instance", "batch", "spade"])
def test_generator_of_spades_repository_is_its_layers_in_order(norm, concatenated):
    network = filled(Pix2PixHDGenerator(replace(SMALL, norm=norm, concatenated=concatenated)))
    planes = noise(2, 5, 16, 16)
    pyramid = Planes(planes)

    def normalised(place, x):
        layer = network.get_submodule(f"model.{place}.1")
        return layer(x, pyramid) if norm == "spade" else layer(x)

    def weight(place):
        conv = network.get_submodule(f"model.{place}.0")
        assert conv.bias is None
        matrix = conv.weight_orig.flatten(1)
        if isinstance(conv, nn.ConvTranspose2d):
            matrix = conv.weight_orig.transpose(0, 1).flatten(1)
        return conv.weight_orig / (conv.weight_u @ matrix @ conv.weight_v)

    x = F.relu(normalised(1, F.conv2d(reflected(planes, 3), weight(1))))
    x = F.relu(normalised(3, F.conv2d(x, weight(3), stride=2, padding=1)))
    inner = torch.cat([x, pyramid.at(8, 8)], 1) if concatenated else x
    inner = F.relu(normalised("5.conv_block.1", F.conv2d(reflected(inner, 1), weight("5.conv_block.1"))))
    x = x + normalised("5.conv_block.4", F.conv2d(reflected(inner, 1), weight("5.conv_block.4")))
    x = F.relu(normalised(6, up(x, weight(6))))
    last = network.get_submodule("model.9")
    expected = torch.tanh(F.conv2d(reflected(x, 3), last.weight, last.bias))
    torch.testing.assert_close(network(planes), expected, atol=1e-5, rtol=1e-5)


def test_variant_with_spade_has_it_for_all_27_norms():
    with torch.device("meta"):
        network = PIX2PIXHD_PP_SPADE.build(PIX2PIXHD_PP_SPADE.configs["ade20k"])
    assert sum(isinstance(module, SpatialNorm) for module in network.modules()) == 27


def test_transposed_spectral_convolution_is_torchs_in_training_and_evaluation():
    ours = SpectralConvTranspose2d(6, 4, bias=True)
    fill_network(ours)
    theirs = nn.utils.spectral_norm(nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1))
    ours.weight_u.copy_(F.normalize(noise(4), dim=0))
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}
    theirs.load_state_dict(ours.state_dict())
    x = noise(2, 6, 5, 5)
    for _ in range(3):
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.weight_u, theirs.weight_u)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
    assert ours(x).shape == (2, 4, 10, 10)


def test_missing_vector_of_a_transposed_convolution_is_found_again():
    network = nn.Sequential(SpectralConvTranspose2d(6, 4, bias=True))
    fill_network(network)
    state = {key: value for key, value in network.state_dict().items() if not key.endswith("weight_v")}
    matrix = network[0].weight_orig.transpose(0, 1).flatten(1)
    expected = F.normalize(matrix.T @ network[0].weight_u, dim=0)
    torch.testing.assert_close(complete_state(state, network)["0.weight_v"], expected)


def test_discriminator_names_the_finest_scale_last_and_has_a_bias_everywhere():
    network = filled(PlainDiscriminator(5, width=4))
    convs = [(name, module) for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    assert [name for name, _ in convs] == [f"scale{i}_layer{j}.0" for i in (1, 0) for j in range(5)]
    assert all(conv.bias is not None and not hasattr(conv, "weight_orig") for _, conv in convs)
    x = noise(1, 5, 64, 64)
    results = network(x)
    assert [tuple(stage.shape[1:]) for stage in results[0]] == [
        (4, 33, 33), (8, 17, 17), (16, 9, 9), (32, 10, 10), (1, 11, 11)
    ]  # fmt: skip
    first = network.scale1_layer0[0]
    expected = F.leaky_relu(F.conv2d(x, first.weight, first.bias, stride=2, padding=2), 0.2)
    torch.testing.assert_close(results[0][0], expected)
    second = network.scale1_layer1[0]
    expected = F.leaky_relu(F.instance_norm(F.conv2d(expected, second.weight, second.bias, stride=2, padding=2)), 0.2)
    torch.testing.assert_close(results[0][1], expected, atol=1e-5, rtol=1e-5)


def objective():
    method = PIX2PIXHD.build(PIX2PIXHD.tiny)
    made = Objective(method, replace(PIX2PIXHD.recipes["cityscapes"], discriminator_width=4), 8)
    fill_network(method.generator)
    fill_network(made.discriminator, salt="D")
    return made.eval(), noise(2, 3, 64, 64, seed=3).clamp(-1, 1), random_layout()


@torch.no_grad()
def test_losses_are_squares_that_add_up_over_scales_and_half_for_the_discriminator():
    made, photos, layout = objective()
    g = made.generator_losses(photos, layout, None)
    d = made.discriminator_losses(photos, layout, None)
    fake, planes = made.fake, layout.onehot()
    fakes = made.discriminator(torch.cat([planes, fake], 1))
    reals = made.discriminator(torch.cat([planes, photos], 1))
    expected = {
        "GAN": sum((scale[-1] - 1).square().mean() for scale in fakes),
        "GAN_Feat": 10 * feature_matching(fakes, reals),
        "D_Fake": 0.5 * sum(scale[-1].square().mean() for scale in fakes),
        "D_real": 0.5 * sum((scale[-1] - 1).square().mean() for scale in reals),
    }
    assert (g | d).keys() == expected.keys()
    for name, value in (g | d).items():
        torch.testing.assert_close(value, expected[name], msg=name, rtol=1e-4, atol=1e-5)


def test_least_squares_by_hand():
    judged = [[torch.tensor([2.0, -1.0])], [torch.tensor([0.5])]]
    assert least_squares(judged, real=True).item() == pytest.approx((1 + 4) / 2 + 0.25)
    assert least_squares(judged, real=False).item() == pytest.approx((4 + 1) / 2 + 0.25)


@pytest.mark.parametrize("spec", [PIX2PIXHD, PIX2PIXHD_ORIGINAL], ids=lambda spec: spec.name)
def test_recipe_is_pix2pixhds_own(spec):
    for recipe in spec.recipes.values():
        assert (recipe.batch, recipe.epochs, recipe.decay_epochs, recipe.betas) == (1, 100, 100, (0.5, 0.999))
        assert recipe.lr_generator == recipe.lr_discriminator == 2e-4
        assert (recipe.feature_matching, recipe.perceptual, recipe.redraw_fake) == (10, 10, False)


def test_initial_weights_have_one_spread_whatever_the_layers_size():
    method = PIX2PIXHD.build(PIX2PIXHD.tiny)
    initialise(method, FixedDeviation(0.02), torch.Generator().manual_seed(0))
    for module in method.modules():
        if hasattr(module, "weight_orig"):
            assert module.weight_orig.std().item() == pytest.approx(0.02, rel=0.1)
            assert module.weight_u.norm().item() == pytest.approx(1, rel=1e-5)


def test_scales_of_batch_norms_start_near_one():
    method = PIX2PIXHD_PP.build(PIX2PIXHD_PP.tiny)
    initialise(method, 1.0, torch.Generator().manual_seed(0))
    scales = torch.cat([m.weight for m in method.modules() if isinstance(m, nn.BatchNorm2d)])
    assert scales.mean().item() == pytest.approx(1, abs=0.01)
    assert scales.std().item() == pytest.approx(0.02, rel=0.2)


def on_meta(name, dataset):
    with torch.device("meta"):
        return SPECS[name].build(SPECS[name].configs[dataset])


MILLIONS = {
    ("pix2pixhd", "cityscapes"): 182.5254,
    ("pix2pixhd", "ade20k"): 182.8860,
    ("pix2pixhd", "celebamask-hq"): 182.4721,
    ("pix2pixhd", "deepfashion"): 182.4376,
    ("pix2pixhd-original", "cityscapes"): 182.5468,
    ("pix2pixhd-original", "ade20k"): 182.9074,
    ("pix2pixhd-original", "celebamask-hq"): 182.4934,
    ("pix2pixhd-original", "deepfashion"): 182.4589,
    ("pix2pixhd++", "ade20k"): 182.9288,
    ("pix2pixhd++-compact", "ade20k"): 102.9960,
    ("pix2pixhd++-spade", "ade20k"): 236.8792,
    ("pix2pixhd++-concat", "ade20k"): 195.4533,
}


def test_layers_are_numbered_as_in_the_authors_files():
    convs = {
        name: [layer for layer, module in on_meta(name, "deepfashion").generator.named_modules() if is_conv(module)]
        for name in ("pix2pixhd", "pix2pixhd-original")
    }
    blocks = [f"model.{n}.conv_block.{m}.0" for n in range(11, 20) for m in (1, 4)]
    down, up = [f"model.{n}.0" for n in (1, 3, 5, 7, 9)], [f"model.{n}.0" for n in (20, 22, 24, 26)]
    assert convs["pix2pixhd"] == [*down, *blocks, *up, "model.29"]
    blocks = [f"model.{n}.conv_block.{m}" for n in range(16, 25) for m in (1, 5)]
    down, up = [f"model.{n}" for n in (1, 4, 7, 10, 13)], [f"model.{n}" for n in (25, 28, 31, 34)]
    assert convs["pix2pixhd-original"] == [*down, *blocks, *up, "model.38"]


def is_conv(module):
    return isinstance(module, nn.Conv2d | nn.ConvTranspose2d)


@pytest.mark.parametrize(("name", "dataset"), MILLIONS)
def test_generator_has_the_parameters_of_the_authors_code(name, dataset):
    count = sum(parameter.numel() for parameter in on_meta(name, dataset).generator.parameters())
    assert round(count / 1e6, 4) == MILLIONS[name, dataset]


# SPADE paper, Table 3, in whole millions.
@pytest.mark.parametrize(("suffix", "printed"), [("", 183), ("-compact", 103), ("-spade", 237), ("-concat", 195)])
def test_variants_have_the_parameters_that_the_spade_paper_prints(suffix, printed):
    network = on_meta("pix2pixhd++" + suffix, "ade20k").generator
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6) == printed


# INADE paper, Table 3; its ADE20K column has one decimal.
@pytest.mark.parametrize(
    ("dataset", "parameters", "flops", "digits", "multiply_adds"),
    [
        ("cityscapes", 182.53, 151.32, 2, 122.3311),
        ("ade20k", 182.9, 99.3, 1, 84.8004),
        ("celebamask-hq", 182.47, 72.17, 2, 57.6717),
        ("deepfashion", 182.44, 69.91, 2, 55.4110),
    ],
)
def test_cost_is_what_the_inade_paper_prints(monkeypatch, dataset, parameters, flops, digits, multiply_adds):
    # autocast knows no meta tensors
    monkeypatch.setattr(Spectral, "normalized_weight", lambda layer: layer.weight_orig)
    network = on_meta("pix2pixhd", dataset).generator
    config = PIX2PIXHD.configs[dataset]
    planes = torch.zeros(1, config.planes, config.height, config.width, device="meta")
    macs = Macs().measure(network, lambda: network(planes))
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, digits) == parameters
    assert round(macs["gmacs_paper"], digits) == flops
    assert round(macs["gmacs"], 4) == multiply_adds
