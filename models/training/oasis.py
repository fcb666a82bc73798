"""How OASIS is trained, whose discriminator is a segmenter; SC-GAN was trained so, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from models.base import Layout, Method
from models.training.game import Game
from models.training.oasis_discriminator import (
    OasisDiscriminator,
    counted,
    label_mix,
    segmented_as_fake,
    segmented_as_real,
)
from models.training.schedule import Schedule
from models.training.vgg19 import PerceptualLoss


@dataclass(frozen=True)
class OasisRecipe(Schedule):
    """The released code's recipe; its authors keep the weights of the best FID, we those of the last epoch."""

    epochs: int = 200
    decay_epochs: int = 0
    betas: tuple[float, float] = (0.0, 0.999)
    average: float | None = 0.9999
    label_mix: float = 10.0
    discriminator_width: int = 64
    discriminator_depth: int = 6

    def objective(self, method: Any, num_planes: int) -> OasisObjective:  # noqa: ANN401 - has `channels`, as Oasis
        """Build the losses for a method whose discriminator tells `num_planes` channels and "fake" apart."""
        return OasisObjective(method, self, num_planes)


class OasisObjective(Game):
    """The losses of OASIS: fakes shall be segmented as their labels, and told from photos pixel by pixel."""

    method: Any
    perceptual: PerceptualLoss | None

    def __init__(
        self, method: Method[Any], recipe: OasisRecipe, num_channels: int, perceptual: PerceptualLoss | None = None
    ) -> None:
        super().__init__(method, perceptual)
        self.recipe, self.num_channels = recipe, num_channels
        self.pixels: Tensor | None = None  # of every channel in the batch, where it comes in parts
        self.discriminator = OasisDiscriminator(
            num_channels, width=recipe.discriminator_width, depth=recipe.discriminator_depth
        )

    def channels(self, layout: Layout) -> Tensor:
        """Number the classes, the unknown one first: [N, H, W]."""
        channels: Tensor = self.method.channels(layout)
        return channels

    def prepare(self, layout: Layout, total: Callable[[Tensor], Tensor]) -> None:
        """Count the channels' pixels, by which both players' losses are balanced."""
        self.pixels = total(counted(self.channels(layout), self.num_channels))

    def draw(self, layout: Layout, noise: Tensor | None) -> Tensor:
        """Draw the training image."""
        image: Tensor = self.method.synthesize(layout, noise)
        return image

    def generator_losses(self, images: Tensor, layout: Layout, noise: Tensor | None) -> dict[str, Tensor]:
        """Weighted terms for the generator; the published networks were trained without a perceptual loss."""
        fake = self.draw(layout, noise)
        self.fake = fake.detach()
        losses = {"GAN": segmented_as_real(self.discriminator(fake), self.channels(layout), self.pixels)}
        if self.perceptual is not None and self.recipe.perceptual:
            losses["VGG"] = self.recipe.perceptual * self.perceptual(fake, images)
        return losses

    def discriminator_losses(self, images: Tensor, layout: Layout, noise: Tensor | None) -> dict[str, Tensor]:
        """Terms for the discriminator, on fakes drawn anew; it shall judge a mixture as the mixture of its parts."""
        channels = self.channels(layout)
        with torch.no_grad():
            self.fake = self.draw(layout, noise)
        coins = torch.randint(2, (self.num_channels,), generator=self.shared)
        from_real = coins.bool().to(channels.device)
        of_fake, of_real = self.discriminator(self.fake), self.discriminator(images)
        of_mixed = self.discriminator(label_mix(images, self.fake, channels, from_real))
        mixed = label_mix(of_real.float(), of_fake.float(), channels, from_real)
        return {
            "D_Fake": segmented_as_fake(of_fake),
            "D_real": segmented_as_real(of_real, channels, self.pixels),
            "LabelMix": self.recipe.label_mix * F.mse_loss(mixed, of_mixed.float()),
        }
