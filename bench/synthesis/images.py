"""Conversion between numbers in [-1, 1] and 8-bit values; the only place that does it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_bytes(images: Tensor) -> Tensor:
    """Turn images in [-1, 1] into 0..255 as the SPADE family saves them: clipped, then cut off, not rounded."""
    return ((images + 1) / 2 * 255).clamp(0, 255).to(torch.uint8)


def from_bytes(pixels: Tensor) -> Tensor:
    """Turn 8-bit values into float32 in [-1, 1]; `to_bytes` of the result gives the same values back.

    The quotient is rounded up where float32 would fall below the value it came from.
    """
    return _VALUES.to(pixels.device).index_select(0, pixels.int().flatten()).view(pixels.shape)


def _values() -> Tensor:
    pixels = torch.arange(256).to(torch.uint8)
    images = pixels.float() / 127.5 - 1
    lost = to_bytes(images) != pixels
    return torch.where(lost, torch.nextafter(images, torch.full_like(images, 2.0)), images)


_VALUES = _values()  # [256] float32


def photos_to_tensor(photos: list[NDArray[np.uint8]]) -> Tensor:
    """Stack photos [H, W, 3] as float32 [N, 3, H, W] in [-1, 1]."""
    return from_bytes(torch.from_numpy(np.stack(photos))).movedim(-1, 1).contiguous()


def to_photos(images: Tensor) -> NDArray[np.uint8]:
    """Turn images [N, 3, H, W] in [-1, 1] into photos [N, H, W, 3]."""
    photos: NDArray[np.uint8] = to_bytes(images.detach().float().cpu()).movedim(1, -1).contiguous().numpy()
    return photos
