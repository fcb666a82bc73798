"""Conditional norms against slow, dense formulas."""

import pytest
import torch
from random_layouts import random_layout, randomise
from torch import nn
from torch.nn import functional as F

from models.groupdnet.method import GROUPDNET, _norms, _pair_with_edges
from models.inade import InstanceNoiseNorm, _Condition
from models.parts.decoder import ResBlock, Stage, paper_stages
from models.parts.lookup import PairIndex, nearest_ids
from models.parts.spatial import Planes, SpatialNorm


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def nearest(planes, height, width):
    """Take row floor(y * H / h) and column floor(x * W / w), written as a loop."""
    rows = [y * planes.shape[2] // height for y in range(height)]
    columns = [x * planes.shape[3] // width for x in range(width)]
    return planes[:, :, rows][..., columns]


def frozen(norm, x):
    mean, variance = norm.running_mean[:, None, None], norm.running_var[:, None, None]
    return (x - mean) / (variance + 1e-5).sqrt()


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_spatial_norm_is_one_plus_gamma_times_normalised_plus_beta(kernel):
    norm = randomise(SpatialNorm(6, 9, 7, kernel=kernel)).eval()
    layout, x = random_layout(), noise(2, 6, 16, 16)
    planes = torch.cat([layout.onehot(), layout.edges()], 1)
    small = nearest(planes, 16, 16)
    hidden = F.relu(F.conv2d(small, norm.mlp_shared[0].weight, norm.mlp_shared[0].bias, padding=kernel // 2))
    gamma = F.conv2d(hidden, norm.mlp_gamma.weight, norm.mlp_gamma.bias, padding=kernel // 2)
    beta = F.conv2d(hidden, norm.mlp_beta.weight, norm.mlp_beta.bias, padding=kernel // 2)
    expected = frozen(norm.param_free_norm, x) * (1 + gamma) + beta
    torch.testing.assert_close(norm(x, Planes(planes)), expected)


def test_spatial_norm_serves_many_images_of_one_layout():
    norm, layout, x = randomise(SpatialNorm(6, 8, 7)).eval(), random_layout(), noise(6, 6, 16, 16)
    together = norm(x, Planes(layout.onehot()))
    for n in range(6):
        torch.testing.assert_close(together[n : n + 1], norm(x[n : n + 1], Planes(layout.select([n // 3]).onehot())))


def test_instance_norm_variant_has_no_state_and_normalises_every_image_alone():
    norm = randomise(SpatialNorm(6, 8, 7, free="instance")).eval()
    assert not any("param_free" in key for key in norm.state_dict())
    for module in (norm.mlp_gamma, norm.mlp_beta):
        nn.init.zeros_(module.weight)
        nn.init.zeros_(module.bias)
    result = norm(5 + 3 * noise(2, 6, 16, 16), Planes(random_layout().onehot()))
    torch.testing.assert_close(result.mean((2, 3)), torch.zeros(2, 6), atol=1e-5, rtol=0)
    torch.testing.assert_close(result.std((2, 3), correction=0), torch.ones(2, 6), atol=1e-4, rtol=0)


def test_training_normalises_with_the_statistics_of_the_batch():
    norm, x = randomise(SpatialNorm(6, 8, 7)).train(), 5 + 3 * noise(2, 6, 16, 16)
    nn.init.zeros_(norm.mlp_gamma.weight)
    nn.init.zeros_(norm.mlp_gamma.bias)
    nn.init.zeros_(norm.mlp_beta.weight)
    nn.init.zeros_(norm.mlp_beta.bias)
    result = norm(x, Planes(random_layout().onehot()))
    torch.testing.assert_close(result.mean((0, 2, 3)), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(result.std((0, 2, 3), correction=0), torch.ones(6), atol=1e-4, rtol=0)


def dense(norm, x, layout, noises):
    """INADE's formula over one-hot planes of classes and instances."""
    classes = nearest(layout.onehot(), *x.shape[2:])
    rows = noises.shape[1]
    instances = nearest(F.one_hot(layout.instances, rows).movedim(-1, 1).float(), *x.shape[2:])
    projected = torch.einsum("nkbz,cz->nkbc", noises, norm.fc_noise.weight) + norm.fc_noise.bias
    maps = torch.einsum("nkhw,nkbc->nbchw", instances, projected)
    weight = torch.einsum("nlhw,lcb->nbchw", classes, norm.weight)
    bias = torch.einsum("nlhw,lcb->nbchw", classes, norm.bias)
    gamma, beta = (weight * maps + bias).unbind(1)
    return gamma * frozen(norm.param_free_norm, x) + beta


@pytest.mark.parametrize("size", [(64, 64), (16, 16), (4, 8)])
def test_instance_noise_norm_is_the_dense_product(size):
    norm = randomise(InstanceNoiseNorm(5, 8, 3)).eval()
    layout, x, noises = random_layout(), noise(2, 5, *size), noise(2, 6, 2, 3, seed=1)
    condition = _Condition(PairIndex(layout.labels, layout.instances), noises)
    torch.testing.assert_close(norm(x, condition), dense(norm, x, layout, noises), rtol=1e-4, atol=1e-5)


def test_instance_noise_norm_serves_many_images_of_one_layout():
    norm = randomise(InstanceNoiseNorm(5, 8, 3)).eval()
    layout, x, noises = random_layout(), noise(4, 5, 16, 16), noise(4, 6, 2, 3, seed=1)
    condition = _Condition(PairIndex(layout.labels, layout.instances), noises)
    expected = dense(norm, x, layout.select([0, 0, 1, 1]), noises)
    torch.testing.assert_close(norm(x, condition), expected, rtol=1e-4, atol=1e-5)


def test_ids_are_resized_to_the_nearest_position_rounded_down():
    ids = torch.arange(7 * 9).view(1, 7, 9)
    assert torch.equal(nearest_ids(ids, 3, 4)[:, None], nearest(ids[:, None], 3, 4))
    assert torch.equal(nearest_ids(ids, 14, 18)[:, None], nearest(ids[:, None], 14, 18))


@pytest.mark.parametrize(
    ("dataset", "block", "shapes"),
    [
        ("deepfashion", "G_middle_1", [(128, 2, 3, 3), (2560, 32, 3, 3)]),
        ("cityscapes", "G_middle_1", [(700, 2, 3, 3), (4480, 20, 3, 3)]),
        ("ade20k", "head_0", [(302, 1, 3, 3), (2416, 2, 3, 3)]),
        ("ade20k", "G_middle_0", [(2416, 1, 3, 3), (2048, 151, 3, 3)]),
    ],
)
def test_groupdnets_norms_are_grouped_as_in_the_released_files(dataset, block, shapes):
    config = GROUPDNET.configs[dataset]
    stage = {stage.name: stage for stage in config.stages}[block]
    with torch.device("meta"):
        norm = _norms(config)(min(stage.inputs, stage.outputs), stage.groups)
    assert [tuple(norm.mlp_shared[0].weight.shape), tuple(norm.mlp_gamma.weight.shape)] == shapes
    assert norm.mlp_beta.weight.shape == norm.mlp_gamma.weight.shape


def test_every_class_plane_is_followed_by_the_edges():
    planes = noise(2, 5, 4, 4)
    paired = _pair_with_edges(planes)
    assert torch.equal(paired[:, ::2], planes[:, :4])
    assert all(torch.equal(paired[:, number], planes[:, 4]) for number in (1, 3, 5, 7))


class Plain(nn.Module):
    """A norm that does nothing."""

    def forward(self, x, condition):
        return x


def test_block_adds_an_unactivated_shortcut():
    block = randomise(ResBlock(Stage("b", 4, 6), lambda channels, groups: Plain())).eval()
    x = noise(2, 4, 8, 8)
    main = block.conv_1(F.leaky_relu(block.conv_0(F.leaky_relu(x, 0.2)), 0.2))
    torch.testing.assert_close(block(x, None), block.conv_s(x) + main)
    same = randomise(ResBlock(Stage("b", 4, 4), lambda channels, groups: Plain())).eval()
    main = same.conv_1(F.leaky_relu(same.conv_0(F.leaky_relu(x, 0.2)), 0.2))
    torch.testing.assert_close(same(x, None), x + main)


def test_only_the_network_for_wide_images_doubles_before_the_third_block():
    assert [stage.upsample for stage in paper_stages(4, more=False)] == [False, True, False, True, True, True, True]
    assert [stage.upsample for stage in paper_stages(4, more=True)] == [False, True, True, True, True, True, True]
