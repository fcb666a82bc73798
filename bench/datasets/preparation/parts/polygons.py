"""Pixels that a polygon covers, as skimage.draw.polygon has them; a test compares the two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def polygon_mask(rows: NDArray[np.float64], columns: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Mark the pixels [H, W] whose centres, at whole coordinates, lie in a polygon or on its outline.

    Even-odd rule: a pixel is inside if a ray to the right crosses the outline an odd number of times. Of an edge the
    upper end counts for that ray, the lower end for the ray to the left; inside both are odd, on the outline one of
    them is. What lies outside the image is left out.
    """
    mask = np.zeros(shape, np.bool_)
    top, bottom = _span(rows, shape[0])
    left, right = _span(columns, shape[1])
    if top > bottom or left > right:
        return mask
    x = np.arange(left, right + 1)
    to_the_right, to_the_left = np.zeros((2, bottom - top + 1, len(x)), np.bool_)
    ends = np.stack([rows, columns, np.roll(rows, -1), np.roll(columns, -1)], axis=1)
    for y0, x0, y1, x1 in ends[ends[:, 0] != ends[:, 2]].tolist():
        first, last = max(top, int(np.ceil(min(y0, y1)))), min(bottom, int(np.floor(max(y0, y1))))
        if first > last:
            continue
        y = np.arange(first, last + 1)[:, None]  # [rows that the edge meets, 1]
        # Where the edge crosses the row, seen from each pixel: positive is to its right.
        crossing = ((x0 - x) * (y1 - y) - (x1 - x) * (y0 - y)) / (y1 - y0)
        block = slice(first - top, last - top + 1)
        to_the_right[block] ^= ((y0 > y) != (y1 > y)) & (crossing > 0)
        to_the_left[block] ^= ((y0 < y) != (y1 < y)) & (crossing < 0)
    mask[top : bottom + 1, left : right + 1] = to_the_right | to_the_left
    _mark_corners(mask, rows, columns)
    return mask


def _span(coordinates: NDArray[np.float64], size: int) -> tuple[int, int]:
    """Give the first and last pixel between the smallest and the largest coordinate."""
    return max(0, int(np.ceil(coordinates.min()))), min(size - 1, int(np.floor(coordinates.max())))


def _mark_corners(mask: NDArray[np.bool_], rows: NDArray[np.float64], columns: NDArray[np.float64]) -> None:
    """Mark the pixels at corners, as both rays may miss the tip of a polygon."""
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    whole = inside & (rows == np.floor(rows)) & (columns == np.floor(columns))
    mask[rows[whole].astype(int), columns[whole].astype(int)] = True
