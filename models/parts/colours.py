"""Label maps as RGB pictures, for the networks that read labels so."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Colour = tuple[int, int, int]


def spread_colours(count: int) -> tuple[Colour, ...]:
    """Give each of `count` classes a colour of its own: the bits of its number, dealt to R, G, B, lowest bit first.

    The lowest bits make the largest steps, so that few classes are far apart.
    """
    return tuple(_colour(number) for number in range(count))


def _colour(number: int) -> Colour:
    red, green, blue = (sum((number >> (3 * place + c) & 1) << (7 - place) for place in range(8)) for c in range(3))
    return red, green, blue


def colour_planes(labels: Tensor, palette: Sequence[Colour]) -> Tensor:
    """Paint label maps [N, H, W] as [N, 3, H, W] in [-1, 1]."""
    colours = torch.tensor(palette, dtype=torch.float32, device=labels.device) / 127.5 - 1
    return colours[labels].movedim(-1, 1).contiguous()


def stretched(pictures: Tensor, height: int, width: int) -> Tensor:
    """Resize pictures [N, 3, H, W] in [-1, 1] as Pillow's bicubic filter does; proportions are not kept."""
    if pictures.shape[2:] == (height, width):
        return pictures
    resized = F.interpolate(pictures.float(), (height, width), mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(-1, 1)
