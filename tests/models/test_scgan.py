"""SC-GAN: the network against a plain one, its operators against equations of the paper, and its variants."""

from dataclasses import replace

import pytest
import torch
from plain_scgan import SHARES, PlainScgan, blurred
from random_layouts import random_layout, randomise, streams
from torch import nn
from torch.nn import functional as F
from variant_networks import noise, spec_of, tiny

from models.base import Layout
from models.parts.image_styles import ImageEncoder
from models.parts.spectral import Spectral, fold_spectral
from models.scgan.conditional import ConcatConv2d, ConditionalConv2d, ConditionalNorm
from models.scgan.method import SCGAN, Scgan
from models.scgan.network import ScganConfig, scgan_stages
from models.scgan.vectors import Blur, label_pyramid, paper_widths, semantic_vectors
from models.training.initial_weights import initialise

# A narrow network like each of the papers', with blending that matters.
NARROW = ScganConfig(
    8,
    64,
    64,
    stages=scgan_stages(3, 2, more=False),
    vector_widths=paper_widths(4, more=False),
    hidden=5,
    temperature=3.0,
)
MORE = {
    "stages": scgan_stages(2, 2, more=True),
    "vector_widths": paper_widths(3, more=True),
    "width": 128,
    "edges": True,
}
FACES = {
    "label_shift": -1,
    "vector_spectral": False,
    "norm_candidates": 3,
    "z_size": 6,
    "encoder": ImageEncoder(32, (4, 6)),
}
CASES = {
    "scenes": {},
    "streets": MORE,
    "faces": {**FACES, "blur": Blur(3), "temperature": 0.01},
    "few": {"candidates": 2, "norm_candidates": 3, "temperature": 0.5},
    "one": {"candidates": 1},
    "blurred once": {**MORE, "blur": Blur(None, 5, 1.0, 2)},
    "two blurred": {"blur": Blur(2), "temperature": 0.1},
    "finest blurred": {"blur": Blur(1, 3)},
    "concat": {"conv": "concat"},
    "concat batch": {"conv": "concat", "norm": "batch"},
    "batch": {"norm": "batch"},
    "silent": {"draws_vectors": False},
    "kernel 1": {"kernel": 1},
    **{name: {"nonlinearity": name} for name in SHARES if name != "softmax"},
}


def filled(**changes):
    return randomise(Scgan(replace(NARROW, **changes))).eval().requires_grad_(False)


def layouts(config):
    return random_layout(height=config.height, width=config.width)


@pytest.mark.parametrize("case", CASES)
def test_the_network_draws_what_a_plain_one_does(case):
    method = filled(**CASES[case])
    config, layout = method.config, layouts(method.config)
    z = None if config.z_size is None else noise(6, config.z_size)
    planes = method.planes(layout)
    plain = PlainScgan(method.generator.state_dict(), config)(planes, z)
    image, vector_image = method.draw(layout, z)
    assert plain.image.std() > 0.05
    assert (plain.image.abs() == 1).float().mean() < 0.6
    torch.testing.assert_close(image, plain.image, rtol=0, atol=2e-5)
    torch.testing.assert_close(method.synthesize(layout, z), plain.image, rtol=0, atol=2e-5)
    if config.draws_vectors:
        once = plain.vector_image if z is None else plain.vector_image[::3]
        torch.testing.assert_close(vector_image, once, rtol=0, atol=2e-5)
    else:
        assert vector_image is None
    for ours, theirs in zip(method.generator.vector_features(planes), plain.features, strict=True):
        theirs = theirs if z is None else theirs[::3]
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-6 * float(theirs.abs().max()))
    fold_spectral(method)
    torch.testing.assert_close(method.synthesize(layout, z), plain.image, rtol=0, atol=2e-5)


def test_a_convolution_has_a_kernel_of_its_own_at_every_position():
    conv = randomise(ConditionalConv2d(5, 6, 3)).eval()
    x, shares = noise(4, 5, 7, 9), noise(2, 3, 7, 9, seed=1)
    kernels = torch.stack([base.normalized_weight() for base in conv.conv_bases])  # [n, O, C, 3, 3]
    own = torch.einsum("nihw,iockl->nhwockl", shares, kernels).repeat_interleave(2, 0)
    patches = F.pad(x, (1, 1, 1, 1)).unfold(2, 3, 1).unfold(3, 3, 1)  # [N K, C, h, w, 3, 3]
    expected = torch.einsum("nhwockl,nchwkl->nohw", own, patches)
    torch.testing.assert_close(conv(x, shares), expected, rtol=1e-4, atol=1e-5)
    assert not any(name.endswith("bias") for name, _ in conv.named_parameters())


def test_training_leaves_the_inputs_of_a_convolution_alone_and_moves_every_spectral_norm_once():
    conv = randomise(ConditionalConv2d(5, 6, 3)).train()
    x, shares = noise(2, 5, 7, 9).requires_grad_(), noise(2, 3, 7, 9, seed=1).requires_grad_()
    vectors = [
        nn.functional.normalize(base.weight_orig.flatten(1).T @ base.weight_u, dim=0) for base in conv.conv_bases
    ]
    before = x.detach().clone(), shares.detach().clone()
    torch.autograd.gradcheck(lambda a, b: conv.double().eval()(a, b), (x.double(), shares.double()))
    assert torch.equal(x, before[0])
    assert torch.equal(shares, before[1])
    conv.float().train()(x, shares)
    for base, vector in zip(conv.conv_bases, vectors, strict=True):
        torch.testing.assert_close(base.weight_v, vector.detach())


def test_a_norm_blends_rows_and_starts_as_plain_normalisation():
    norm, x = ConditionalNorm(4, 3).eval(), 2 + noise(6, 4, 5, 7)
    shares = noise(2, 3, 5, 7, seed=1).softmax(1)
    plain = F.batch_norm(x, norm.param_free_norm.running_mean, norm.param_free_norm.running_var)
    torch.testing.assert_close(norm(x, shares), plain)
    initialise(norm, 0.02, torch.Generator().manual_seed(0))
    torch.testing.assert_close(norm(x, shares), plain)
    randomise(norm)
    rows = norm.affine_params_groups
    mean, variance = (
        value[:, None, None] for value in (norm.param_free_norm.running_mean, norm.param_free_norm.running_var)
    )
    scales, shifts = 1 + rows[:, :4], rows[:, 4:]  # the shares add up to 1, so the paper's candidates are these
    blend = [torch.einsum("nihw,ic->nchw", shares, part).repeat_interleave(3, 0) for part in (scales, shifts)]
    expected = (x - mean) / (variance + 1e-5).sqrt() * blend[0] + blend[1]
    torch.testing.assert_close(norm(x, shares), expected, rtol=1e-5, atol=1e-5)


def test_plain_convolutions_read_the_shares_behind_the_features():
    conv = randomise(ConcatConv2d(5, 6, 3)).eval()
    x, shares = noise(4, 5, 7, 9), noise(2, 3, 7, 9, seed=1)
    kernel = sum(base.normalized_weight() for base in conv.conv_bases)
    expected = F.conv2d(torch.cat([x, shares[[0, 0, 1, 1]]], 1), kernel, padding=1)
    torch.testing.assert_close(conv(x, shares), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("channels", "size"), [(512, 3), (32, 8), (12, 4), (7, 7), (6, 1)])
def test_vectors_are_averages_of_equal_parts_that_may_overlap(channels, size):
    features = noise(2, channels, 3, 5)
    parts = [torch.arange(channels * j // size, -(-channels * (j + 1) // size)) for j in range(size)]
    if (channels, size) == (512, 3):
        assert [(int(part[0]), int(part[-1])) for part in parts] == [(0, 170), (170, 341), (341, 511)]
    expected = torch.stack([features[:, part].mean(1) for part in parts], 1)
    torch.testing.assert_close(semantic_vectors(features, size), expected)


def test_coarse_labels_are_shares_of_area():
    planes = random_layout(height=32, width=64).onehot()
    maps = label_pyramid(planes, 4, None, 8)
    assert [tuple(level.shape[2:]) for level in maps] == [(4, 8), (8, 16), (16, 32), (32, 64)]
    torch.testing.assert_close(maps[0], planes.unflatten(3, (8, 8)).unflatten(2, (4, 8)).mean((3, 5)))
    assert maps[-1] is planes


def test_blurred_labels_fade_inside_their_region_and_end_at_its_border():
    planes = torch.zeros(1, 2, 9, 9)
    planes[:, 0, :, :4], planes[:, 1, :, 4:] = 1, 1
    soft = Blur(1)(planes)
    assert soft[0, 0, :, 4:].abs().max() == 0
    weights = [2.718281828 ** (-(d**2) / 4.5) for d in range(4)]
    down = weights[0] + 2 * sum(weights[1:])  # far from the upper and lower end
    expected = torch.tensor([down * (weights[0] + sum(weights[1 : 4 - x]) + sum(weights[1 : x + 1])) for x in range(4)])
    torch.testing.assert_close(soft[0, 0, 4, :4], expected)


def test_a_coarse_grid_is_picked_from_a_blurred_one_but_never_from_the_finest():
    planes, blur = random_layout(height=64, width=64).onehot(), Blur(3)
    maps = label_pyramid(planes, 5, blur, 8)[::-1]
    assert torch.equal(maps[0], blur(planes))
    assert torch.equal(maps[1], blur(planes[:, :, ::2, ::2]))
    assert torch.equal(maps[2], blur(maps[1][:, :, ::2, ::2]))
    assert torch.equal(maps[3], maps[2][:, :, ::2, ::2])
    assert torch.equal(maps[4], maps[3][:, :, ::2, ::2])
    torch.testing.assert_close(maps[2], blurred(maps[1][:, :, ::2, ::2], blur))


def test_the_vector_image_is_drawn_for_training_only():
    method, drawn = filled(), []
    method.generator.pyramid_spaital_routing.toRGB.register_forward_hook(lambda *_: drawn.append(1))
    layout = layouts(method.config)
    method.synthesize(layout, None)
    assert not drawn
    method.draw(layout, None)
    assert drawn


def test_vectors_are_made_once_for_all_styles_of_a_layout():
    method, sizes = filled(**FACES), []
    method.generator.pyramid_spaital_routing.labelDec1.register_forward_hook(lambda _, __, out: sizes.append(len(out)))
    method.synthesize(layouts(method.config), noise(8, 6))
    assert sizes == [2]


def test_the_class_of_the_data_set_that_comes_first_is_the_networks_last():
    config = SCGAN.configs["celebamask-hq"]
    assert (config.num_classes, config.label_shift) == (19, -1)
    with torch.device("meta"):
        method = SCGAN.build(config)
    labels = torch.arange(19).view(1, 1, 19)
    planes = method.planes(Layout(labels, labels, 19))
    assert planes[0, :, 0].argmax(0).tolist() == [18, *range(18)]
    assert all(other.label_shift == 0 for name, other in SCGAN.configs.items() if name != "celebamask-hq")


def test_scopes_are_those_of_the_networks():
    for name, config in SCGAN.configs.items():
        with torch.device("meta"):
            method = SCGAN.build(config)
        assert method.scope == SCGAN.scopes.get(name, SCGAN.scope) == ("image" if name == "celebamask-hq" else "none")
        assert (method.encoder is None) == (method.scope == "none")


def test_faces_have_a_style_that_photos_can_give():
    method, layout = filled(**FACES), random_layout()
    style = method.sample_style(layout, streams(2))
    assert style.shape == (2, 6)
    moved, divergence = method.encode_style(noise(2, 3, 64, 64), layout, style)
    mean, log_variance = method.encoder(noise(2, 3, 64, 64))
    torch.testing.assert_close(moved, mean + style * (log_variance / 2).exp())
    assert divergence.shape == (2,)
    assert (method.synthesize(layout, style) - method.synthesize(layout, -style)).abs().max() > 0.01


def test_released_configurations():
    faces, streets, scenes, things = (SCGAN.configs[n] for n in ("celebamask-hq", "cityscapes", "ade20k", "coco-stuff"))
    assert [(c.num_classes, c.edges, c.height, c.width) for c in (faces, streets, scenes, things)] == [
        (19, False, 512, 512), (35, True, 256, 512), (151, False, 256, 256), (183, False, 256, 256),
    ]  # fmt: skip
    assert [(c.candidates, c.norm_candidates, c.temperature) for c in (faces, streets, scenes, things)] == [
        (3, 3, 0.05), (3, 4, 0.05), (3, 4, 0.05), (2, 3, 0.5),
    ]  # fmt: skip
    assert [c.vector_spectral for c in (faces, streets, scenes, things)] == [False, True, True, True]
    assert faces.blur == Blur(3, 7, 1.5, 1)
    assert not any(isinstance(layer, Spectral) for layer in filled(**FACES).generator.pyramid_spaital_routing.modules())


ABLATIONS = {
    "scgan-conv-bn": {"conv": "concat", "norm": "batch"},
    "scgan-conv-scn": {"conv": "concat"},
    "scgan-scc-bn": {"norm": "batch"},
    "scgan-no-vector-loss": {"draws_vectors": False},
    "scgan-vector-loss-l2": {},
    "scgan-vector-loss-vgg": {},
    "scgan-n8": {"candidates": 8},
    "scgan-n4": {"candidates": 4},
    "scgan-n2": {"candidates": 2},
    "scgan-n1": {"candidates": 1},
    "scgan-sigmoid": {"nonlinearity": "sigmoid"},
    "scgan-tanh": {"nonlinearity": "tanh"},
    "scgan-relu": {"nonlinearity": "relu"},
    "scgan-no-nonlinearity": {"nonlinearity": "none"},
}
LOSSES = {"scgan-vector-loss-l2": "l2", "scgan-vector-loss-vgg": "vgg"}
REBUILT = {"scgan-conv-bn", "scgan-conv-scn", "scgan-tanh", "scgan-relu"}


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_changes_what_its_name_says_and_nothing_else(name):
    spec = spec_of(name)
    assert spec.configs == {"cityscapes": replace(SCGAN.configs["cityscapes"], **ABLATIONS[name])}
    assert spec.tiny == replace(SCGAN.tiny, **ABLATIONS[name])
    change = {"vector_loss": LOSSES[name]} if name in LOSSES else {}
    assert spec.recipes == {"cityscapes": replace(SCGAN.recipes["cityscapes"], **change)}
    assert (spec.scope, spec.scopes, spec.build) == ("none", {}, Scgan)


@pytest.mark.parametrize("name", ABLATIONS)
def test_what_was_not_released_says_so_and_expects_no_file_of_the_authors(name):
    note = spec_of(name).note
    assert note.startswith("Re-constructed: nothing was released.") == (name in REBUILT)
    assert "For Cityscapes neither sizes nor weights were released" in note
    assert not any(spec_of(name).files.values())


def test_one_kernel_is_an_ordinary_convolution():
    method = tiny("scgan-n1")
    block, x = method.generator.up_0, noise(2, 128, 16, 16)
    share = method.generator.shares(noise(2, 16, 16, 16)).convolutions
    assert torch.equal(share, torch.ones(2, 1, 16, 16))
    torch.testing.assert_close(block.conv_0(x, share), block.conv_0.conv_bases[0](x))
