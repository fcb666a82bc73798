"""Levels of an image, by which CRN and SIMS compare a drawing with its photo: pixels, and five coarser features.

All are in the unit that the authors' weights of the levels are for, grey levels from 0 to 255.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from models.training.vgg19 import Vgg19

_GREY_LEVELS = 127.5  # per unit of an image in [-1, 1]
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, for torchvision's VGG19


class AveragedVgg19(Vgg19):
    """VGG19 with average pooling, and the weight of every level.

    The authors use MatConvNet's weights, which read grey levels. Torchvision's read normalised images, so features are
    multiplied by the grey levels of one normalised unit. How much larger or smaller they then are than the authors' is
    not known; the authors' weights of the levels are kept.
    """

    def __init__(self, weights: Sequence[float]) -> None:
        """The first weight is that of the pixels."""
        super().__init__((3, 8, 13, 22, 31), nn.AvgPool2d)  # relu1_2, relu2_2, relu3_2, relu4_2, relu5_2
        self.weights = tuple(weights)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Pixels and features of images [N, 3, H, W] in [-1, 1]."""
        mean, deviation = (images.new_tensor(values)[:, None, None] for values in (_MEAN, _DEVIATION))
        unit = 255 * sum(_DEVIATION) / 3
        return [_GREY_LEVELS * images, *(unit * tap for tap in self.taps(((images + 1) / 2 - mean) / deviation))]


class PooledPixels(nn.Module):
    """Levels without a network: pixels, and their averages over squares of 2, 4, 8 and 16."""

    weights = (1.0, 1.0, 1.0, 1.0, 1.0)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Pixels and averages of images [N, 3, H, W] in [-1, 1]."""
        grey_levels = _GREY_LEVELS * images
        return [grey_levels, *(F.avg_pool2d(grey_levels, side) for side in (2, 4, 8, 16))]


Levels = AveragedVgg19 | PooledPixels
