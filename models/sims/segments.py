"""Label maps as segments: 8-connected regions of one class, what touches what, and bands along edges.

Classes are numbered as a network numbers them, and one number stands for void.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]  # [H, W]
Labels = NDArray[np.uint8]  # [H, W]

_LEAST = 1000 / (256 * 512)  # share of the picture that a segment must exceed to be looked up


@dataclass(frozen=True)
class Scene:
    """Which classes play which part in a picture."""

    void: int
    ground: tuple[int, ...]  # behind whatever stands on them
    context: tuple[int, ...]  # goes on where nothing is drawn; the other classes are objects
    shaded: tuple[int, ...] = ()  # carry the shadows of the next ones in a photo
    shading: tuple[int, ...] = ()
    fringed: tuple[int, ...] = ()  # show the sky along their edges


@dataclass(frozen=True)
class Segment:
    """A region of one class."""

    label: int
    mask: Mask


def components(labels: Labels) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Number the regions of all classes from 0: their numbers [H, W], and the class of every number."""
    numbers = np.zeros(labels.shape, np.int32)
    classes: list[int] = []
    for label in np.unique(labels):
        found, count = ndimage.label(labels == label, structure=np.ones((3, 3)))
        numbers += np.where(found > 0, found + len(classes) - 1, 0).astype(np.int32)
        classes += [int(label)] * count
    return numbers, np.array(classes, np.uint8)


def large(numbers: NDArray[np.int32], classes: NDArray[np.uint8], void: int) -> NDArray[np.intp]:
    """Which regions are looked up: those that are no void and not small."""
    pixels = np.bincount(numbers.ravel(), minlength=len(classes))
    return np.flatnonzero((pixels > _LEAST * numbers.size) & (classes != void))


def segments_of(labels: Labels, void: int) -> list[Segment]:
    """Cut a label map into its segments, without void and what is small."""
    numbers, classes = components(labels)
    return [Segment(int(classes[number]), numbers == number) for number in large(numbers, classes, void)]


def touching(numbers: NDArray[np.int32]) -> NDArray[np.int64]:
    """Pairs of regions with 8-neighbouring pixels, the smaller number first, [T, 2]."""
    upper, lower, left, right = np.s_[:-1], np.s_[1:], np.s_[:-1], np.s_[1:]
    neighbours = (
        (numbers[:, left], numbers[:, right]),
        (numbers[upper], numbers[lower]),
        (numbers[upper, left], numbers[lower, right]),
        (numbers[upper, right], numbers[lower, left]),
    )
    pairs = np.concatenate([np.stack([a.ravel(), b.ravel()], 1)[(a != b).ravel()] for a, b in neighbours])
    return np.unique(np.sort(pairs, 1).astype(np.int64), axis=0)


def is_in_front(first: Segment, second: Segment, scene: Scene) -> bool:
    """Guess from the label map alone which of two touching segments hides the other.

    The authors read it off the disparity, except that what stands on the ground hides the ground. Without one, that
    which reaches further down stands nearer; of two that reach as far the smaller one is in front.
    """
    grounds = first.label in scene.ground, second.label in scene.ground
    if grounds[0] != grounds[1]:
        return grounds[1]
    bottoms = [int(np.flatnonzero(segment.mask.any(1))[-1]) for segment in (first, second)]
    if bottoms[0] != bottoms[1]:
        return bottoms[0] > bottoms[1]
    return bool(first.mask.sum() < second.mask.sum())


def band(mask: Mask, share: float) -> Mask:
    """Pixels of which a square, with a side of this share of the height, holds some of the mask and some of the rest.

    A square of less than two pixels holds but itself, and makes no band.
    """
    side = int(share * len(mask))
    if side < 2:
        return np.zeros_like(mask)
    spread, shrunk = ndimage.maximum_filter(mask, side), ndimage.minimum_filter(mask, side)
    return np.asarray(spread & ~shrunk)


def box(mask: Mask, margin: float = 0.0) -> Mask:
    """The bounding box, wider by this share of its sides on the left, on the right and below."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    inside = np.zeros_like(mask)
    if len(rows):
        down, across = (round(margin * (places[-1] - places[0] + 1)) for places in (rows, columns))
        inside[rows[0] : rows[-1] + 1 + down, max(0, columns[0] - across) : columns[-1] + 1 + across] = True
    return inside
