"""From images in [-1, 1] to what networks were fed by their authors: 8-bit values, resized as PIL or OpenCV does.

PIL works with whole numbers, so that its results can be reproduced to the bit on every device; where an enlarged value
lies halfway between two grey levels, which is common, floating point would take the other one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Size = tuple[int, int]  # height, width
Filter = Literal["bilinear", "bicubic"]
BITS = 22  # of the fractions in PIL's weights
PIXELS_AT_ONCE = 2**21  # one image of 1024x2048; UPerNet needs about 2 kB for each


def to_pixels(images: Tensor) -> Tensor:
    """Turn images in [-1, 1] into float32 with whole values from 0 to 255."""
    return ((images + 1) * 127.5).round()


def resize_as_pil(pixels: Tensor, size: Size, mode: Filter) -> Tensor:
    """Resize 8-bit values [M, 3, H, W] as PIL does: antialiased, first the width, then the height, each rounded.

    PIL 13 begins with the side that saves more work; the networks' authors had the order of all versions before.
    """
    whole = pixels.int()
    for axis, length in ((3, size[1]), (2, size[0])):
        if whole.shape[axis] == length:
            continue
        places, weights = (taps.to(pixels.device) for taps in _taps(whole.shape[axis], length, mode))
        total = torch.full((), 1 << (BITS - 1), dtype=torch.int32, device=pixels.device)
        for place, weight in zip(places, weights, strict=True):
            total = total + whole.index_select(axis, place) * weight.view(-1, *(1,) * (3 - axis))
        whole = (total >> BITS).clamp(0, 255)
    return whole.to(pixels.dtype)


@lru_cache
def _taps(length: int, target: int, mode: Filter) -> tuple[Tensor, Tensor]:
    """For every target pixel the source pixels it is made of and their weights in fixed point, both [T, target]."""
    scale = length / target
    stretch = max(scale, 1.0)  # the filter grows with the pixels when an image shrinks
    reach = (1 if mode == "bilinear" else 2) * stretch
    centre = (torch.arange(target, dtype=torch.float64) + 0.5) * scale
    first = (centre - reach + 0.5).int().clamp(min=0)
    after = (centre + reach + 0.5).int().clamp(max=length)
    places = first + torch.arange(int((after - first).max()), dtype=torch.int32)[:, None]
    distance = ((places - centre + 0.5) / stretch).abs()
    weights = (_triangle if mode == "bilinear" else _cubic)(distance) * (places < after)
    weights = weights / weights.sum(0)
    return places.clamp(max=length - 1), (weights * 2**BITS).round().int()


def _triangle(x: Tensor) -> Tensor:
    return (1 - x).clamp(min=0)


def _cubic(x: Tensor) -> Tensor:
    """Keys's kernel with a = -0.5."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


def resize_nearest_as_pil(pixels: Tensor, size: Size) -> Tensor:
    """Take the nearest pixel of [M, 3, H, W] as PIL does, which adds up its steps and so decides where two are."""
    for axis, length in ((2, size[0]), (3, size[1])):
        step = pixels.shape[axis] / length
        places = [int(place) for place in accumulate([step] * (length - 1), initial=step / 2)]
        pixels = pixels.index_select(axis, torch.tensor(places, device=pixels.device))
    return pixels


def resize_as_opencv(pixels: Tensor, size: Size) -> Tensor:
    """Resize 8-bit values bilinearly as OpenCV does: without antialias, rounded at the end."""
    return F.interpolate(pixels, size, mode="bilinear").round()


def resize_scores(scores: Tensor, size: Size) -> Tensor:
    """Resize class scores [M, C, H, W] bilinearly."""
    return scores if scores.shape[-2:] == size else F.interpolate(scores, size, mode="bilinear")


def most_likely(scores: Tensor) -> Tensor:
    """Name the class with the largest score at every position, [M, C, H, W] -> [M, H, W] int64; of equals the first."""
    return scores.max(1).indices  # as argmax, which takes five times as long on a CPU


def standardised(values: Tensor, mean: Sequence[float], deviation: Sequence[float] = (1, 1, 1)) -> Tensor:
    """Subtract the mean of every channel and divide by its deviation."""
    return (values - _per_channel(values, mean)) / _per_channel(values, deviation)


def _per_channel(values: Tensor, numbers: Sequence[float]) -> Tensor:
    return torch.tensor(numbers, dtype=values.dtype, device=values.device)[:, None, None]


def in_parts(read: Callable[[Tensor], Tensor], images: Tensor, pixels: int) -> Tensor:
    """Call `read` with so few images at once that memory stays flat; one alone makes the network see `pixels`."""
    count = max(1, PIXELS_AT_ONCE // pixels)
    return torch.cat([read(part) for part in torch.split(images, count)])
