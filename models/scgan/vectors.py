"""SC-GAN's semantic vector generator (its paper, section 3.1): labels become vectors that say how to blend weights.

As in CRN, features are refined from coarse to fine with the labels at every grid. A vector's entries are averages over
equal parts of a grid's channels; what the last grid holds is also drawn as an image, which a loss compares with the
photo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.spectral import ConvClass

Nonlinearity = Literal["softmax", "sigmoid", "tanh", "hardtanh", "relu", "none"]

NONLINEARITIES: Mapping[Nonlinearity, Callable[[Tensor], Tensor]] = {
    "softmax": partial(torch.softmax, dim=1),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "hardtanh": F.hardtanh,
    "relu": F.relu,
    "none": lambda vectors: vectors,
}


@dataclass(frozen=True)
class Blur:
    """Labels that fade towards the borders of their regions, as in the authors' CelebAMask-HQ network."""

    levels: int | None  # so many of the finest grids; None: the finest alone, and the coarser ones are averaged from it
    size: int = 7
    deviation: float = 1.5
    rounds: int = 1

    def __call__(self, planes: Tensor) -> Tensor:
        """Weigh every number of planes [N, P, H, W] by those around it; the kernel's peak, not its sum, is 1."""
        distance = torch.arange(self.size, device=planes.device) - self.size // 2
        kernel = torch.exp(-distance.square() / (2 * self.deviation**2)).repeat(planes.shape[1], 1, 1, 1)
        down, across, pad, blurred = kernel.transpose(2, 3), kernel, self.size // 2, planes
        for _ in range(self.rounds):
            blurred = F.conv2d(blurred, down, padding=(pad, 0), groups=planes.shape[1])
            blurred = F.conv2d(blurred, across, padding=(0, pad), groups=planes.shape[1]) * planes
        return blurred


def label_pyramid(planes: Tensor, levels: int, blur: Blur | None, num_classes: int) -> list[Tensor]:
    """Shrink planes [N, P, H, W], class planes first, to `levels` grids, each half of the next; the coarsest first.

    Grids are averaged, or picked and blurred one by one, so that a coarse grid is picked from a blurred one. The finest
    is then blurred last.
    """
    maps = [planes]
    if blur is None or blur.levels is None:
        if blur is not None:
            maps = [torch.cat([blur(planes[:, :num_classes]), planes[:, num_classes:]], 1)]  # edges stay sharp
        for _ in range(levels - 1):
            maps.append(F.avg_pool2d(maps[-1], 2))
        return maps[::-1]
    for level in range(1, levels):
        picked = maps[-1][:, :, ::2, ::2]
        maps.append(blur(picked) if level < blur.levels else picked)
    return [*maps[:0:-1], blur(planes)]


def paper_widths(width: int, *, more: bool) -> tuple[int, ...]:
    """Channels of every grid in the paper's networks, the coarsest first; `more` starts from a grid half as large."""
    return tuple(width * multiple for multiple in (16, 8, 4, 2, 1, 1, *((1,) if more else ())))


class VectorGenerator(nn.Module):
    """SVG, a part of netG in the authors' files; `widths` are the channels of its grids, the coarsest first.

    Without the image, which only training needs, there is no `toRGB`.
    """

    def __init__(self, planes: int, widths: Sequence[int], *, conv: ConvClass, draws: bool) -> None:
        super().__init__()
        self.levels, inputs = len(widths), 0
        for number, width in enumerate(widths, start=1):
            first, second = (conv(fan, width, 3, padding=1, bias=True) for fan in (inputs + planes, width))
            stage = (nn.LeakyReLU(0.2), first, nn.LeakyReLU(0.2), second)
            self.add_module(f"labelDec{number}", nn.Sequential(*(stage if inputs else stage[1:])))
            inputs = width
        self.toRGB: nn.Module | None = None
        if draws:
            self.toRGB = nn.Sequential(
                nn.Conv2d(inputs, inputs // 2, 3, padding=1),
                nn.LeakyReLU(0.2),
                nn.Conv2d(inputs // 2, 3, 3, padding=1),
                nn.Hardtanh(),
            )

    def forward(self, pyramid: Sequence[Tensor]) -> list[Tensor]:
        """Refine the features of every grid of a label pyramid; they are not activated."""
        features = [self.get_submodule("labelDec1")(pyramid[0])]
        for number, labels in enumerate(pyramid[1:], start=2):
            larger = F.interpolate(features[-1], scale_factor=2.0, mode="nearest")
            features.append(self.get_submodule(f"labelDec{number}")(torch.cat([larger, labels], 1)))
        return features


def semantic_vectors(features: Tensor, size: int) -> Tensor:
    """Average the channels of features [N, C, h, w] in `size` parts, which may overlap by one: [N, size, h, w]."""
    images, _, height, width = features.shape
    pooled = F.adaptive_avg_pool1d(features.movedim(1, -1).flatten(1, 2), size)  # [N, h w, size]
    return pooled.view(images, height, width, size).movedim(-1, 1)
