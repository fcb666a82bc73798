"""Ablations of SPADE and INADE, and all norms: each changes what its name says and nothing else."""

from dataclasses import replace

import pytest
import torch
from random_layouts import random_layout, randomise, streams
from torch import nn
from torch.nn import functional as F
from variant_networks import noise, on_meta, spec_of, tiny

from models.inade import InadeEncoderConfig, InstanceNoiseNorm, _Condition
from models.parts.free_norms import LocalBatchNorm2d, free_norm
from models.parts.lookup import PairIndex
from models.parts.spatial import Planes
from models.parts.spectral import Spectral
from models.spade import ConcatNorm
from models.training.recipe import Recipe


def standardised(x, *axes):
    mean, variance = x.mean(axes, keepdim=True), x.var(axes, keepdim=True, correction=0)
    return (x - mean) / (variance + 1e-5).sqrt()


def test_local_batch_norm_normalises_four_images_at_a_time_and_remembers_the_first_four():
    norm, x = LocalBatchNorm2d(3, affine=False).train(), 5 + 2 * noise(10, 3, 4, 4)
    expected = torch.cat([standardised(part, 0, 2, 3) for part in (x[:4], x[4:8], x[8:])])
    torch.testing.assert_close(norm(x), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_mean, 0.1 * x[:4].mean((0, 2, 3)))
    assert norm.num_batches_tracked == 1
    frozen = (x - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + 1e-5).sqrt()
    torch.testing.assert_close(norm.eval()(x), frozen)


@pytest.mark.parametrize("name", ["spade-norm-batch", "groupdnet-no-syncbn"])
def test_norms_that_are_not_synchronised_are_local_everywhere(name):
    norms = [layer for layer in tiny(name).modules() if isinstance(layer, nn.BatchNorm2d)]
    assert all(isinstance(layer, LocalBatchNorm2d) for layer in norms)
    assert len(norms) == 5 * 2 + 3


def test_group_norm_treats_the_channels_of_a_group_together_and_has_no_weights():
    x = 3 + noise(2, 6, 4, 4)
    norm = free_norm("group", 6, 2)
    grouped = standardised(x.unflatten(1, (2, 3)), 2, 3, 4).flatten(1, 2)
    torch.testing.assert_close(norm(x), grouped, rtol=1e-4, atol=1e-5)
    assert not norm.state_dict()


def test_group_norms_have_the_groups_of_the_convolution_before_them():
    method = tiny("groupdnet-groupnorm")
    groups, before = [stage.groups for stage in method.config.stages], 8  # of the first convolution
    assert groups == [8, 8, 4, 2, 1]
    for stage, own in zip(method.config.stages, groups, strict=True):
        block = method.generator.get_submodule(stage.name)
        assert block.norm_0.param_free_norm.num_groups == before
        assert block.norm_1.param_free_norm.num_groups == own == block.conv_0.groups
        if block.has_learned_shortcut:
            assert block.norm_s.param_free_norm.num_groups == before
        before = own
    encoder = on_meta("groupdnet-groupnorm", "deepfashion").encoder
    assert [encoder.get_submodule(f"layer{n}")[1].num_groups for n in range(1, 7)] == [8] * 6
    others = nn.BatchNorm2d, nn.InstanceNorm2d
    assert not any(isinstance(layer, others) for layer in on_meta("groupdnet-groupnorm", "deepfashion").modules())


def test_spade_with_instance_norm_has_no_batch_norm():
    layers = list(tiny("spade-norm-instance").modules())
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in layers)
    assert sum(isinstance(layer, nn.InstanceNorm2d) for layer in layers) == 5 * 2 + 3


def test_without_spectral_norm_there_is_none_in_any_network():
    method, recipe = tiny("groupdnet-no-specnorm"), spec_of("groupdnet-no-specnorm").tiny_recipe
    assert not any(isinstance(layer, Spectral) for layer in method.modules())
    assert not any(isinstance(layer, Spectral) for layer in recipe.objective(method, 8).discriminator.modules())
    assert spec_of("groupdnet-no-specnorm").recipes["deepfashion"].discriminator == "pix2pixhd"
    assert sum(isinstance(layer, Spectral) for layer in tiny("groupdnet").modules()) == 5 * 2 + 3 + 3


def test_concatenated_planes_follow_the_normalised_features_and_miss_the_shortcut():
    norm, layout, x = randomise(ConcatNorm(6)).eval(), random_layout(), noise(4, 6, 16, 16)
    result = norm(x, Planes(layout.onehot()))
    plain = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    torch.testing.assert_close(result[:, :6], plain)
    small = layout.onehot()[:, :, ::4, ::4]
    assert torch.equal(result[:, 6:], small[[0, 0, 1, 1]])
    block = tiny("spade-concat").generator.up_0
    sizes = [conv.in_channels for conv in (block.conv_0, block.conv_1, block.conv_s)]
    assert sizes == [128 + 8, 64 + 8, 128]


def test_concatenation_reads_the_layout_in_every_block():
    method, layout = tiny("spade-concat"), random_layout()
    for name in ("head_0", "up_2"):
        block, x = method.generator.get_submodule(name), noise(2, 128 if name == "head_0" else 32, 8, 8)
        change = block(x, Planes(layout.onehot())) - block(x, Planes(layout.onehot().flip(1)))
        assert change.abs().max() > 0.01


def test_random_input_is_a_style_without_an_encoder():
    spec, method = spec_of("spade-random-input"), tiny("spade-random-input")
    assert (spec.scope, method.scope, method.encoder) == ("image", "image", None)
    assert method.sample_style(random_layout(), streams(2)).shape == (2, 256)


def test_decoders_are_narrower_or_wider_and_their_norms_as_hidden_as_before():
    for name, ratio in (("spade-compact", 0.75), ("spade-large", 1.25)):
        spec, plain = spec_of(name), spec_of("spade")
        for config, other in ((spec.tiny, plain.tiny), (spec.configs["cityscapes"], plain.configs["cityscapes"])):
            assert [s.outputs for s in config.stages] == [ratio * s.outputs for s in other.stages]
            assert [s.upsample for s in config.stages] == [s.upsample for s in other.stages]
            assert config.hidden == other.hidden


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("spade-no-perceptual", {"perceptual": 0.0}),
        ("spade-no-feature-matching", {"feature_matching": 0.0}),
        ("spade-deeper-discriminator", {"discriminator_layers": 5}),
    ],
)
def test_recipes_differ_from_spades_in_the_term_of_their_name_alone(name, changes):
    spec, plain = spec_of(name), spec_of("spade")
    assert spec.tiny == plain.tiny
    for dataset in ("coco-stuff", "ade20k", "cityscapes"):
        assert spec.configs[dataset] == plain.configs[dataset]
        assert spec.recipes[dataset] == replace(plain.recipes.get(dataset, Recipe()), **changes)
    assert spec.tiny_recipe != plain.tiny_recipe


def test_a_tiny_network_without_the_perceptual_loss_has_nothing_in_its_place():
    spec = spec_of("spade-no-perceptual")
    method, layout = tiny("spade-no-perceptual"), random_layout()
    losses = spec.tiny_recipe.objective(method, 8).generator_losses(noise(2, 3, 64, 64), layout, None)
    assert losses.keys() == {"GAN", "GAN_Feat"}


def test_inade_64_is_the_default():
    variant, default = spec_of("inade-64"), spec_of("inade")
    assert (variant.configs, variant.tiny, variant.recipes) == (default.configs, default.tiny, default.recipes)


def test_lengths_of_the_noise_are_those_of_the_names():
    for length in (8, 64, 128):
        assert {config.noise_size for config in spec_of(f"inade-{length}").configs.values()} == {length}


def test_without_remapping_there_is_no_encoder_and_no_divergence_to_pay():
    spec, layout = spec_of("inade-no-pnr"), random_layout()
    method = tiny("inade-no-pnr")
    assert method.encoder is None
    assert all(config.encoder is None for config in spec.configs.values())
    recipe = spec.tiny_recipe
    style = method.sample_style(layout, streams(2))
    assert "KLD" not in recipe.objective(method, 9).generator_losses(noise(2, 3, 64, 64), layout, style)
    plain = tiny("inade")
    plain.generator.load_state_dict(method.generator.state_dict())
    assert torch.equal(plain.synthesize(layout, style), method.synthesize(layout, style))


def test_without_unified_sampling_every_norm_reads_its_own_noise_as_it_is():
    method, layout = tiny("inade-no-us"), random_layout()
    norms = [layer for layer in method.generator.modules() if isinstance(layer, InstanceNoiseNorm)]
    covered = sorted(number for norm in norms for number in range(10**4)[norm.part])
    assert covered == list(range(method.generator.noise_length))
    assert [len(range(10**4)[norm.part]) for norm in norms] == [norm.weight.shape[1] for norm in norms]
    assert method.sample_style(layout, streams(2)).noise.shape == (2, 6, 2, method.generator.noise_length)
    norm, own = norms[3], norms[3].weight.shape[1]
    x, noises = noise(2, own, 8, 8), noise(2, 6, 2, method.generator.noise_length, seed=1)
    pairs = PairIndex(layout.labels, layout.instances)
    small_labels, small_ids = layout.labels[:, ::8, ::8], layout.instances[:, ::8, ::8]
    part = noises[..., norm.part]
    values = torch.stack([part[n][small_ids[n]] for n in range(2)]).permute(3, 0, 4, 1, 2)  # [2, N, C, h, w]
    tables = [norm.weight[small_labels].permute(4, 0, 3, 1, 2), norm.bias[small_labels].permute(4, 0, 3, 1, 2)]
    gamma, beta = tables[0] * values + tables[1]
    expected = gamma * norm.param_free_norm(x) + beta
    torch.testing.assert_close(norm(x, _Condition(pairs, noises)), expected, rtol=1e-4, atol=1e-5)


def test_projected_noise_of_every_norm_is_moved_alike_by_the_encoder():
    encoder = InadeEncoderConfig((16, 32), 16, (16,), normalized=False, full_resolution=False)
    method = tiny("inade-no-us", sampling="per_norm_projected", encoder=encoder)
    layout, images = random_layout(), noise(2, 3, 64, 64).clamp(-1, 1)
    style = method.sample_style(layout, streams(2))
    assert method.generator.noise_length == 13 * 8
    moved, divergence = method.encode_style(images, layout, style)
    mean, log_variance = method.encoder(images, layout.instances, 6)
    for n in range(13):
        part = slice(8 * n, 8 * n + 8)
        expected = mean + style.noise[..., part] * (0.5 * log_variance).exp()
        torch.testing.assert_close(moved.noise[..., part], expected)
    shared = tiny("inade", encoder=encoder)
    shared.encoder.load_state_dict(method.encoder.state_dict())
    torch.testing.assert_close(
        shared.encode_style(images, layout, shared.sample_style(layout, streams(2)))[1], divergence
    )
    changed = style.noise.clone()
    changed[..., -8:] += 1  # the last norm's
    change = method.synthesize(layout, replace(style, noise=changed)) - method.synthesize(layout, style)
    assert change.abs().max() > 0.01


def test_scales_that_are_drawn_directly_leave_an_encoder_nothing_to_move():
    spec = spec_of("inade-no-us")
    with pytest.raises(ValueError, match="no noise to move"):
        spec.build(replace(spec.tiny, encoder=InadeEncoderConfig()))
