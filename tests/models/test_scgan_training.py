"""SC-GAN's losses and recipes."""

import pytest
import torch
from random_layouts import random_layout, randomise, streams
from variant_networks import noise, spec_of, tiny

from models.scgan.method import SCGAN, SCGAN_OASIS
from models.scgan.training import ScganOasisRecipe, ScganRecipe
from models.training.fpse_discriminator import FpseDiscriminator
from models.training.losses import hinge_discriminator, hinge_generator
from models.training.multiscale_discriminator import MultiscaleDiscriminator
from models.training.oasis_discriminator import OasisDiscriminator, label_mix, segmented_as_fake, segmented_as_real
from models.training.vgg19 import PerceptualLoss


def game(recipe, **changes):
    method, layout = tiny("scgan", **changes), random_layout()
    made = recipe.objective(method, method.planes(layout).shape[1]).eval()
    randomise(made.discriminator, seed=1)
    return made, noise(2, 3, 64, 64, seed=3).clamp(-1, 1), layout


@torch.no_grad()
@pytest.mark.parametrize("kind", ["l1", "l2", "vgg"])
def test_generator_terms_are_weighted_as_the_recipe_says(kind):
    made, photos, layout = game(ScganRecipe(discriminator_width=4, vector_loss=kind, vector_weight=3.0, pixel=5.0))
    made.perceptual = randomise(PerceptualLoss(made.recipe.perceptual_layers), seed=2)
    losses = made.generator_losses(photos, layout, None)
    image, vector_image = made.method.draw(layout, None)
    planes = made.method.planes(layout)
    features, logits = made.discriminator(torch.cat([image, photos]), torch.cat([planes, planes]))
    distance = {"l1": (vector_image - photos).abs().mean(), "l2": (vector_image - photos).square().mean()}
    expected = {
        "GAN": -torch.stack([level[:2].mean() for level in logits]).mean(),
        # Every feature counts 10 / 4 (facts of the released code: lambda_feat over the number of features).
        "GAN_Feat": sum(10 / 4 * (feature[:2] - feature[2:]).abs().mean() for feature in features),
        "VGG": 10 * made.perceptual(image, photos),
        "L1": 5 * (image - photos).abs().mean(),
        f"W_Recon_{kind}": 3 * (made.perceptual(vector_image, photos) if kind == "vgg" else distance[kind]),
    }
    assert losses.keys() == expected.keys()
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name], msg=name)
    assert len(features) == 4
    assert len(logits) == 3


@torch.no_grad()
def test_faces_are_judged_by_patches_of_two_scales_and_pay_for_what_the_style_says():
    recipe = SCGAN.recipes["celebamask-hq"]
    made, photos, layout = game(recipe, z_size=6, encoder=spec_of("vspade").tiny.encoder)
    assert isinstance(made.discriminator, MultiscaleDiscriminator)
    style = made.method.sample_style(layout, streams(2))
    losses = made.generator_losses(photos, layout, style)
    moved, divergence = made.method.encode_style(photos, layout, style)
    image, vector_image = made.method.draw(layout, moved)
    fakes, reals = made.discriminator.judge(made.method.planes(layout), image, photos)
    matched = sum(
        10 / 2 * (fake - real).abs().mean()
        for scale, others in zip(fakes, reals, strict=True)
        for fake, real in zip(scale[:-1], others[:-1], strict=True)
    )
    expected = {
        "GAN": hinge_generator(fakes),
        "GAN_Feat": matched,
        "KLD": 0.05 * divergence.mean(),  # one image per GPU
        "W_Recon_l1": (vector_image - photos).abs().mean(),
    }
    assert losses.keys() == expected.keys()
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name], msg=name)


def test_discriminator_terms_are_hinges_on_fakes_that_carry_no_gradient():
    made, photos, layout = game(ScganRecipe(discriminator_width=4))
    made.method.requires_grad_(True)
    losses = made.discriminator_losses(photos, layout, None)
    assert isinstance(made.discriminator, FpseDiscriminator)
    with torch.no_grad():
        fakes, reals = made.discriminator.judge(
            made.method.planes(layout), made.method.synthesize(layout, None), photos
        )
    torch.testing.assert_close(losses["D_Fake"], hinge_discriminator(fakes, real=False))
    torch.testing.assert_close(losses["D_real"], hinge_discriminator(reals, real=True))
    sum(losses.values()).backward()
    assert all(parameter.grad is None for parameter in made.method.parameters())


def test_without_a_loss_on_vectors_there_is_neither_term_nor_image():
    spec = spec_of("scgan-no-vector-loss")
    made, photos, layout = game(spec.tiny_recipe, draws_vectors=False)
    losses = made.generator_losses(photos, layout, None)
    assert losses.keys() == {"GAN", "GAN_Feat", "L1"}
    assert not any("toRGB" in name for name, _ in spec.build(spec.tiny).named_parameters())


def test_a_loss_by_vgg_features_needs_them():
    made, photos, layout = game(ScganRecipe(discriminator_width=4, vector_loss="vgg"))
    with pytest.raises(ValueError, match="needs the perceptual network"):
        made.generator_losses(photos, layout, None)


@torch.no_grad()
def test_the_vectors_image_that_is_kept_is_the_generator_steps():
    made, photos, layout = game(ScganRecipe(discriminator_width=4))
    assert made.vector_image is None
    made.generator_losses(photos, layout, None)
    assert torch.equal(made.vector_image, made.method.draw(layout, None)[1])


def test_the_vector_generator_learns_from_both_images():
    made, photos, layout = game(ScganRecipe(discriminator_width=4))
    weight = made.method.requires_grad_(True).generator.pyramid_spaital_routing.labelDec1[0].weight_orig
    losses = made.generator_losses(photos, layout, None)
    for name in ("W_Recon_l1", "GAN"):
        (gradient,) = torch.autograd.grad(losses[name], weight, retain_graph=True)
        assert gradient.abs().max() > 0


def test_recipes_are_the_papers():
    faces, streets, scenes, things = (SCGAN.recipes[n] for n in ("celebamask-hq", "cityscapes", "ade20k", "coco-stuff"))
    assert [(r.batch, r.epochs, r.decay_epochs) for r in (faces, streets, scenes, things)] == [
        (8, 50, 50), (16, 100, 100), (16, 100, 100), (16, 100, 0),
    ]  # fmt: skip
    assert [(r.discriminator, r.vector_loss, r.vector_weight) for r in (faces, streets, scenes, things)] == [
        ("spade", "l1", 1.0), ("fpse", "l1", 2.0), ("fpse", "l1", 2.0), ("fpse", "l1", 2.0),
    ]  # fmt: skip
    for recipe in SCGAN.recipes.values():
        assert (recipe.lr_generator, recipe.lr_discriminator, recipe.betas) == (1e-4, 4e-4, (0.0, 0.999))
        assert (recipe.perceptual, recipe.kl, recipe.pixel, recipe.init_gain) == (10, 0.05, 0, 0.02)
        assert (recipe.discriminator_width, recipe.discriminator_layers, recipe.redraw_fake) == (64, 4, True)
        assert recipe.feature_matching == (10 if recipe.discriminator == "spade" else 10 * 3 / 4)


def test_tiny_recipes_have_no_perceptual_network():
    for name in ("scgan", "scgan-vector-loss-l2", "scgan-vector-loss-vgg"):
        recipe = spec_of(name).tiny_recipe
        assert (recipe.perceptual, recipe.discriminator) == (0, "fpse")
        assert recipe.vector_loss == ("l2" if name.endswith("l2") else "l1")


def segmenting_game(unknown, **changes):
    recipe = ScganOasisRecipe(discriminator_width=4, discriminator_depth=4, unknown=unknown, vector_weight=3.0)
    return game(recipe, **changes)


@torch.no_grad()
@pytest.mark.parametrize("unknown", [None, 0, 7])
def test_a_segmenter_takes_the_place_of_the_discriminator(unknown):
    made, photos, layout = segmenting_game(unknown, edges=True)
    assert isinstance(made.discriminator, OasisDiscriminator)
    channels = {None: layout.labels + 1, 0: layout.labels, 7: (layout.labels + 1) % 8}[unknown]
    assert made.discriminator.layer_up_last.out_channels == 1 + (9 if unknown is None else 8)  # edges are no class
    losses = made.generator_losses(photos, layout, None)
    image, vector_image = made.method.draw(layout, None)
    of_fake, of_real = made.discriminator(image), made.discriminator(photos)
    assert losses.keys() == {"GAN", "W_Recon_l1"}
    torch.testing.assert_close(losses["GAN"], segmented_as_real(of_fake, channels))
    torch.testing.assert_close(losses["W_Recon_l1"], 3 * (vector_image - photos).abs().mean())
    torch.manual_seed(5)
    told = made.discriminator_losses(photos, layout, None)
    torch.manual_seed(5)
    from_real = torch.randint(2, (9 if unknown is None else 8,)).bool()
    of_mixed = made.discriminator(label_mix(photos, image, channels, from_real))
    expected = 10 * (label_mix(of_real, of_fake, channels, from_real) - of_mixed).square().mean()
    torch.testing.assert_close(told["LabelMix"], expected)
    torch.testing.assert_close(told["D_Fake"], segmented_as_fake(of_fake))
    torch.testing.assert_close(told["D_real"], segmented_as_real(of_real, channels))


@torch.no_grad()
def test_a_segmenter_leaves_the_perceptual_loss_as_it_was():
    made, photos, layout = segmenting_game(0)
    made.perceptual = randomise(PerceptualLoss(made.recipe.perceptual_layers), seed=2)
    image, _ = made.method.draw(layout, None)
    torch.testing.assert_close(made.generator_losses(photos, layout, None)["VGG"], 10 * made.perceptual(image, photos))


def test_recipes_with_oasis_are_both_papers():
    assert SCGAN_OASIS.configs == {name: SCGAN.configs[name] for name in ("cityscapes", "ade20k")}
    assert SCGAN_OASIS.tiny == SCGAN.tiny
    averages = {name: (recipe.average, recipe.label_mix) for name, recipe in SCGAN_OASIS.recipes.items()}
    assert averages == {"cityscapes": (0.999, 5.0), "ade20k": (0.9999, 10.0)}
    for name, recipe in SCGAN_OASIS.recipes.items():
        plain = SCGAN.recipes[name]
        for field in ("batch", "epochs", "decay_epochs", "lr_generator", "lr_discriminator", "betas", "perceptual"):
            assert getattr(recipe, field) == getattr(plain, field)
        assert (recipe.vector_loss, recipe.vector_weight, recipe.unknown) == ("l1", 2.0, 0)
    assert SCGAN_OASIS.note.startswith("Re-constructed: nothing was released.")
    assert not any(SCGAN_OASIS.files.values())
