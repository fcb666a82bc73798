"""Photo-like 8-bit images, and what PIL makes of them."""

import numpy as np
import torch
from PIL import Image

from bench.synthesis.images import from_bytes


def picture(height, width, seed=0):
    """Draw coloured blobs of several sizes with noise, [H, W, 3] uint8."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cells in (2, 5, 11):
        coarse = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        total += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float64)
    return np.clip(total / 3 + rng.normal(0, 12, total.shape), 0, 255).astype(np.uint8)


def pixels(photo):
    """[H, W, 3] uint8 -> [1, 3, H, W] float32 from 0 to 255."""
    return torch.from_numpy(photo).movedim(-1, 0)[None].float()


def images(*photos):
    """[H, W, 3] uint8 each -> [M, 3, H, W] in [-1, 1]."""
    return from_bytes(torch.stack([torch.from_numpy(photo) for photo in photos])).movedim(-1, 1)


def resized(photo, size, how):
    """Resize with PIL, the width first; one call would let new versions choose the order."""
    height, width = size
    return np.array(Image.fromarray(photo).resize((width, photo.shape[0]), how).resize((width, height), how))


def alike(predicted, expected):
    """Share of pixels with the same class."""
    assert predicted.shape == expected.shape
    assert predicted.dtype == torch.int64
    return float((predicted == expected).double().mean())
