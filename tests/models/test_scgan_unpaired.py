"""SC-GAN between domains: which photo plays which part."""

from dataclasses import replace

import pytest
import torch
from random_layouts import photos, randomise, streams, unpaired

from models import METHODS
from models.parts.decoder import tiny_stages
from models.scgan.network import ScganConfig
from models.scgan.unpaired import SCGAN_UNPAIRED, ScganUnpairedRecipe

NARROW = ScganConfig(
    3, 64, 64, stages=tiny_stages(2), vector_widths=(8, 4, 4, 4, 4), hidden=4, temperature=3.0, candidates=2
)
RECIPE = ScganUnpairedRecipe(discriminator_width=4, discriminator_layers=2, perceptual=0.0)


@pytest.fixture
def method():
    return randomise(SCGAN_UNPAIRED.build(NARROW)).eval()


def test_the_vectors_read_the_reference_and_the_first_grid_the_source(method):
    layout, reference, seen = unpaired(side=64), photos(side=64, seed=3), {}
    generator = method.generator
    generator.pyramid_spaital_routing.register_forward_pre_hook(lambda _, x: seen.update(vectors=x[0][-1]))
    generator.fc.register_forward_pre_hook(lambda _, x: seen.update(start=x[0]))
    images = method.synthesize(layout, reference)
    assert torch.equal(seen["vectors"], reference)
    assert torch.equal(seen["start"], layout.sources[:, :, ::16, ::16])
    assert torch.equal(images, method.draw(layout, reference)[0])
    for other in (
        method.synthesize(unpaired(side=64, seed=8), reference),
        method.synthesize(layout, reference.flip(0)),
    ):
        assert (other - images).abs().mean() > 1e-3


def test_the_style_is_the_photo_itself_and_grey_without_one(method):
    layout, reference = unpaired(side=64), photos(side=64, seed=3)
    style, rest = method.encode_style(reference, layout, method.sample_style(layout, streams(2)))
    assert torch.equal(style, reference)
    assert rest.tolist() == [0, 0]
    assert method.sample_style(layout, streams(2)).abs().max() == 0
    assert method.needs_photo


class SquaredDistance(torch.nn.Module):
    """In place of the perceptual network."""

    def forward(self, fake, real):
        return (fake - real).square().mean()


def test_drawings_resemble_the_source_and_are_judged_beside_the_reference():
    made = replace(RECIPE, perceptual=10.0).objective(randomise(SCGAN_UNPAIRED.build(NARROW)), 0)
    randomise(made.discriminator, seed=1)
    made.perceptual = SquaredDistance()
    layout, images, seen = unpaired(side=64), photos(side=64, seed=3), []
    made.discriminator.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    losses = made.eval().generator_losses(images, layout, None)
    fake, vector_image = made.method.draw(layout, images)
    assert torch.equal(seen[0], torch.cat([fake, images]))  # three channels: no layout beside them
    torch.testing.assert_close(losses["VGG"], 10 * (fake - layout.sources).square().mean())
    torch.testing.assert_close(losses["W_Recon_l1"], 2 * (vector_image - images).abs().mean())
    assert losses.keys() == {"GAN", "GAN_Feat", "VGG", "W_Recon_l1"}


def test_it_says_that_it_is_re_constructed():
    assert "re-constructed" in METHODS["scgan-unpaired"][1]
    assert SCGAN_UNPAIRED.note.startswith("Re-constructed")
    recipe = SCGAN_UNPAIRED.recipes["summer2winter-yosemite"]
    assert (recipe.feature_matching, recipe.perceptual, recipe.vector_weight, recipe.discriminator) == (
        10,
        10,
        2,
        "spade",
    )
    assert (recipe.lr_generator, recipe.lr_discriminator, recipe.betas) == (1e-4, 4e-4, (0.0, 0.999))
