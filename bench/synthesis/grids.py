"""Pictures made of pictures: layouts in the colours of their data set, and images in rows and columns."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bench.common.files import whole_file
from bench.datasets.base import Item

Photo = NDArray[np.uint8]  # [H, W, 3]
_FONT, _MARGIN = 13, 6  # pixels


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


def marked(photo: Photo, region: NDArray[np.bool_]) -> Photo:
    """Show a region [H, W] in its colours and the rest pale and grey."""
    pale = (photo.mean(-1, keepdims=True) / 4 + 180).astype(np.uint8)
    chosen: Photo = np.where(region[..., None], photo, pale)
    return chosen


def captioned(picture: Photo, names: Sequence[str], heads: Sequence[str], *, gap: int) -> Photo:
    """Write names beside the rows of a grid and heads above its columns; `gap` lies between them."""
    font = ImageFont.load_default(_FONT)
    ruler = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    left = max(round(ruler.multiline_textbbox((0, 0), name, font)[2]) for name in names) + 2 * _MARGIN
    top = _FONT + 2 * _MARGIN
    height, width = picture.shape[:2]
    canvas = Image.new("RGB", (left + width, top + height), "white")
    canvas.paste(Image.fromarray(picture), (left, top))
    pen = ImageDraw.Draw(canvas)
    tall, wide = (height + gap) / len(names), (width + gap) / len(heads)
    for row, name in enumerate(names):
        pen.multiline_text((_MARGIN, top + row * tall + (tall - gap) / 2), name, "black", font, anchor="lm")
    for column, head in enumerate(heads):
        while font.getlength(head) > wide - gap and len(head) > 1:
            head = head.removesuffix("..")[:-1] + ".."
        pen.text((left + column * wide + (wide - gap) / 2, top / 2), head, "black", font, anchor="mm")
    return np.asarray(canvas)


def save_png(path: Path, photo: Photo) -> None:
    """Write a PNG whole or not at all."""
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    with whole_file(path) as file:
        file.write(buffer.getvalue())


def save_gif(path: Path, frames: Sequence[Photo], *, milliseconds: int) -> None:
    """Write an endless animation, whole or not at all."""
    first, *rest = map(Image.fromarray, frames)
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=rest, duration=milliseconds, loop=0)
    with whole_file(path) as file:
        file.write(buffer.getvalue())
