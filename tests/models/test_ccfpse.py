"""CC-FPSE against the unfolded product and against the network written out."""

from dataclasses import replace

import pytest
import torch
from random_layouts import random_layout, randomise, streams
from torch import nn
from torch.nn import functional as F

from metrics.complexity import Macs
from models.ccfpse import (
    CCFPSE,
    Ccfpse,
    CcfpseConfig,
    CcfpseGenerator,
    ConditionalBlock,
    TapPredictor,
    convolve_by_pixel,
)
from models.parts.decoder import Stage, paper_stages


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def unfolded(x, weights):
    """Sum over the nine neighbours, row by row, of weight 9 c + k times neighbour k."""
    n, c, h, w = x.shape
    return (F.unfold(x, 3, padding=1).view(n, c, 9, h, w) * weights.view(n, c, 9, h, w)).sum(2)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_convolution_by_pixel_is_the_unfolded_product_and_so_are_its_gradients(memory_format):
    x, hidden, wanted = noise(4, 5, 6, 7), noise(2, 3, 6, 7, seed=1), noise(4, 5, 6, 7, seed=2)
    predictor = TapPredictor(3, 5)
    nn.init.normal_(predictor.weight, generator=torch.Generator().manual_seed(3))
    x, hidden = (t.to(memory_format=memory_format).requires_grad_() for t in (x, hidden))
    leaves = (x, hidden, predictor.weight, predictor.bias)
    ours = convolve_by_pixel(x, hidden, predictor)
    plain = unfolded(x, F.conv2d(hidden, predictor.weight, predictor.bias, padding=1).repeat_interleave(2, 0))
    torch.testing.assert_close(ours, plain)
    gradients = (torch.autograd.grad((form * wanted).sum(), leaves) for form in (ours, plain))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_convolution_by_pixel_reads_rows_of_weights_and_pads_with_zeros():
    predictor = TapPredictor(1, 1)
    nn.init.zeros_(predictor.weight)
    predictor.bias.data = torch.arange(9.0)
    x = torch.tensor([[[[1.0, 10.0], [100.0, 1000.0]]]])
    drawn = convolve_by_pixel(x, torch.zeros(1, 1, 2, 2), predictor)
    # Around the first pixel weight 4 lies on itself, 5 on its right, 7 below and 8 across.
    assert drawn[0, 0, 0, 0].item() == 4 * 1 + 5 * 10 + 7 * 100 + 8 * 1000
    assert drawn[0, 0, 1, 1].item() == 0 * 1 + 1 * 10 + 3 * 100 + 4 * 1000


class Slow:
    """The network written out over a state dict, one image per layout."""

    def __init__(self, network):
        self.state = network.state_dict()

    def conv(self, key, x, stride=1):
        if f"{key}.weight_orig" in self.state:
            weight, u, v = (self.state[f"{key}.weight_{part}"] for part in ("orig", "u", "v"))
            weight = weight / (u @ weight.flatten(1) @ v)
        else:
            weight = self.state[f"{key}.weight"]
        return F.conv2d(x, weight, self.state.get(f"{key}.bias"), stride=stride, padding=weight.shape[2] // 2)

    def norm(self, key, x):
        s = self.state
        mean, variance = (s[f"{key}.running_{part}"][:, None, None] for part in ("mean", "var"))
        x = (x - mean) / (variance + 1e-5).sqrt()
        if f"{key}.weight" not in s:
            return x
        return x * s[f"{key}.weight"][:, None, None] + s[f"{key}.bias"][:, None, None]

    def unit(self, key, x, stride=1):
        return F.leaky_relu(self.norm(f"{key}.0.1", self.conv(f"{key}.0.0", x, stride)), 0.2)

    def predicted(self, key, condition):
        return self.conv(f"{key}.2", F.relu(self.conv(f"{key}.0", condition)))

    def block(self, name, x, condition):
        main = self.norm(f"{name}.norm_1", x)
        main = self.conv(f"{name}.conv_1", unfolded(main, self.predicted(f"{name}.gen_weights1", condition)))
        main = F.leaky_relu(main * self.predicted(f"{name}.gen_se_weights1", condition).sigmoid(), 0.2)
        main = self.norm(f"{name}.norm_2", main)
        main = self.conv(f"{name}.conv_3", unfolded(main, self.predicted(f"{name}.gen_weights2", condition)))
        main = F.leaky_relu(main * self.predicted(f"{name}.gen_se_weights2", condition).sigmoid(), 0.2)
        if f"{name}.conv_s.weight_orig" in self.state:
            hidden = F.relu(self.conv(f"{name}.norm_s.mlp_shared.0", condition))
            gamma, beta = (self.conv(f"{name}.norm_s.mlp_{part}", hidden) for part in ("gamma", "beta"))
            x = self.conv(f"{name}.conv_s", self.norm(f"{name}.norm_s.param_free_norm", x) * (1 + gamma) + beta)
        return x + main

    def labels(self, planes, levels):
        encoded = [self.unit("labelenc1", planes)]
        for level in range(2, levels + 1):
            encoded.append(self.unit(f"labelenc{level}", encoded[-1], stride=2))
        maps = [encoded[-1]]
        for k in range(1, levels):
            lateral = self.unit(f"labellat{k}", encoded[levels - 1 - k])
            maps.append(self.unit(f"labeldec{k}", doubled(maps[-1]) + lateral))
        return maps

    def draw(self, planes, first, more):
        """Go through the seven blocks; `more` doubles the grid once more, before the third."""
        maps = self.labels(planes, 7 if more else 6)
        x, level = first, 0
        for name in ("head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3"):
            if name != "head_0" and (name != "G_middle_1" or more):
                x, level = doubled(x), level + 1
            step = planes.shape[2] // x.shape[2]
            x = self.block(name, x, torch.cat([planes[:, :, ::step, ::step], maps[level]], 1))
        return torch.tanh(self.conv("conv_img", F.leaky_relu(x, 0.2)))


def doubled(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


@pytest.mark.parametrize("z_size", [5, None])
@pytest.mark.parametrize(("more", "height", "width"), [(False, 64, 128), (True, 64, 128)])
@torch.no_grad()
def test_generator_equals_a_slow_one(more, height, width, z_size):
    stages = paper_stages(2, more=more)
    config = CcfpseConfig(
        8, height, width, edges=True, stages=stages, pyramid=3, hidden=4, z_size=z_size, unused_norms=False
    )
    network = randomise(CcfpseGenerator(config)).eval()
    layout = random_layout(height=height, width=width)
    planes = torch.cat([layout.onehot(), layout.edges()], 1)
    slow = Slow(network)
    if z_size is None:
        z, first = None, slow.conv("fc", planes[:, :, :: height // network.grid[0], :: width // network.grid[1]])
    else:
        z = noise(2, z_size)
        first = F.linear(z, slow.state["fc.weight"], slow.state["fc.bias"]).view(2, 32, *network.grid)
    torch.testing.assert_close(network(planes, z), slow.draw(planes, first, more), rtol=1e-4, atol=1e-5)


def test_label_features_are_made_once_for_all_styles(monkeypatch):
    method = randomise(Ccfpse(CCFPSE.tiny)).eval()
    layout, calls = random_layout(), []
    monkeypatch.setattr(
        method.generator.head_0.gen_weights1[0], "forward", lambda x: calls.append(x.shape) or torch.zeros(2, 32, 4, 4)
    )
    images = method.synthesize(layout, noise(6, CCFPSE.tiny.z_size))
    assert images.shape == (6, 3, 64, 64)
    assert calls == [(2, 8 + 16, 4, 4)]


def test_layers_are_counted_as_if_all_taps_were_predicted_at_once():
    predictor, x, hidden = TapPredictor(3, 5), noise(1, 5, 6, 7), noise(1, 3, 6, 7, seed=1)
    found = Macs().measure(predictor, lambda: convolve_by_pixel(x, hidden, predictor))
    assert found["gmacs"] * 1e9 == pytest.approx(6 * 7 * 45 * 27)
    assert found["gmacs_paper"] * 1e9 == pytest.approx(6 * 7 * 45 * (27 + 1))


def test_blocks_never_widen():
    with pytest.raises(ValueError, match="never widen, but b has 4 inputs, 6 outputs"):
        ConditionalBlock(Stage("b", 4, 6), lambda *_: nn.Identity(), CCFPSE.tiny)


def counted(config):
    with torch.device("meta"):
        network = CcfpseGenerator(config)
    stored = sum(value.numel() for value in network.state_dict().values())
    return sum(parameter.numel() for parameter in network.parameters()), stored


# Of the authors' code; `stored` counts running statistics and singular vectors, too.
@pytest.mark.parametrize(
    ("dataset", "parameters", "without_z", "stored"),
    [
        ("cityscapes", 128_055_555, None, 128_117_761),
        ("ade20k", 140_704_323, 125_254_211, 140_765_769),
        ("coco-stuff", 141_939_843, 126_793_859, 142_001_586),
    ],
)
def test_generator_has_exactly_the_authors_parameters(dataset, parameters, without_z, stored):
    config = CCFPSE.configs[dataset]
    assert counted(config) == (parameters, stored)
    assert parameters - counted(replace(config, unused_norms=False))[0] == 26_112
    if without_z is not None:
        assert counted(replace(config, z_size=None))[0] == without_z


def test_encoder_has_exactly_the_authors_parameters():
    with torch.device("meta"):
        method = Ccfpse(CCFPSE.configs["cityscapes"])
    assert sum(parameter.numel() for parameter in method.encoder.parameters()) == 10_463_424


@torch.no_grad()
def test_recipe_gives_every_feature_a_quarter_of_twenty():
    method = randomise(Ccfpse(CCFPSE.tiny)).eval()
    recipe = replace(CCFPSE.recipes["ade20k"], discriminator_width=4)
    layout, photos = random_layout(), noise(2, 3, 64, 64, seed=3).clamp(-1, 1)
    game = recipe.objective(method, 8).eval()
    randomise(game.discriminator, seed=1)
    style = method.sample_style(layout, streams(2))
    losses = game.generator_losses(photos, layout, style)
    z, divergence = method.encode_style(photos, layout, style)
    fake = method.synthesize(layout, z)
    (features, logits), (wanted, real_logits) = (game.discriminator(x, layout.onehot()) for x in (fake, photos))
    matched = sum((a - b).abs().mean() for a, b in zip(features, wanted, strict=True))
    torch.testing.assert_close(losses["GAN_Feat"], matched * 20 / 4, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(losses["GAN"], -sum(x.mean() for x in logits) / 3, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["KLD"], 0.05 * divergence.sum())
    told = game.discriminator_losses(photos, layout, style)
    torch.testing.assert_close(told["D_Fake"], sum(F.relu(1 + x).mean() for x in logits) / 3, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(told["D_real"], sum(F.relu(1 - x).mean() for x in real_logits) / 3, rtol=1e-4, atol=1e-5)


def test_recipes_are_the_released_ones():
    for dataset, decay in (("cityscapes", 100), ("ade20k", 100), ("coco-stuff", 0)):
        recipe = CCFPSE.recipes[dataset]
        assert (recipe.batch, recipe.epochs, recipe.decay_epochs) == (32, 100, decay)
        assert (recipe.lr_generator, recipe.lr_discriminator, recipe.betas) == (1e-4, 4e-4, (0.0, 0.9))
        assert (recipe.perceptual, recipe.kl, recipe.pixel) == (10, 0.05, 0)
