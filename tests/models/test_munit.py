"""MUNIT's operators against plain ones, its keys and sizes, and its game."""

from dataclasses import replace

import pytest
import torch
from random_layouts import photos, random_layout, randomise, rng, streams, unpaired
from torch.nn import functional as F

from models.munit import MUNIT, MunitConfig, MunitRecipe
from models.parts.content_and_style import AdaptiveNorm, LayerNorm
from models.training.initial_weights import initialise

NARROW = MunitConfig(1, 32, 32, channels=4, blocks=2, style_downs=3, hidden=12)
RECIPE = MunitRecipe(discriminator_width=4, discriminator_layers=2, discriminator_scales=2)


def built(config=NARROW, seed=0):
    return randomise(MUNIT.build(config), seed).eval()


def test_adaptive_norm_is_the_plain_one_with_the_shifts_first():
    x, parameters = torch.randn(3, 5, 4, 6, generator=rng()), torch.randn(3, 10, generator=rng(1))
    got = AdaptiveNorm(5)(x, parameters)
    for n in range(3):
        for c in range(5):
            plane = x[n, c].double()
            plain = (plane - plane.mean()) / (plane.var(unbiased=False) + 1e-5).sqrt()
            wanted = plain * parameters[n, 5 + c].double() + parameters[n, c].double()
            torch.testing.assert_close(got[n, c].double(), wanted, rtol=1e-5, atol=1e-5)


def test_layer_norm_is_the_plain_one_by_the_unbiased_deviation():
    norm = randomise(LayerNorm(3))
    x = 5 * torch.randn(2, 3, 2, 2, generator=rng()) + 1
    for n in range(2):
        values = x[n].double()
        plain = (values - values.mean()) / (values.std(unbiased=True) + 1e-5)
        wanted = plain * norm.gamma.double()[:, None, None] + norm.beta.double()[:, None, None]
        torch.testing.assert_close(norm(x)[n].double(), wanted, rtol=1e-5, atol=1e-5)


def test_every_norm_of_the_decoder_takes_parameters_of_its_own_in_order():
    network, style = built().networks["b"], torch.randn(2, 8, generator=rng(3))
    content, seen = torch.randn(2, 16, 8, 8, generator=rng(4)), []
    for module in network.modules():
        if isinstance(module, AdaptiveNorm):
            module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    network.decode(content, style)
    x = style
    for number in range(3):
        layer = network.mlp.model[number].fc
        x = F.linear(x, layer.weight, layer.bias)
        x = F.relu(x) if number < 2 else x
    assert [tuple(part.shape) for part in seen] == [(2, 32)] * 4
    torch.testing.assert_close(torch.cat(seen, 1), x)


def test_the_paper_network_has_the_layers_of_the_configuration():
    with torch.device("meta"):
        method = MUNIT.build(MUNIT.configs["summer2winter-yosemite"])
        game = MUNIT.recipes["summer2winter-yosemite"].objective(method, 3)
    state = {key: tuple(value.shape) for key, value in method.generator.state_dict().items()}
    assert {key[0] for key in state} == {"a", "b"}
    expected = {
        "a.enc_content.model.0.conv.weight": (64, 3, 7, 7),
        "a.enc_content.model.2.conv.weight": (256, 128, 4, 4),
        "a.enc_content.model.3.model.3.model.1.conv.bias": (256,),
        "a.enc_style.model.4.conv.weight": (256, 256, 4, 4),
        "a.enc_style.model.6.weight": (8, 256, 1, 1),
        "b.dec.model.0.model.3.model.1.norm.running_mean": (256,),
        "b.dec.model.2.conv.weight": (128, 256, 5, 5),
        "b.dec.model.4.norm.gamma": (64,),
        "b.dec.model.5.conv.weight": (3, 64, 7, 7),
        "b.mlp.model.0.fc.weight": (256, 8),
        "b.mlp.model.2.fc.bias": (4096,),
    }
    assert {key: state.get(key) for key in expected} == expected
    assert sum(parameter.numel() for parameter in method.parameters()) == 30_052_374
    heads = [network[4].weight.shape for network in game.discriminator["b"].cnns]
    assert heads == [(1, 512, 1, 1)] * 3


def test_the_source_gives_the_content_and_the_target_the_style():
    method, layout = built(), unpaired()
    style, _ = method.encode_style(photos(seed=5), layout, method.sample_style(layout, streams(2)))
    drawn = method.synthesize(layout, style)
    a, b = method.networks["a"], method.networks["b"]
    assert torch.equal(drawn, b.decode(a.content(layout.sources), b.style(photos(seed=5))))
    assert (method.synthesize(unpaired(seed=9), style) - drawn).abs().mean() > 0.01
    other, _ = method.encode_style(photos(seed=6), layout, style)
    assert (method.synthesize(layout, other) - drawn).abs().mean() > 1e-3


def test_labels_are_painted_where_there_are_no_source_photos():
    method, layout = built(replace(NARROW, num_classes=8)), random_layout()
    assert method.planes(layout).shape == (2, 3, 64, 64)
    painted = replace(layout, sources=method.planes(layout))
    style = method.sample_style(layout, streams(2))
    assert torch.equal(method.synthesize(layout, style), method.synthesize(painted, style))
    assert len(method.planes(layout).permute(0, 2, 3, 1).reshape(-1, 3).unique(dim=0)) == 8


def game(seed=0, recipe=RECIPE):
    made = recipe.objective(MUNIT.build(NARROW), 3)
    initialise(made, recipe.init_gain, rng(seed))
    return made


def test_all_that_was_taken_apart_is_asked_back_in_both_directions():
    made, layout, images = game(), unpaired(), photos(seed=7)
    noise = torch.randn(2, 8, generator=rng(2))
    torch.manual_seed(3)
    losses = made.generator_losses(images, layout, noise)
    torch.manual_seed(3)
    codes = {"a": torch.randn_like(noise), "b": noise}
    of, nets = {"a": layout.sources, "b": images}, made.method.networks
    wanted = {}
    for here, there in (("a", "b"), ("b", "a")):
        content, style = nets[here].content(of[here]), nets[here].style(of[here])
        across = nets[there].decode(content, codes[there])
        into = nets[here].decode(nets[there].content(of[there]), codes[here])
        wanted[f"recon_x_{here}"] = 10 * (nets[here].decode(content, style) - of[here]).abs().mean()
        wanted[f"recon_s_{here}"] = (nets[here].style(into) - codes[here]).abs().mean()
        wanted[f"recon_c_{here}"] = (nets[there].content(across) - content).abs().mean()
        cycled = nets[here].decode(nets[there].content(across), style)
        wanted[f"cycrecon_x_{here}"] = 10 * (cycled - of[here]).abs().mean()
        wanted[f"adv_{here}"] = sum((scale[-1] - 1).square().mean() for scale in made.discriminator[here](into))
    assert losses.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(losses[name], value, msg=name)


def test_each_discriminator_judges_drawings_and_photos_of_its_domain():
    made, layout, images = game(), unpaired(), photos(seed=7)
    seen = {domain: [] for domain in "ab"}
    for domain in "ab":
        made.discriminator[domain].register_forward_pre_hook(lambda _, x, d=domain: seen[d].append(x[0]))
    losses = made.discriminator_losses(images, layout, torch.randn(2, 8, generator=rng(2)))
    assert torch.equal(seen["a"][1], layout.sources)
    assert torch.equal(seen["b"][1], images)
    assert losses["dis_real_a"] == sum((s[-1] - 1).square().mean() for s in made.discriminator["a"](layout.sources))
    assert not any(drawn.requires_grad for drawn, *_ in seen.values())


def test_weights_start_by_kaiming_and_those_of_the_discriminators_with_one_deviation():
    made = MunitRecipe().objective(MUNIT.build(replace(NARROW, channels=16)), 3)
    initialise(made, MunitRecipe().init_gain, rng())
    decoder = made.method.networks["b"].dec.model
    assert decoder[0].model[0].model[0].conv.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.03)
    assert made.discriminator["a"].cnns[0][3].conv.weight.std().item() == pytest.approx(0.02, rel=0.03)
    gamma = decoder[2].norm.gamma
    assert 0 <= gamma.min() < 0.2 < 0.8 < gamma.max() <= 1


def test_the_rate_is_halved_every_100_000_steps_and_all_is_over_after_a_million():
    recipe = MUNIT.recipes["summer2winter-yosemite"]
    rates = [recipe.rate_at(step, 1231) for step in (0, 99_999, 100_000, 250_000, 999_999)]
    assert rates == [1, 1, 0.5, 0.25, 0.5**9]
    assert recipe.epochs * 1231 == pytest.approx(1e6, rel=1e-3)
    assert (recipe.batch, recipe.weight_decay, recipe.crop, recipe.decay_epochs) == (1, 1e-4, False, 0)
    assert recipe.betas == (0.5, 0.999)
