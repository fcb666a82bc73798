"""The up-sampling decoder of SPADE and its descendants: residual blocks whose norms are told what to draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.spectral import ConvClass, SpectralConv2d


@dataclass(frozen=True)
class Stage:
    """One residual block of a decoder."""

    name: str  # the key prefix in the authors' files
    inputs: int
    outputs: int
    upsample: bool = True  # doubles the grid before the block
    groups: int = 1


NormFactory = Callable[[int, int], nn.Module]  # (channels, groups) -> a module called with (x, condition)


class ResBlock(nn.Module):
    """Two convolutions behind conditional norms, and a shortcut that is learned where the width changes."""

    def __init__(
        self,
        stage: Stage,
        norm: NormFactory,
        *,
        prefix: str = "norm",
        appended: int = 0,
        shortcut_norm: NormFactory | None = None,
        conv: ConvClass = SpectralConv2d,
    ) -> None:
        """`prefix` names the norms in the authors' file; `appended` channels are added by every norm.

        A `shortcut_norm` stands in for the shortcut's, and adds none.
        """
        super().__init__()
        inputs, middle, outputs, groups = stage.inputs, min(stage.inputs, stage.outputs), stage.outputs, stage.groups
        self.conv_0 = conv(inputs + appended, middle, 3, padding=1, groups=groups, bias=True)
        self.conv_1 = conv(middle + appended, outputs, 3, padding=1, groups=groups, bias=True)
        self.prefix = prefix
        self.add_module(f"{prefix}_0", norm(inputs, groups))
        self.add_module(f"{prefix}_1", norm(middle, groups))
        self.has_learned_shortcut = inputs != outputs
        if self.has_learned_shortcut:
            added = 0 if shortcut_norm else appended
            self.conv_s = conv(inputs + added, outputs, 1, groups=groups, bias=False)
            self.add_module(f"{prefix}_s", (shortcut_norm or norm)(inputs, groups))

    def forward(self, x: Tensor, condition: Any) -> Tensor:  # noqa: ANN401 - what the norms of the method read
        """Draw [M, outputs, h, w] from [M, inputs, h, w]; the shortcut has no activation."""
        main: Tensor = self.conv_0(F.leaky_relu(self._normalize("0", x, condition), 0.2))
        main = self.conv_1(F.leaky_relu(self._normalize("1", main, condition), 0.2))
        shortcut: Tensor = self.conv_s(self._normalize("s", x, condition)) if self.has_learned_shortcut else x
        return main + shortcut  # a sum takes its first part's memory format; a 1x1 convolution may lose channels_last

    def _normalize(self, name: str, x: Tensor, condition: Any) -> Tensor:  # noqa: ANN401 - as above
        normalized: Tensor = self.get_submodule(f"{self.prefix}_{name}")(x, condition)
        return normalized


BlockFactory = Callable[[Stage, NormFactory], nn.Module]


class BlockChain(nn.Module):
    """Residual blocks in a row; subclasses make the first grid (`fc`)."""

    def __init__(self, stages: Sequence[Stage], norm: NormFactory, block: BlockFactory = ResBlock) -> None:
        super().__init__()
        self.stages = tuple(stages)
        for stage in stages:
            self.add_module(stage.name, block(stage, norm))

    def grow(self, x: Tensor, condition: Any) -> Tensor:  # noqa: ANN401 - as in ResBlock
        """Grow the first grid [M, C, h, w] into the features of the image, not yet activated."""
        for stage in self.stages:
            if stage.upsample:
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = self.get_submodule(stage.name)(x, condition)
        return x


class Decoder(BlockChain):
    """A chain of residual blocks and the convolution that gives the image."""

    def __init__(self, stages: Sequence[Stage], norm: NormFactory, block: BlockFactory = ResBlock) -> None:
        super().__init__(stages, norm, block)
        self.conv_img = nn.Conv2d(stages[-1].outputs, 3, 3, padding=1)

    def decode(self, x: Tensor, condition: Any) -> Tensor:  # noqa: ANN401 - as in ResBlock
        """Grow the first grid [M, C, h, w] into images [M, 3, H, W] in [-1, 1]."""
        return torch.tanh(self.conv_img(F.leaky_relu(self.grow(x, condition), 0.2)))


def paper_stages(width: int, *, more: bool) -> tuple[Stage, ...]:
    """The seven blocks of the papers; `more` starts from a grid half as large (SPADE's option of that name)."""
    w = width
    return (
        Stage("head_0", 16 * w, 16 * w, upsample=False),
        Stage("G_middle_0", 16 * w, 16 * w),
        Stage("G_middle_1", 16 * w, 16 * w, upsample=more),
        Stage("up_0", 16 * w, 8 * w),
        Stage("up_1", 8 * w, 4 * w),
        Stage("up_2", 4 * w, 2 * w),
        Stage("up_3", 2 * w, w),
    )


def tiny_stages(width: int) -> tuple[Stage, ...]:
    """Five blocks from 4x4 to 64x64, for the built-in data."""
    w = width
    return (
        Stage("head_0", 8 * w, 8 * w, upsample=False),
        Stage("G_middle_0", 8 * w, 8 * w),
        Stage("up_0", 8 * w, 4 * w),
        Stage("up_1", 4 * w, 2 * w),
        Stage("up_2", 2 * w, w),
    )


def first_grid(height: int, width: int, stages: Sequence[Stage]) -> tuple[int, int]:
    """Rows and columns the decoder starts from to end at height x width."""
    scale = 2 ** sum(stage.upsample for stage in stages)
    return height // scale, width // scale


def per_layout(x: Tensor, of_layout: Tensor) -> tuple[Tensor, Tensor]:
    """View x [N * K, ...] as [N, K, ...] and maps of the layouts [N, ...] as [N, 1, ...], so that they broadcast."""
    return x.reshape(len(of_layout), -1, *x.shape[1:]), of_layout[:, None]
