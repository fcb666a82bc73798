"""Training pictures of SIMS: a photo's own segments, damaged as if they had been found in other photos."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from models.sims.bank import Bank, Found
from models.sims.canvas import Canvas, whiten
from models.sims.segments import Labels, Scene, Segment, band, box, segments_of

_SEARCHED = 100  # photos of the bank per picture
_RECOLOURED = 0.2  # probability that a segment takes the colours of its find
_EDGE = 0.05  # side of the square that makes the band of white pixels
_TURN = 2.5  # degrees by which a segment's label is turned at most
_SHIFT = 0.02  # of the height by which it is moved at most; the authors only have "slightly"

Pixels = NDArray[np.float32]  # [..., 3], 0..1


def damaged(labels: Labels, photo: Pixels, bank: Bank | None, scene: Scene, rng: torch.Generator) -> Canvas:
    """Cut out of a photo what finds of its segments would cover, and blur where the layout says they lie."""
    known, moved = np.zeros_like(photo), labels.copy()
    if bank is None:
        return Canvas(moved, known)
    searched = torch.randperm(len(bank.photos), generator=rng)[:_SEARCHED].numpy()
    for segment in segments_of(labels, scene.void):
        found = _of_another_photo(segment, bank, searched)
        if found is not None:
            area = segment.mask & found.mask
            known[area] = _coloured(segment, found, photo, bank, rng)[area]
            whiten(known, band(area, _EDGE) & area, rng)
        moved[_moved(segment, rng) & ~segment.mask] = scene.void
    return Canvas(moved, known)


def _of_another_photo(segment: Segment, bank: Bank, searched: NDArray[np.int64]) -> Found | None:
    """The best find; one with exactly this mask is of the picture itself."""
    return next((found for found in bank.best(segment, searched) if found.overlap < 1), None)


def _coloured(segment: Segment, found: Found, photo: Pixels, bank: Bank, rng: torch.Generator) -> Pixels:
    """The photo, now and then in the colours of the find."""
    if torch.rand((), generator=rng) >= _RECOLOURED:
        return photo
    model = bank.photos[found.photo][box(found.mask)] / np.float32(255)
    return transferred(photo, photo[box(segment.mask)], model)


def transferred(photo: Pixels, own: Pixels, model: Pixels) -> Pixels:
    """Move colours so that mean and covariance of `own` become those of `model`, by the shortest linear way.

    That is the Monge-Kantorovitch transfer of colours, A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2 for covariances A and B.
    """
    flat_own, flat_model = own.reshape(-1, 3).astype(np.float64), model.reshape(-1, 3).astype(np.float64)
    a, b = (np.cov(flat, rowvar=False, bias=True) + 1e-6 * np.eye(3) for flat in (flat_own, flat_model))
    root = _power(a, 0.5)
    inverse = _power(a, -0.5)
    change = inverse @ _power(root @ b @ root, 0.5) @ inverse
    moved = (photo - flat_own.mean(0)) @ change + flat_model.mean(0)
    return np.asarray(np.clip(moved, 0, 1), np.float32)


def _power(symmetric: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(symmetric)
    return np.asarray(vectors * np.maximum(values, 1e-12) ** exponent @ vectors.T)


def _moved(segment: Segment, rng: torch.Generator) -> NDArray[np.bool_]:
    """The mask, turned about its centre and shifted a little."""
    turn, down, across = (2 * torch.rand(3, generator=rng).double().numpy() - 1).tolist()
    angle, reach = np.deg2rad(_TURN * turn), _SHIFT * len(segment.mask)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array(ndimage.center_of_mass(segment.mask))
    offset = centre - matrix @ (centre + reach * np.array([down, across]))
    return np.asarray(ndimage.affine_transform(segment.mask, matrix, offset, order=0))
