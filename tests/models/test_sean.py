"""SEAN: its norm and encoder against slow formulas, what its styles do, and its size."""

import pytest
import torch
from random_layouts import random_layout, randomise, streams
from torch.nn import functional as F

from metrics.complexity import Macs
from models.parts.lookup import RowIndex
from models.parts.spatial import Planes
from models.parts.spectral import Spectral
from models.sean import SEAN, MeanCodes, SeanConfig, SeanStyle, StyledNorm, StyleEncoder, _Condition
from models.training.multiscale_discriminator import MultiscaleDiscriminator

SMALL = SeanConfig(8, hidden=7, code=6, encoder=(3, 4, 5, 6))


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def nearest(planes, height, width):
    rows = [y * planes.shape[2] // height for y in range(height)]
    columns = [x * planes.shape[3] // width for x in range(width)]
    return planes[:, :, rows][..., columns]


def conv(x, layer):
    return F.conv2d(x, layer.weight, layer.bias, padding=1)


def dense(norm, x, layout, codes, added):
    """The paper's ACE layer over one-hot planes."""
    classes = nearest(layout.onehot(), *x.shape[2:])
    x = x + added * norm.noise_var[:, None, None]
    mean, variance = norm.param_free_norm.running_mean, norm.param_free_norm.running_var
    normalized = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
    hidden = F.relu(conv(classes, norm.Spade.mlp_shared[0]))
    gamma, beta = conv(hidden, norm.Spade.mlp_gamma), conv(hidden, norm.Spade.mlp_beta)
    if norm.styled:
        rows = [F.relu(norm.get_submodule(f"fc_mu{j}")(codes[:, j])) for j in range(8)]
        painted = torch.einsum("njhw,njl->nlhw", classes, torch.stack(rows, 1))
        a, b = norm.blending_gamma.sigmoid(), norm.blending_beta.sigmoid()
        gamma = a * conv(painted, norm.conv_gamma) + (1 - a) * gamma
        beta = b * conv(painted, norm.conv_beta) + (1 - b) * beta
    return normalized * (1 + gamma) + beta


@pytest.mark.parametrize("size", [(64, 64), (16, 16), (4, 8)])
@pytest.mark.parametrize("styled", [False, True])
@pytest.mark.parametrize("images", [2, 6])
def test_norm_is_the_papers_layer(size, styled, images):
    norm = randomise(StyledNorm(5, SMALL, 1, styled=styled)).eval()
    layout, x, codes = random_layout(), noise(images, 5, *size), noise(images, 8, 6, seed=1)
    added = (noise(images, 1, 3, 3, seed=2), noise(images, 1, *size, seed=3))
    condition = _Condition(Planes(layout.onehot()), RowIndex(layout.labels), codes, added)
    repeated = layout.select(torch.arange(2).repeat_interleave(images // 2))
    expected = dense(norm, x, repeated, codes, added[1])
    torch.testing.assert_close(norm(x, condition), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("normalized", [False, True])
def test_codes_are_the_mean_features_of_the_classes(normalized):
    config = SeanConfig(8, code=6, encoder=(3, 4, 5, 6), normalized_encoder=normalized)
    encoder, layout, photos = randomise(StyleEncoder(config)).eval(), random_layout(), noise(2, 3, 64, 64)
    labels = torch.where(layout.labels == 5, 4, layout.labels)

    def norm(x):
        return F.leaky_relu(F.instance_norm(x) if normalized else x, 0.2)

    m = encoder.model
    x = norm(F.conv2d(F.pad(photos, (1, 1, 1, 1), mode="reflect"), m[1].weight, m[1].bias))
    x = norm(F.conv2d(x, m[4].weight, m[4].bias, stride=2, padding=1))
    x = norm(F.conv2d(x, m[7].weight, m[7].bias, stride=2, padding=1))
    x = norm(F.conv_transpose2d(x, m[10].weight, m[10].bias, stride=2, padding=1, output_padding=1))
    x = torch.tanh(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), m[14].weight, m[14].bias))
    codes = encoder(photos, labels)
    assert codes.shape == (2, 8, 6)
    for n in range(2):
        for number in range(8):
            of_class = x[n][:, labels[n, ::2, ::2] == number]
            expected = of_class.mean(1) if of_class.shape[1] else torch.zeros(6)
            torch.testing.assert_close(codes[n, number], expected, rtol=1e-4, atol=1e-5)
    assert codes[:, 5].abs().max() == 0


@pytest.fixture(scope="module")
def method():
    return randomise(SEAN.build(SEAN.tiny)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def layout():
    return random_layout()


def test_every_norm_has_noise_of_its_own_at_its_grid(method, layout):
    norms = [module for module in method.generator.modules() if isinstance(module, StyledNorm)]
    grids, shapes = method.generator.noise_grids(), {}
    hooks = [
        norm.register_forward_pre_hook(lambda norm, args: shapes.update({norm.number: tuple(args[0].shape[2:])}))
        for norm in norms
    ]
    method.synthesize(layout, method.sample_style(layout, streams(2)))
    for hook in hooks:
        hook.remove()
    assert sorted(shapes) == list(range(len(grids)))
    assert [shapes[number] for number in range(len(grids))] == grids
    assert [norm.styled for norm in norms].count(False) == 3  # the last block's
    assert all(not norm.styled for norm in method.generator.up_2.children() if isinstance(norm, StyledNorm))


def test_only_noise_differs_without_a_reference(method, layout):
    first, second = (method.sample_style(layout, streams(2, seed)) for seed in (0, 7))
    assert torch.equal(first.codes, method.mean_codes.mean.expand(2, -1, -1))
    assert torch.equal(first.codes, second.codes)
    assert not torch.equal(first.noise, second.noise)
    again = method.sample_style(layout.select([1]), streams(1, 1))
    assert torch.equal(again.noise[0], first.noise[1])


def test_images_do_not_depend_on_the_streams_without_weights_of_the_noise(layout):
    method = randomise(SEAN.build(SEAN.tiny)).eval().requires_grad_(False)
    for name, parameter in method.named_parameters():
        if name.endswith("noise_var"):
            parameter.zero_()
    first, second = (method.synthesize(layout, method.sample_style(layout, streams(2, seed))) for seed in (0, 7))
    assert torch.equal(first, second)


def test_codes_of_a_photo_are_its_own_and_keep_the_noise(method, layout):
    drawn = method.sample_style(layout, streams(2))
    photos = noise(2, 3, 64, 64).clamp(-1, 1)
    style, divergence = method.encode_style(photos, layout, drawn)
    assert torch.equal(style.codes, method.generator.Zencoder(photos, layout.labels))
    assert torch.equal(style.noise, drawn.noise)
    assert divergence.tolist() == [0, 0]
    change = method.synthesize(layout, style) - method.synthesize(layout, drawn)
    assert change.abs().amax((1, 2, 3)).min() > 0.01


def coded(method, layout, seed):
    codes = noise(len(layout), 8, SEAN.tiny.code, seed=seed)
    return SeanStyle(codes, method.sample_style(layout, streams(len(layout), seed)).noise)


def test_mixing_takes_the_codes_of_the_classes_in_the_region_and_no_noise(method, layout):
    base, other = coded(method, layout, 1), coded(method, layout, 2)
    region = layout.labels == 3
    region[1] = False
    mixed = method.mix_styles(base, other, layout, region)
    assert torch.equal(mixed.noise, base.noise)
    expected = base.codes.clone()
    expected[0, 3] = other.codes[0, 3]
    assert torch.equal(mixed.codes, expected)
    change = (method.synthesize(layout, mixed) - method.synthesize(layout, base)).abs().mean(1)
    assert change[1].max() == 0
    assert change[0][region[0]].mean() > max(0.01, 2 * change[0][~region[0]].mean())


def test_many_styles_in_one_call_equal_single_calls(method, layout):
    style = coded(method, layout.select([0, 0, 0, 1, 1, 1]), 1)
    together = method.synthesize(layout, style)
    for number in range(6):
        single = SeanStyle(style.codes[number : number + 1], style.noise[number : number + 1])
        alone = method.synthesize(layout.select([number // 3]), single)
        torch.testing.assert_close(together[number], alone[0], atol=1e-5, rtol=0)


def test_mean_codes_start_at_the_first_mean_and_follow_slowly_where_the_class_is_present():
    means = MeanCodes(3, 2)
    present = torch.tensor([[True, True, False], [True, False, False]])
    codes = torch.tensor([[[1.0, 2], [5, 6], [0, 0]], [[3.0, 4], [0, 0], [0, 0]]])
    means.follow(codes, present)
    torch.testing.assert_close(means.mean, torch.tensor([[2.0, 3], [5, 6], [0, 0]]))
    means.follow(codes + 100, torch.tensor([[True, False, True], [True, False, False]]))
    torch.testing.assert_close(means.mean, torch.tensor([[3.0, 4], [5, 6], [100, 100]]))
    assert means.is_known.all()


def test_mean_codes_are_learned_in_training_alone(layout):
    method = randomise(SEAN.build(SEAN.tiny))
    before, photos = method.mean_codes.mean.clone(), noise(2, 3, 64, 64)
    for is_training in (False, True):
        method.train(is_training).encode_style(photos, layout, method.sample_style(layout, streams(2)))
        assert torch.equal(method.mean_codes.mean, before) != is_training


def test_discriminator_halves_the_grid_until_the_logits():
    recipe = SEAN.recipes["celebamask-hq"]
    network = MultiscaleDiscriminator(
        5, width=4, layers=recipe.discriminator_layers, last_stride=recipe.discriminator_last_stride
    )
    shapes = [tuple(stage.shape[1:]) for stage in network(noise(1, 5, 64, 64))[0]]
    assert shapes == [(4, 33, 33), (8, 17, 17), (16, 9, 9), (1, 10, 10)]


# All parameters, and those the INADE paper prints: its counter misses what no layer of torch owns (noise, blending).
@pytest.mark.parametrize(
    ("dataset", "exact", "printed"),
    [
        ("celebamask-hq", 266_907_367, "266.90"),
        ("deepfashion", 223_239_655, "223.23"),
        ("cityscapes", 330_424_039, "330.41"),
    ],
)
def test_generator_has_the_parameters_of_the_authors_code(dataset, exact, printed):
    network = on_meta(dataset).generator
    own = sum(p.numel() for m in network.modules() if isinstance(m, StyledNorm) for p in m.parameters(recurse=False))
    assert sum(parameter.numel() for parameter in network.parameters()) == exact
    assert f"{(exact - own) / 1e6:.2f}" == printed


def on_meta(dataset):
    with torch.device("meta"):
        return SEAN.build(SEAN.configs[dataset])


@pytest.mark.parametrize(
    ("dataset", "multiply_adds", "flops"),
    [
        ("celebamask-hq", 342_446_686_208, "346.27"),
        ("deepfashion", 339_073_433_600, "342.89"),
        ("cityscapes", 674_114_854_912, "681.75"),
    ],
)
def test_cost_with_the_encoder_is_what_the_inade_paper_prints(monkeypatch, dataset, multiply_adds, flops):
    # autocast knows no meta tensors
    monkeypatch.setattr(Spectral, "normalized_weight", lambda layer: layer.weight_orig)
    method = on_meta(dataset)
    config, network = method.config, method.generator
    labels = torch.zeros(1, config.height, config.width, dtype=torch.int64, device="meta")
    photos = torch.zeros(1, 3, config.height, config.width, device="meta")
    size = sum(height * width for height, width in network.noise_grids())

    def run():
        network(labels, SeanStyle(network.Zencoder(photos, labels), torch.zeros(1, size, device="meta")))

    macs = Macs().measure(network, run)
    assert round(macs["gmacs"] * 1e9) == multiply_adds
    assert f"{macs['gmacs_paper']:.2f}" == flops
