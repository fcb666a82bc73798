"""Pictures of pictures: layouts in their data set's colours, and images in rows and columns."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.datasets.base import Item
from bench.files import whole_file

Photo = NDArray[np.uint8]  # [H, W, 3]


def paint_labels(labels: NDArray[np.integer], palette: Sequence[tuple[int, int, int]]) -> Photo:
    """Colour a label map [H, W]."""
    photo: Photo = np.asarray(palette, np.uint8)[labels]
    return photo


def paint_condition(item: Item, palette: Sequence[tuple[int, int, int]]) -> Photo:
    """Show what an item's images are drawn from: its photo to translate or, where there is none, its labels."""
    return paint_labels(item.labels, palette) if item.source is None else item.source


def grid(rows: Sequence[Sequence[Photo]], *, gap: int = 2, scale: int = 1) -> Photo:
    """Arrange photos of one size in rows, white between them; `scale` enlarges every pixel."""
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    canvas = np.full((len(rows) * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for r, row in enumerate(rows):
        for c, photo in enumerate(row):
            top, left = r * (height + gap), c * (width + gap)
            canvas[top : top + height, left : left + width] = photo
    return canvas.repeat(scale, 0).repeat(scale, 1)


def save_png(path: Path, photo: Photo) -> None:
    """Write a PNG whole or not at all."""
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    with whole_file(path) as file:
        file.write(buffer.getvalue())
