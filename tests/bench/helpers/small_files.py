"""Small files in the layouts of the papers' data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def save(path: Path, pixels: np.ndarray) -> Path:
    """Write an array as a picture; 16 bits stay 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def photo(seed: int = 0, size: tuple[int, int] = (24, 40)) -> np.ndarray:
    """Make a photo, [H, W, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def areas(*labels: int, size: tuple[int, int] = (24, 40), dtype: type = np.uint8) -> np.ndarray:
    """Make a label map of upright stripes, [H, W]."""
    columns = np.arange(size[1]) * len(labels) // size[1]
    return np.array(labels, dtype)[columns][None].repeat(size[0], 0)
