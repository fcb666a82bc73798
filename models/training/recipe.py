"""How the adversarial methods are trained: the numbers of a recipe, and the losses they stand for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, Method
from models.training.discriminators import MultiscaleDiscriminator, PlainDiscriminator
from models.training.fpse import FpseDiscriminator
from models.training.initial_weights import Gain
from models.training.losses import (
    Judgement,
    PerceptualLoss,
    Vgg19,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    least_squares,
)

Player = Literal["G", "D"]


@dataclass(frozen=True)
class Schedule(ABC):
    """What every recipe says, whatever the losses: how long, how fast, and from which weights."""

    batch: int = 32
    epochs: int = 100  # at the full rate
    decay_epochs: int = 100  # then linearly towards zero
    lr_generator: float = 1e-4  # generator and encoder share one Adam
    lr_discriminator: float = 4e-4
    betas: tuple[float, float] = (0.0, 0.9)
    weight_decay: float = 0.0  # of both players' Adam
    init_gain: Gain = 0.02
    crop: bool = True  # cut training items out of their larger form, where the data set has one
    flip: bool = True  # mirror half of the training items
    epoch_images: int | None = None  # images that count as an epoch; None = the whole training split
    average: float | None = None  # decay of a running mean of all weights, which is what counts in the end
    perceptual: float = 0.0  # weight of the VGG19 loss
    perceptual_layers: tuple[float, ...] = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)

    @abstractmethod
    def objective(self, method: Any, num_planes: int) -> Game:  # noqa: ANN401 - the recipe's own kind of method
        """Build the losses for a method whose discriminator sees `num_planes` planes of the layout."""

    def perceptual_network(self) -> Vgg19:
        """Build the network of the VGG19 loss, without its weights."""
        return PerceptualLoss(self.perceptual_layers)

    def learning_rate_factor(self, epoch: int) -> float:
        """Fraction of the initial rate in this epoch, counted from 1; the first decaying epoch still runs in full."""
        decayed = max(0, epoch - 1 - self.epochs)
        return 1.0 - decayed / self.decay_epochs if self.decay_epochs else 1.0

    def rate_at(self, step: int, steps_per_epoch: int) -> float:
        """Fraction of the initial rate in this step, counted from 0."""
        return self.learning_rate_factor(1 + step // steps_per_epoch)


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


class Game(nn.Module, ABC):
    """Two players' losses for one method; holds the discriminator and, if there is one, the perceptual network.

    In a step of training each player in turn is asked for its terms, whose sum it then descends.
    """

    order: tuple[Player, ...] = ("G", "D")
    discriminator: nn.Module

    def __init__(self, method: Method[Any], perceptual: Vgg19 | None = None) -> None:
        super().__init__()
        self.method = method
        self.perceptual = perceptual
        self.fake: Tensor | None = None  # the generator step's images, for the log and for the D step
        self.parts = 1  # that a batch comes in, over all processes
        self.shared = torch.default_generator  # of what is drawn once for all parts of a batch

    def prepare(self, layout: Layout, total: Callable[[Tensor], Tensor]) -> None:
        """Look at all of a batch that this process has, before its parts; `total` adds up over processes."""

    def losses(self, player: Player, images: Tensor, layout: Layout, noise: Any) -> dict[str, Tensor]:  # noqa: ANN401
        """Weighted terms of one player; `noise` is the method's style of the prior, drawn for this player's step."""
        terms = self.generator_losses if player == "G" else self.discriminator_losses
        return terms(images, layout, noise)

    @abstractmethod
    def generator_losses(self, images: Tensor, layout: Layout, noise: Any) -> dict[str, Tensor]:  # noqa: ANN401
        """Weighted terms for generator and encoder; names are those of the authors' logs."""

    @abstractmethod
    def discriminator_losses(self, images: Tensor, layout: Layout, noise: Any) -> dict[str, Tensor]:  # noqa: ANN401
        """Terms for the discriminator."""


class Objective(Game):
    """The game of SPADE's family and of pix2pixHD."""

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
        """Choose the photos that drawings shall resemble."""
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
