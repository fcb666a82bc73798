"""SPADE's recipe, which most methods follow, with the losses that it weighs; its choices also give pix2pixHD's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from models.base import Layout, Method
from models.training.fpse_discriminator import FpseDiscriminator
from models.training.game import Game
from models.training.losses import Judgement, feature_matching, hinge_discriminator, hinge_generator, least_squares
from models.training.multiscale_discriminator import MultiscaleDiscriminator, PlainDiscriminator
from models.training.schedule import Schedule
from models.training.vgg19 import PerceptualLoss


@dataclass(frozen=True)
class Recipe(Schedule):
    """SPADE's recipe (paper section 4 and released code), which GroupDNet and INADE follow; the defaults are theirs."""

    adversarial: Literal["hinge", "least_squares"] = "hinge"
    feature_matching: float = 10.0
    first_matched: int = 0  # the first discriminator stage that is matched
    perceptual: float = 10.0
    pixel: float = 0.0  # L1 to the photo; not in the papers
    kl: float = 0.05  # per image on one GPU: the authors sum over the images of a GPU and average over GPUs
    images_per_gpu: int = 4
    discriminator: Literal["spade", "pix2pixhd", "fpse"] = "spade"
    discriminator_width: int = 64
    discriminator_layers: int = 4  # of the first two
    discriminator_last_stride: int = 1  # of the convolution before the logits
    redraw_fake: bool = True  # the discriminator's step draws its own fakes, as the papers' code does

    def objective(self, method: Method[Any], num_planes: int) -> Objective:
        """Build the losses for a method whose discriminator sees `num_planes` planes of the layout."""
        return Objective(method, self, num_planes)


# For 64x64 and minutes, not days: higher rates, full-size initial weights, L1 in place of a perceptual network.
# The number of epochs is a budget (100 steps each), not a property of the method.
TINY_RECIPE = Recipe(
    batch=8,
    epochs=15,
    decay_epochs=15,
    lr_generator=2e-3,
    lr_discriminator=1e-3,
    perceptual=0.0,
    pixel=10.0,
    images_per_gpu=1,
    discriminator_width=16,
    discriminator_layers=3,
    redraw_fake=False,
    init_gain=1.0,
    flip=False,  # the built-in data are lit from the left
    epoch_images=800,
)


class Objective(Game):
    """The losses of SPADE's family and of pix2pixHD: adversarial, feature matching, and likeness to the photo."""

    discriminator: MultiscaleDiscriminator | FpseDiscriminator
    perceptual: PerceptualLoss | None

    def __init__(
        self, method: Method[Any], recipe: Recipe, num_planes: int, perceptual: PerceptualLoss | None = None
    ) -> None:
        super().__init__(method, perceptual)
        self.recipe = recipe
        self.discriminator = _discriminator(recipe, num_planes)

    def draw(self, images: Tensor, layout: Layout, noise: Any) -> tuple[Tensor, Tensor | None]:  # noqa: ANN401
        """Draw the training image: with the posterior's style where the method reads photos, else with the prior's."""
        if self.method.encoder is None:
            return self.method.synthesize(layout, noise), None
        style, divergence = self.method.encode_style(images, layout, noise)
        return self.method.synthesize(layout, style), divergence

    def resembled(self, images: Tensor, layout: Layout) -> Tensor:
        """The photos that drawings are compared with."""
        return images

    def generator_losses(self, images: Tensor, layout: Layout, noise: Any) -> dict[str, Tensor]:  # noqa: ANN401
        """Weighted terms for generator and encoder; names are those of the authors' logs."""
        recipe = self.recipe
        fake, divergence = self.draw(images, layout, noise)
        self.fake = fake.detach()
        fakes, reals = self.discriminator.judge(self.method.planes(layout), fake, images)
        losses = {
            "GAN": self._fooling(fakes),
            "GAN_Feat": recipe.feature_matching * feature_matching(fakes, reals, recipe.first_matched),
        }
        if self.perceptual is not None and recipe.perceptual:
            losses["VGG"] = recipe.perceptual * self.perceptual(fake, self.resembled(images, layout))
        if recipe.pixel:
            losses["L1"] = recipe.pixel * F.l1_loss(fake.float(), self.resembled(images, layout))
        if divergence is not None:
            on_gpu = min(len(images) * self.parts, recipe.images_per_gpu)
            losses["KLD"] = recipe.kl * on_gpu * divergence.mean()
        return losses

    def discriminator_losses(self, images: Tensor, layout: Layout, noise: Any) -> dict[str, Tensor]:  # noqa: ANN401
        """Terms for the discriminator, on fakes drawn anew from `noise` unless the recipe re-uses the last ones."""
        if self.recipe.redraw_fake or self.fake is None:
            with torch.no_grad():
                self.fake, _ = self.draw(images, layout, noise)
        fakes, reals = self.discriminator.judge(self.method.planes(layout), self.fake, images)
        return {
            "D_Fake": self._telling(fakes, real=False),
            "D_real": self._telling(reals, real=True),
        }

    def _fooling(self, fakes: Judgement) -> Tensor:
        return hinge_generator(fakes) if self.recipe.adversarial == "hinge" else least_squares(fakes, real=True)

    def _telling(self, judged: Judgement, *, real: bool) -> Tensor:
        if self.recipe.adversarial == "hinge":
            return hinge_discriminator(judged, real=real)
        return 0.5 * least_squares(judged, real=real)


def _discriminator(recipe: Recipe, num_planes: int) -> MultiscaleDiscriminator | FpseDiscriminator:
    if recipe.discriminator == "fpse":
        return FpseDiscriminator(num_planes, width=recipe.discriminator_width)
    return (MultiscaleDiscriminator if recipe.discriminator == "spade" else PlainDiscriminator)(
        num_planes + 3,
        width=recipe.discriminator_width,
        layers=recipe.discriminator_layers,
        last_stride=recipe.discriminator_last_stride,
    )
