"""Canvases of SIMS: found segments painted from the back to the front, and what is left out of them.

All sizes are relative to the height of the picture, and those of the authors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.sims.bank import Bank, Found
from models.sims.segments import Labels, Mask, Scene, Segment, band, box, segments_of

_INNER, _OUTER, _SHADOW, _FRINGE = 0.035, 0.08, 0.06, 0.04  # sides of the squares that make the bands
_MARGIN = 0.125  # of the box around an object that its outer band stays in

InFront = Callable[[Segment, Segment], bool]  # whether the first of two segments of a layout hides the second


@dataclass(frozen=True)
class Canvas:
    """What the synthesis network completes."""

    labels: Labels  # the layout that was drawn, which is not quite the one that was asked for
    photo: NDArray[np.float32]  # [H, W, 3], 0..1; 0 where nothing is known


def compose(labels: Labels, bank: Bank | None, scene: Scene, hides: InFront, rng: torch.Generator) -> Canvas:
    """Draw a layout from the bank; without a bank nothing is known."""
    photo = np.zeros((*labels.shape, 3), np.float32)
    if bank is None:
        return Canvas(labels, photo)
    rank = {int(label): place for place, label in enumerate(bank.order)}
    segments = sorted(segments_of(labels, scene.void), key=lambda segment: rank[segment.label])
    pairs = [(segment, found) for segment in segments for found in bank.best(segment, count=1)]
    owners = _painted(pairs, hides, labels.shape)
    owners[_without_find(labels, pairs)] = -1  # what was not found lies open, and in front
    for number, (segment, found) in enumerate(pairs):
        shown = (owners == number) & ~_left_out(segment, found, bank, scene)
        photo[shown] = bank.photos[found.photo][shown] / np.float32(255)
    drawn = Canvas(_redrawn(labels, pairs, owners, scene), photo)
    _blank(drawn, pairs, owners, scene, rng)
    return drawn


def _painted(pairs: list[tuple[Segment, Found]], hides: InFront, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Which pair owns every pixel, -1 for none: later ones lie over earlier ones, unless those hide them."""
    owners = np.full(shape, -1)
    for number, (segment, found) in enumerate(pairs):
        area = found.mask.copy()
        for other in np.unique(owners[area]):
            if other >= 0 and pairs[other][0].label != segment.label and hides(pairs[other][0], segment):
                area &= owners != other
        owners[area] = number
    return owners


def _without_find(labels: Labels, pairs: list[tuple[Segment, Found]]) -> Mask:
    """Pixels of segments that were too small to be looked up, or not found; void is no segment."""
    looked_up = np.zeros(labels.shape, bool)
    for segment, _ in pairs:
        looked_up |= segment.mask
    return ~looked_up


def _left_out(segment: Segment, found: Found, bank: Bank, scene: Scene) -> Mask:
    """Pixels of a found segment that would tell of its photo's neighbours: shadows, and sky between leaves."""
    if segment.label in scene.fringed:
        return band(found.mask, _FRINGE)
    if segment.label in scene.shaded:
        return band(np.isin(bank.labels(found.photo), scene.shading), _SHADOW)
    return np.zeros_like(found.mask)


def _redrawn(labels: Labels, pairs: list[tuple[Segment, Found]], owners: NDArray[np.int64], scene: Scene) -> Labels:
    """The layout as it was drawn: an object that its find does not cover is void there, the context goes on."""
    redrawn = np.where(np.isin(labels, scene.context) | _without_find(labels, pairs), labels, scene.void)
    for number, (segment, _) in enumerate(pairs):
        redrawn[owners == number] = segment.label
    return redrawn.astype(np.uint8)


def _blank(
    drawn: Canvas, pairs: list[tuple[Segment, Found]], owners: NDArray[np.int64], scene: Scene, rng: torch.Generator
) -> None:
    """Leave the edges to the network: half of the pixels along them are white, the context around objects is open."""
    in_context = np.isin(drawn.labels, scene.context)
    for number in range(len(pairs)):
        whiten(drawn.photo, band(owners == number, _INNER), rng)
    for number, (segment, _) in enumerate(pairs):
        if segment.label not in scene.context:
            area = owners == number
            drawn.photo[band(area, _OUTER) & box(area, _MARGIN) & in_context] = 0


def whiten(photo: NDArray[np.float32], where: Mask, rng: torch.Generator) -> None:
    """Make half of these pixels white, if anything is known of them."""
    half = torch.rand(where.shape, generator=rng).numpy() < 0.5
    photo[where & half & photo.any(2)] = 1
