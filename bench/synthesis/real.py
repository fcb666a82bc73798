"""The real photos as a method: what a perfect generator would score under the same protocol.

Its row is the upper reference of every segmentation score, and its FID that of one split against the reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.datasets import DATASETS
from models.base import Layout, Method, MethodSpec


@dataclass(frozen=True)
class RealConfig:
    """Nothing to choose."""


class Real(Method[Tensor]):
    """Style: the photo itself, [N, 3, H, W]."""

    scope = "none"
    needs_photo = True

    def __init__(self, config: RealConfig) -> None:
        super().__init__()
        self.config = config
        self.generator: nn.Module = nn.Identity()
        self.encoder: nn.Module = nn.Identity()

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Hold the place of the photo; nothing is drawn."""
        height, width = layout.labels.shape[1:]
        return torch.zeros(len(layout), 3, height, width, device=layout.labels.device)

    def encode_style(self, images: Tensor, layout: Layout, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Take the photo."""
        return images, images.new_zeros(len(images))

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Show the photo."""
        images: Tensor = self.generator(style)
        return images


REAL = MethodSpec(
    name="real",
    paper="none: the photos of the data set",
    scope="none",
    build=Real,
    configs=dict.fromkeys(DATASETS, RealConfig()),
    tiny=RealConfig(),
    note="the real photos of the label maps, resized as the networks see them: an upper reference, not a method",
)
