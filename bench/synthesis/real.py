"""The real photos as a method: what a perfect generator would score under the same protocol.

Its row is the upper reference of every segmentation score; its FID is that between val split and reference.
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
    """An empty config: the method has no choices."""


class Real(Method[Tensor]):
    """The method that gives the real photo; its style is the photo itself, [N, 3, H, W]."""

    scope = "none"
    needs_photo = True

    def __init__(self, config: RealConfig) -> None:
        super().__init__()
        self.config = config
        self.generator: nn.Module = nn.Identity()
        self.encoder: nn.Module = nn.Identity()

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Give an empty style, whose place the photo takes; nothing is random."""
        height, width = layout.labels.shape[1:]
        return torch.zeros(len(layout), 3, height, width, device=layout.labels.device)

    def encode_style(self, images: Tensor, layout: Layout, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Give the photo as its own style."""
        return images, images.new_zeros(len(images))

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Give the photo as the image."""
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
