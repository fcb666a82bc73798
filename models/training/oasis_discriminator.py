"""OASIS's discriminator and its losses: a segmenter of photos that has one class more, "fake".

Its input is the image alone. Channels of the labels start with the unknown class, which teaches nothing; the output
starts with "fake", so that channel c of the labels is output c + 1.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.spectral import SpectralConv2d

Kind = Literal["first", "down", "up"]


class Residual(nn.Module):
    """Two convolutions that halve or double the grid, and a shortcut around them that is never activated."""

    def __init__(self, inputs: int, outputs: int, kind: Kind) -> None:
        super().__init__()
        first = SpectralConv2d(inputs, outputs, 3, padding=1, bias=True)
        second = SpectralConv2d(outputs, outputs, 3, padding=1, bias=True)
        before: dict[Kind, tuple[nn.Module, ...]] = {
            "first": (),
            "down": (nn.LeakyReLU(0.2),),
            "up": (nn.LeakyReLU(0.2), nn.Upsample(scale_factor=2.0, mode="nearest")),
        }
        self.is_up = kind == "up"
        self.conv1 = nn.Sequential(*before[kind], first)
        self.conv2 = nn.Sequential(nn.LeakyReLU(0.2), second)
        self.has_learned_shortcut = inputs != outputs
        if self.has_learned_shortcut:
            self.conv_s = SpectralConv2d(inputs, outputs, 1, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Read x [N, inputs, h, w]; the shortcut's 1x1 convolution runs on the smaller of the two grids."""
        main: Tensor = self.conv2(self.conv1(x))
        shortcut = x if self.is_up else F.avg_pool2d(x, 2)
        if self.has_learned_shortcut:
            shortcut = self.conv_s(shortcut)
        if self.is_up:
            return main + F.interpolate(shortcut, scale_factor=2.0, mode="nearest")
        return F.avg_pool2d(main, 2) + shortcut


class OasisDiscriminator(nn.Module):
    """netD of the authors' files: down six times and up again along the skips; sides are multiples of 64."""

    def __init__(self, planes: int, *, width: int = 64, depth: int = 6) -> None:
        """`planes` are the channels of the labels; `depth` halvings, six in the paper."""
        super().__init__()
        down = [3, *(width * min(2 ** (1 + number // 2), 8) for number in range(depth))]
        up = [*reversed(down[1:]), width]
        self.body_down = nn.ModuleList(
            Residual(inputs, outputs, "down" if number else "first")
            for number, (inputs, outputs) in enumerate(pairwise(down))
        )
        self.body_up = nn.ModuleList(
            Residual(inputs * (2 if number else 1), outputs, "up")
            for number, (inputs, outputs) in enumerate(pairwise(up))
        )
        self.layer_up_last = nn.Conv2d(width, planes + 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Judge images [N, 3, H, W]: logits [N, planes + 1, H, W], "fake" first."""
        skips = [images]
        for block in self.body_down:
            skips.append(block(skips[-1]))
        x = self.body_up[0](skips.pop())
        for block in self.body_up[1:]:
            x = block(torch.cat([skips.pop(), x], 1))
        logits: Tensor = self.layer_up_last(x)
        return logits


def unknown_first(labels: Tensor, unknown: int | None) -> Tensor:
    """Number classes [N, H, W] as channels, the unknown one 0; without one, that channel stays empty."""
    if unknown is None:
        return labels + 1
    return torch.where(labels == unknown, 0, labels + (labels < unknown))


def counted(channels: Tensor, planes: int) -> Tensor:
    """Count the pixels of each of the channels of a batch [N, H, W]: [planes]."""
    return torch.bincount(channels.flatten(), minlength=planes).float()


def balance(pixels: Tensor) -> Tensor:
    """Weights of the channels by rarity, given the `pixels` of each in a batch (paper, section 3.2): [planes].

    Known channels that are present share all pixels alike; the unknown one, channel 0, weighs nothing.
    """
    present = (pixels > 0).float()
    present[0] = 0
    return present * pixels.sum() / (present.sum() * pixels).clamp_min(1)


def segmented_as_real(logits: Tensor, channels: Tensor, pixels: Tensor | None = None) -> Tensor:
    """Ask logits [N, planes + 1, H, W] for every pixel's channel of the labels [N, H, W]; a mean over all pixels.

    Channels are balanced by their `pixels`, those of the whole batch where these are a part of it.
    """
    weights = balance(counted(channels, logits.shape[1] - 1) if pixels is None else pixels)
    each = F.cross_entropy(logits.float(), channels + 1, reduction="none")
    return (weights[channels] * each).mean()


def segmented_as_fake(logits: Tensor) -> Tensor:
    """Ask for "fake" at every pixel."""
    return F.cross_entropy(logits.float(), torch.zeros_like(logits[:, 0], dtype=torch.long))


def label_mix(real: Tensor, fake: Tensor, channels: Tensor, from_real: Tensor) -> Tensor:
    """Take the channels that `from_real` [planes] marks from `real` [N, C, H, W], the others from `fake`."""
    return torch.where(from_real[channels][:, None], real, fake)
