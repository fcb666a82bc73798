"""What the recipes of all methods say alike: how long to train, how fast, on what, and from which weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from models.training.game import Game
from models.training.initial_weights import InitialWeights
from models.training.vgg19 import PerceptualLoss, Vgg19


@dataclass(frozen=True)
class Schedule(ABC):
    """The numbers that every recipe has, whatever its losses; a recipe adds those of its losses and builds them."""

    batch: int = 32
    epochs: int = 100  # at the full rate
    decay_epochs: int = 100  # then linearly towards zero
    lr_generator: float = 1e-4  # generator and encoder share one Adam
    lr_discriminator: float = 4e-4
    betas: tuple[float, float] = (0.0, 0.9)
    weight_decay: float = 0.0  # of both players' Adam
    init_gain: InitialWeights = 0.02
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
