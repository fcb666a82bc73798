"""MUNIT's networks: what a photo shows and how it looks are read apart, and put together again by adaptive norms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_EPS = 1e-5


@dataclass(frozen=True)
class MunitConfig:
    """Sizes of one MUNIT; `height` and `width` are those of its data, the networks take any multiple of 2^downs."""

    num_classes: int = 1  # of the data; the networks see none
    height: int = 256
    width: int = 256
    channels: int = 64
    downs: int = 2  # halvings of the content's grid
    blocks: int = 4  # residual ones, in the content encoder as in the decoder
    style_downs: int = 4
    style_size: int = 8
    hidden: int = 256  # channels between the style and the norms

    @property
    def inner(self) -> int:
        """Channels of the content."""
        return self.channels << self.downs


class AdaptiveNorm(nn.Module):
    """Instance norm whose scales and shifts are given with the features."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))  # not used; the authors' networks have them too
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Modulate x [M, C, h, w] by parameters [M, 2C], the shifts first."""
        shift, scale = parameters[:, :, None, None].chunk(2, 1)
        return F.instance_norm(x, eps=_EPS) * scale + shift


class LayerNorm(nn.Module):
    """Normalise over channels, rows and columns together by the unbiased deviation; scale and shift per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def reset_tables(self, rng: torch.Generator) -> None:
        """Draw scales between 0 and 1."""
        self.gamma.copy_(torch.rand(self.gamma.shape, generator=rng))
        self.beta.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x [M, C, h, w]."""
        deviation, mean = torch.std_mean(x, dim=(1, 2, 3), keepdim=True)
        return (x - mean) / (deviation + _EPS) * self.gamma[:, None, None] + self.beta[:, None, None]


class ConvBlock(nn.Module):
    """A convolution with mirrored borders, a norm and an activation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        *,
        norm: nn.Module | None = None,
        activation: Callable[[Tensor], Tensor] | None = F.relu,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        self.norm, self.activation, self.padding = norm, activation, (kernel - 1) // 2

    def forward(self, x: Tensor, *parameters: Tensor) -> Tensor:
        """Take x [M, inputs, h, w] and what the norm is to be told."""
        x = self.conv(F.pad(x, (self.padding,) * 4, mode="reflect"))
        if self.norm is not None:
            x = self.norm(x, *parameters)
        return x if self.activation is None else self.activation(x)


class Residual(nn.Module):
    """Two convolutions added to their input."""

    def __init__(self, channels: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.model = nn.ModuleList(
            ConvBlock(channels, channels, 3, norm=norm(channels), activation=last) for last in (F.relu, None)
        )

    def forward(self, x: Tensor, *parameters: Tensor) -> Tensor:
        """Take x [M, C, h, w] and, for adaptive norms, parameters [M, 4C]."""
        halves = parameters[0].chunk(2, 1) if parameters else None
        inner = x
        for number, block in enumerate(self.model):
            inner = block(inner, *(halves[number : number + 1] if halves else ()))
        return x + inner


class Residuals(nn.Module):
    """Residual blocks in a row."""

    def __init__(self, count: int, channels: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.model = nn.ModuleList(Residual(channels, norm) for _ in range(count))

    def forward(self, x: Tensor, *parameters: Tensor) -> Tensor:
        """Take x [M, C, h, w] and, for adaptive norms, parameters [M, 4C * blocks]."""
        shares = parameters[0].chunk(len(self.model), 1) if parameters else None
        for number, block in enumerate(self.model):
            x = block(x, *(shares[number : number + 1] if shares else ()))
        return x


def content_encoder(channels: int, downs: int, blocks: int) -> nn.Sequential:
    """Build what reads photos [M, 3, H, W] as content, with `downs` halvings of the grid and instance norms."""
    widths = [channels << number for number in range(downs + 1)]
    return nn.Sequential(
        ConvBlock(3, channels, 7, norm=nn.InstanceNorm2d(channels)),
        *(ConvBlock(narrow, wide, 4, 2, norm=nn.InstanceNorm2d(wide)) for narrow, wide in pairwise(widths)),
        Residuals(blocks, widths[-1], nn.InstanceNorm2d),
    )


def _style_encoder(config: MunitConfig) -> nn.Sequential:
    widths = [config.channels << min(number, 2) for number in range(config.style_downs + 1)]
    return nn.Sequential(
        ConvBlock(3, widths[0], 7),
        *(ConvBlock(narrow, wide, 4, 2) for narrow, wide in pairwise(widths)),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(widths[-1], config.style_size, 1),
    )


def _decoder(config: MunitConfig) -> nn.ModuleList:
    layers: list[nn.Module] = [Residuals(config.blocks, config.inner, AdaptiveNorm)]
    for number in reversed(range(config.downs)):
        width = config.channels << number
        layers += [nn.Upsample(scale_factor=2), ConvBlock(2 * width, width, 5, norm=LayerNorm(width))]
    return nn.ModuleList([*layers, ConvBlock(config.channels, 3, 7, activation=torch.tanh)])


class _Part(nn.Module):
    """Layers under the authors' key `model`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model


class _Linear(nn.Module):
    """A linear layer under the authors' key `fc`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fc = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Take x [M, inputs]."""
        outputs: Tensor = self.fc(x)
        return outputs


class DomainNetwork(nn.Module):
    """The generator of one domain: its content encoder, style encoder and decoder."""

    def __init__(self, config: MunitConfig) -> None:
        super().__init__()
        self.enc_style = _Part(_style_encoder(config))
        self.enc_content = _Part(content_encoder(config.channels, config.downs, config.blocks))
        self.dec = _Part(_decoder(config))
        sizes = (config.style_size, config.hidden, config.hidden, config.blocks * 4 * config.inner)
        self.mlp = _Part(nn.ModuleList(_Linear(fan, out) for fan, out in pairwise(sizes)))

    def content(self, images: Tensor) -> Tensor:
        """Read what images [M, 3, H, W] show, [M, C, h, w]."""
        content: Tensor = self.enc_content.model(images)
        return content

    def style(self, images: Tensor) -> Tensor:
        """Read how they look, [M, S]."""
        style: Tensor = self.enc_style.model(images).flatten(1)
        return style

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        """Draw content [M, C, h, w] in styles [M, S]."""
        first, second, last = self.mlp.model.children()
        parameters = last(F.relu(second(F.relu(first(style)))))
        blocks, *others = self.dec.model.children()
        x: Tensor = blocks(content, parameters)
        for layer in others:
            x = layer(x)
        return x
