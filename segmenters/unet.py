"""A plain UNet (Ronneberger et al., MICCAI 2015) of 0.1 million weights that reads the layouts of drawn persons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segmenters.parts.pixels import most_likely
from segmenters.parts.weights import load_frozen


class PaperdollsSegmenter(nn.Module):
    """Read label maps from images in [-1, 1]; it needs no other pre-processing."""

    def __init__(self, num_classes: int = 8, widths: Sequence[int] = (8, 16, 32, 64)) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.encoder = nn.ModuleList()
        for level, (inputs, outputs) in enumerate(zip((3, *widths), widths, strict=False)):
            self.encoder.append(nn.Sequential(_conv(inputs, outputs, 2 if level else 1), _conv(outputs, outputs)))
        self.decoder = Decoder(widths, num_classes)

    @classmethod
    def from_states(cls, states: Sequence[Mapping[str, Tensor]]) -> PaperdollsSegmenter:
        """Build the network of the shipped weights, frozen."""
        (state,) = states
        return load_frozen(cls, state)

    def logits(self, images: Tensor) -> Tensor:
        """Score every class at every pixel, [M, C, H, W]."""
        height, width = images.shape[-2:]
        if height % 8 or width % 8:
            raise ValueError(f"The paperdolls segmenter got images of {height}x{width}; both must be divisible by 8.")
        stages = []
        for stage in self.encoder:
            images = stage(images)
            stages.append(images)
        scores: Tensor = self.decoder(stages)
        return scores

    def forward(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        """Predict the label of every pixel, [M, *size] int64; the size must be that of the images."""
        if images.shape[-2:] != size:
            raise ValueError(f"The paperdolls segmenter got images of {tuple(images.shape[-2:])} for labels of {size}.")
        return most_likely(self.logits(images))


class Decoder(nn.Module):
    """Go from the stages of an encoder, finest first, to class scores at the size of the finest."""

    def __init__(self, widths: Sequence[int], num_classes: int) -> None:
        super().__init__()
        coarse_to_fine = list(widths)[::-1]
        pairs = pairwise(coarse_to_fine)
        self.steps = nn.ModuleList([_conv(coarse + fine, fine) for coarse, fine in pairs])
        self.head = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Return class scores, [M, C, H, W]."""
        *finer, features = stages
        for step, skip in zip(self.steps, reversed(finer), strict=True):
            larger = F.interpolate(features, size=skip.shape[-2:], mode="nearest")
            features = step(torch.cat([larger, skip], dim=1))
        scores: Tensor = self.head(features)
        return scores


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
