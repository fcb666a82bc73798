"""DMIT: the norm against a plain one, one network for both domains, and a game in both directions."""

from dataclasses import replace

import torch
from random_layouts import photos, randomise, rng, streams, unpaired

from models import METHODS
from models.dmit import DMIT, DmitConfig, DmitRecipe
from models.parts.central_bias import CentralBias
from models.parts.encoders import divergence
from models.training.initial_weights import initialise

NARROW = DmitConfig(1, 32, 32, channels=4, content_blocks=1, decoder_blocks=1, style_blocks=3, dropout=0.0)
RECIPE = DmitRecipe(discriminator_width=4, discriminator_layers=1, content_layers=1)


def test_the_norm_is_the_plain_one_with_a_bounded_shift():
    norm = randomise(CentralBias(3, 4))
    x, condition = torch.randn(2, 3, 4, 4, generator=rng()), 9 * torch.randn(2, 4, generator=rng(1))
    got = norm(x, condition)
    for n in range(2):
        for c in range(3):
            plain = (x[n, c] - x[n, c].mean()) / (x[n, c].var(unbiased=False) + 1e-5).sqrt()
            shift = torch.tanh(condition[n] @ norm.fc.weight[c] + norm.fc.bias[c])
            torch.testing.assert_close(got[n, c], plain + shift, rtol=1e-5, atol=1e-5)


def test_sizes_are_those_of_the_authors():
    config = DMIT.configs["summer2winter-yosemite"]
    assert (config.channels, config.downs, config.content_blocks, config.decoder_blocks) == (64, 2, 4, 6)
    assert (config.style_blocks, config.style_size) == (4, 8)
    recipe = DMIT.recipes["summer2winter-yosemite"]
    weights = (recipe.cycle, recipe.identity, recipe.style, recipe.content, recipe.kl, recipe.diversity)
    assert weights == (10, 10, 1, 1, 0.01, 0.05)
    schedule = (recipe.lr_generator, recipe.lr_discriminator, recipe.epochs, recipe.decay_epochs, recipe.batch)
    assert schedule == (1e-4, 1e-4, 100, 100, 1)
    assert "re-constructed" in METHODS["dmit"][1].lower()


def test_the_same_network_draws_both_domains_and_is_told_which():
    method = randomise(DMIT.build(NARROW)).eval()
    content = method.generator.content(photos())
    style = torch.randn(2, 8, generator=rng(1))
    a, b = (method.generator.decode(content, domain, style) for domain in (0, 1))
    assert (a - b).abs().mean() > 1e-3
    assert torch.equal(method.synthesize(replace(unpaired(), sources=photos()), style), b)


def test_all_terms_are_there_in_both_directions_and_finite():
    made = RECIPE.objective(DMIT.build(NARROW), 3)
    initialise(made, RECIPE.init_gain, rng())
    layout, images = unpaired(), photos(seed=7)
    noise = made.method.sample_style(layout, streams(2))
    torch.manual_seed(0)
    losses = made.generator_losses(images, layout, noise)
    names = ("identity", "cycle", "content", "style", "kl", "encoded", "random", "undecided", "diversity")
    assert losses.keys() == {f"{name}_{letter}" for name in names for letter in "ab"}
    assert all(value.isfinite() for value in losses.values())
    assert losses["diversity_a"] < 0 < losses["cycle_a"]
    torch.manual_seed(0)
    crossing, generator = made.cross(images, layout, noise), made.method.generator
    again = generator.content(crossing.encoded[0])
    cycled = generator.decode(again, 1, crossing.styles[1])
    torch.testing.assert_close(losses["cycle_b"], 10 * (cycled - images).abs().mean())
    mean, log_variance = made.method.encoder(layout.sources)
    torch.testing.assert_close(losses["kl_a"], 0.01 * divergence(mean, log_variance).mean())
    assert torch.equal(crossing.encoded[1], generator.decode(crossing.contents[0], 1, crossing.styles[1]))


def test_the_discriminators_know_the_domain_and_contents_shall_not():
    made = RECIPE.objective(DMIT.build(NARROW), 3)
    randomise(made)
    layout, images = unpaired(), photos(seed=7)
    seen = []
    made.discriminator["random"].register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    losses = made.discriminator_losses(images, layout, made.method.sample_style(layout, streams(2)))
    assert [x[:, 3:].mean((0, 2, 3)).tolist() for x in seen] == [[1, 0], [1, 0], [0, 1], [0, 1]]
    assert torch.equal(seen[1][:, :3], layout.sources)
    told = made.discriminator["content"](made.method.generator.content(images))
    torch.testing.assert_close(losses["D_content_b"], (told - 1).square().mean())
