"""The two networks of SIMS, with their TensorFlow names: one completes a canvas, one says what is in front."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.normed_conv import NormedConv, doubled

ENCODER = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3), (512, 3))  # channels and convolutions of every level
DECODER = (512, 512, 512, 512, 512, 256, 256)  # channels from the coarsest grid to the full one


def _stage(name: str, inputs: int, width: int, convolutions: int) -> nn.Module:
    stage = nn.Sequential()
    for number in range(1, convolutions + 1):
        stage.add_module(f"{name}_{number}", NormedConv(inputs if number == 1 else width, width))
    return stage


class SynthesisNetwork(nn.Module):
    """The authors' synthesis network: down and up again, reading the input anew at every level on the way up."""

    def __init__(
        self,
        planes: int,
        height: int,
        width: int,
        encoder: Sequence[tuple[int, int]] = ENCODER,
        decoder: Sequence[int] = DECODER,
    ) -> None:
        super().__init__()
        levels, inputs = len(encoder), planes + 4
        step = 2**levels
        if height % step or width % step or len(decoder) != levels + 1:
            raise ValueError(
                f"A synthesis network of {levels} levels draws multiples of {step} pixels and has {levels + 1} widths "
                f"on the way up, not {height}x{width} and {len(decoder)}."
            )
        self.levels, features = levels, inputs
        for level, (channels, convolutions) in enumerate(encoder, start=1):
            name = f"g_encoder_conv{level}"
            self.add_module(name, _stage(name, features, channels, convolutions))
            features = channels
        widths = [channels for channels, _ in encoder]
        features = 0
        for level, channels in zip(range(levels, -1, -1), decoder, strict=True):
            name, skipped = (f"g_decoder_conv{level}", widths[level - 1]) if level else ("g_decoder_final", 0)
            self.add_module(name, _stage(name, inputs + skipped + features, channels, 2))
            features = channels
        self.semantic, self.last = f"g_semantic_{height}_conv100", f"g_{height}_conv100"
        self.add_module(self.semantic, nn.Conv2d(features, planes, 1))
        self.add_module(self.last, nn.Conv2d(features, 3, 1))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Complete planes, canvas and mask [N, P + 4, H, W]: images [N, 3, H, W], uncut, and logits [N, P, H, W]."""
        x, pooled = inputs, []
        for level in range(1, self.levels + 1):
            x = F.avg_pool2d(self.get_submodule(f"g_encoder_conv{level}")(x), 3, 2, ceil_mode=True)
            pooled.append(x)
        up: tuple[Tensor, ...] = ()
        for level in range(self.levels, 0, -1):
            skipped = pooled[level - 1]
            seen = F.interpolate(inputs, skipped.shape[2:], mode="bilinear", align_corners=True)
            up = (doubled(self.get_submodule(f"g_decoder_conv{level}")(torch.cat([seen, skipped, *up], 1))),)
        x = self.get_submodule("g_decoder_final")(torch.cat([inputs, *up], 1))
        return self.get_submodule(self.last)(x), self.get_submodule(self.semantic)(x)


class OrderingNetwork(nn.Module):
    """The authors' ordering network: which class of two segments in a layout is in front."""

    def __init__(self, planes: int, inputs: int = 6) -> None:
        super().__init__()
        for number, (width, convolutions) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
            name = f"g_selection_conv{number}"
            self.add_module(name, _stage(name, inputs, width, convolutions))
            inputs = width
        self.g_selection_conv6 = NormedConv(inputs, 1024, 1)
        self.dropout = nn.Dropout(0.5)
        self.g_selection_classify = nn.Conv2d(1024, planes, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Read coloured maps of the pair and of the whole layout [N, 6, H, W]: logits [N, P], class c at c + 1."""
        x = pictures
        for number in range(1, 6):
            pool = F.avg_pool2d if number == 1 else F.max_pool2d
            x = pool(self.get_submodule(f"g_selection_conv{number}")(x), 3, 2, ceil_mode=True)
        read = x[..., : x.shape[3] * 3 // 4]  # the authors' window of 12 columns leaves four of 16 out
        x = self.g_selection_conv6(read.mean((2, 3), keepdim=True))
        logits: Tensor = self.g_selection_classify(self.dropout(x))
        return logits.flatten(1)
