"""VGG19, in whose features a drawn image is compared with its photo."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512)  # 0 = pooling


class Vgg19(nn.Module):
    """VGG19 as far as its last tap; the keys are torchvision's (features.0.weight ...)."""

    def __init__(self, taps: Sequence[int], pool: type[nn.MaxPool2d] | type[nn.AvgPool2d]) -> None:
        """`taps` are the places of ReLUs in torchvision's list of layers."""
        super().__init__()
        self.tapped = tuple(taps)
        layers: list[nn.Module] = []
        channels = 3
        for width in _WIDTHS:
            if width:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            else:
                layers.append(pool(2))
        self.features = nn.Sequential(*layers[: self.tapped[-1] + 1])
        self.requires_grad_(False)

    def taps(self, x: Tensor) -> list[Tensor]:
        """Features of images [N, 3, H, W] at every tap."""
        taps = []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.tapped:
                taps.append(x)
        return taps


class PerceptualLoss(Vgg19):
    """Weighted L1 between VGG19 features; images enter as they are, in [-1, 1], without ImageNet normalisation."""

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__((1, 6, 11, 20, 29), nn.MaxPool2d)  # relu1_1, relu2_1, relu3_1, relu4_1, relu5_1
        self.weights = tuple(weights)

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """Compare images [N, 3, H, W]."""
        with torch.no_grad():
            wanted = self.taps(real)
        terms = zip(self.weights, self.taps(fake), wanted, strict=True)
        return torch.stack([weight * F.l1_loss(a.float(), b.float()) for weight, a, b in terms if weight]).sum()
