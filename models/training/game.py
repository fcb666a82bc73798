"""An adversarial training as a game: the losses of generator and encoder (player G) and of the discriminator (D)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from models.base import Layout, Method
from models.training.vgg19 import Vgg19

Player = Literal["G", "D"]


class Game(nn.Module, ABC):
    """Both players' losses for one method, with the discriminator and, if there is one, the perceptual network.

    In every step of a training each player in turn is asked for its terms and updated by the gradient of their sum.
    """

    order: tuple[Player, ...] = ("G", "D")
    discriminator: nn.Module

    def __init__(self, method: Method[Any], perceptual: Vgg19 | None = None) -> None:
        super().__init__()
        self.method = method
        self.perceptual = perceptual
        self.fake: Tensor | None = None  # the generator step's images, for the log and for the D step
        self.parts = 1  # how many parts a batch is computed in, over all processes
        self.shared = torch.default_generator  # for random numbers that all parts of a batch have in common

    def prepare(self, layout: Layout, total: Callable[[Tensor], Tensor]) -> None:
        """Measure what all parts of a batch need to know of it; `total` adds a tensor up over the processes."""

    def losses(self, player: Player, images: Tensor, layout: Layout, noise: Any) -> dict[str, Tensor]:  # noqa: ANN401
        """Weighted terms of one player; `noise` is the method's style of the prior, drawn for this player's step."""
        terms = self.generator_losses if player == "G" else self.discriminator_losses
        return terms(images, layout, noise)

    @abstractmethod
    def generator_losses(self, images: Tensor, layout: Layout, noise: Any) -> dict[str, Tensor]:  # noqa: ANN401
        """Weighted terms for generator and encoder; names are those of the authors' logs."""

    @abstractmethod
    def discriminator_losses(self, images: Tensor, layout: Layout, noise: Any) -> dict[str, Tensor]:  # noqa: ANN401
        """Weighted terms for the discriminator."""
