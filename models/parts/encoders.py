"""What style encoders are built of: strided convolutions, and the step from noise to a photo's posterior."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.parts.free_norms import FreeNorm, free_norm
from models.parts.spectral import ConvClass, SpectralConv2d


def strided_layers(
    network: nn.Module,
    inputs: int,
    widths: Sequence[int],
    *,
    groups: int = 1,
    normalized: bool,
    conv: ConvClass = SpectralConv2d,
    norm: FreeNorm = "instance",
) -> tuple[nn.Module, ...]:
    """Add `layer1`, `layer2` ... to an encoder: 3x3 convolutions of stride 2, each with a norm.

    Where `normalized` is false the norm is left out; it hides absolute colour, which is most of what the built-in data
    vary. Without it the convolution is the whole layer.
    """
    layers: list[nn.Module] = []
    for number, (fan_in, fan_out) in enumerate(zip((inputs, *widths), widths, strict=False), start=1):
        strided = conv(fan_in, fan_out, 3, stride=2, padding=1, groups=groups, bias=not normalized)
        layer = nn.Sequential(strided, free_norm(norm, fan_out, groups) if normalized else nn.Identity())
        network.add_module(f"layer{number}", layer)
        layers.append(layer)
    return tuple(layers)


class HalvingBlock(nn.Module):
    """Halve the grid with two normalised convolutions; the shortcut keeps what the norms take away."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.InstanceNorm2d(inputs),
            nn.LeakyReLU(0.2),
            nn.Conv2d(inputs, inputs, 3, padding=1),
            nn.InstanceNorm2d(inputs),
            nn.LeakyReLU(0.2),
            nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.AvgPool2d(2)),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Read x [N, inputs, h, w]: [N, outputs, h / 2, w / 2]."""
        halved: Tensor = self.conv(x) + self.shortcut(x)
        return halved


def remap(noise: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Move standard normal noise to the posterior."""
    return torch.addcmul(mean.float(), noise, torch.exp(0.5 * log_variance.float()))


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of N(mean, variance) from N(0, 1) in nats, summed over all but the batch: [N]."""
    mean, log_variance = mean.float(), log_variance.float()
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).flatten(1).sum(1)
