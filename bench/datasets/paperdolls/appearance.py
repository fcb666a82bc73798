"""How the parts of a drawn person look: colours, patterns, shading, and the photo that they give.

The look of a part depends on its class and its own seed alone, and its pixels on its own region alone: drawing one
part anew leaves every other pixel unchanged, and the distribution of photos given a layout is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.datasets.base import Image, Instances, Labels
from bench.datasets.paperdolls.figures import BACKGROUND, BOTTOM, FACE, HAIR, SHOES, SKIN, SOCKS, TOP, Dice

PATTERNS = ("plain", "stripes", "dots", "checks")
PLAIN, STRIPES, DOTS, CHECKS = range(4)
ANGLES = 3  # upright, level, diagonal
RGB = tuple[float, float, float]
Positions = NDArray[np.float64]

PATTERN_ODDS = {TOP: (0.4, 0.3, 0.15, 0.15), BOTTOM: (0.6, 0.2, 0.05, 0.15), SOCKS: (0.6, 0.4, 0.0, 0.0)}
HAIR_TONES = (  # hue, saturation and value, each as (low, high)
    ((0.05, 0.10), (0.15, 0.35), (0.12, 0.20)),  # black
    ((0.05, 0.08), (0.55, 0.75), (0.28, 0.45)),  # brown
    ((0.11, 0.14), (0.45, 0.65), (0.78, 0.92)),  # blond
    ((0.02, 0.05), (0.75, 0.88), (0.55, 0.72)),  # red
)
LIGHT_SKIN, DARK_SKIN = (0.98, 0.84, 0.74), (0.42, 0.26, 0.18)
EYE, WHITE, MOUTH = (30.0, 26.0, 34.0), (245.0, 245.0, 245.0), (172.0, 56.0, 62.0)


@dataclass(frozen=True)
class Appearance:
    """The look of one part: what a network must know to draw it again."""

    colour: RGB  # 0..1
    second: RGB  # the pattern's other colour, or the background's at the bottom of the frame
    pattern: int  # index into PATTERNS
    period: float  # share of the frame's width
    angle: int  # 0 upright, 1 level, 2 diagonal
    phase: tuple[float, float]  # share of the period, along and across
    shading: float  # how much darker the side away from the light is


def hsv(hue: float, saturation: float, value: float) -> RGB:
    """Convert to red, green and blue, all in 0..1."""
    sector = (hue % 1.0) * 6.0
    red, green, blue = (min(max(abs((sector + shift) % 6.0 - 3.0) - 1.0, 0.0), 1.0) for shift in (0.0, 4.0, 2.0))
    low = value * (1.0 - saturation)
    return low + red * (value - low), low + green * (value - low), low + blue * (value - low)


def _colour(dice: Dice, part: int) -> RGB:
    if part == HAIR:
        ranges = HAIR_TONES[dice.pick(0.3, 0.35, 0.2, 0.15)]
        return hsv(*(dice.within(*bounds) for bounds in ranges))
    if part in (FACE, SKIN):
        dark = dice.within(0.0, 1.0)
        red, green, blue = (a + dark * (b - a) for a, b in zip(LIGHT_SKIN, DARK_SKIN, strict=True))
        return red, green, blue
    if part == TOP:
        return hsv(dice.within(0.0, 1.0), dice.within(0.5, 0.95), dice.within(0.55, 0.98))
    if part == BOTTOM:
        hue = dice.within(0.56, 0.68) if dice.chance(0.6) else dice.within(0.0, 1.0)
        return hsv(hue, dice.within(0.3, 0.75), dice.within(0.25, 0.8))
    if part == SHOES:
        return hsv(dice.within(0.0, 1.0), dice.within(0.1, 0.7), dice.within(0.12, 0.36))
    if part == SOCKS:
        return hsv(dice.within(0.0, 1.0), dice.within(0.0, 0.3), dice.within(0.85, 1.0))
    return hsv(dice.within(0.0, 1.0), dice.within(0.04, 0.2), dice.within(0.86, 0.98))


def appearance(part: int, seed: int) -> Appearance:
    """Draw the look of a part of this class."""
    dice = Dice(seed)
    colour = _colour(dice, part)
    if part == BACKGROUND:
        factor = dice.within(0.72, 0.9)
    else:
        amount = dice.within(0.4, 0.65)
        bright = sum(colour) > 1.2
        factor = 1.0 - amount if bright else 1.0 + 2.2 * amount
    red, green, blue = (min(channel * factor, 1.0) for channel in colour)
    return Appearance(
        colour=colour,
        second=(red, green, blue),
        pattern=dice.pick(*PATTERN_ODDS.get(part, (1.0, 0.0, 0.0, 0.0))),
        period=dice.within(0.10, 0.17),
        angle=dice.pick(1 / 3, 1 / 3, 1 / 3),
        phase=(dice.within(0.0, 1.0), dice.within(0.0, 1.0)),
        shading=0.0 if part == BACKGROUND else dice.within(0.08, 0.24),
    )


def paint(labels: Labels, instances: Instances, seeds: Sequence[int] | NDArray[np.int64]) -> Image:
    """Paint the photo of a layout; instance i looks as `seeds[i]` says."""
    height, width = instances.shape
    image = np.zeros((height, width, 3), np.uint8)
    for instance in np.flatnonzero(np.bincount(instances.ravel())).tolist():
        rows, columns = np.nonzero(instances == instance)
        part = int(labels[rows[0], columns[0]])
        look = appearance(part, int(seeds[instance]))
        x, y = (columns + 0.5) / width, (rows + 0.5) / height
        image[rows, columns] = _part(part, look, x, y)
    return image


def _part(part: int, look: Appearance, x: Positions, y: Positions) -> Image:
    colour, second = (255.0 * np.array(rgb) for rgb in (look.colour, look.second))
    if part == BACKGROUND:
        pixels = colour + y[:, None] * (second - colour)  # [P, 3]
    else:
        left, width = x.min(), max(x.max() - x.min(), 1e-6)
        light = 1.0 - look.shading * (2.0 * (x - left) / width - 0.6) ** 2  # brightest at 0.3 of the width
        pixels = np.where(_weave(look, x, y)[:, None], second, colour) * light[:, None]
    if part == FACE:
        _features(pixels, x, y)
    return np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)


def _weave(look: Appearance, x: Positions, y: Positions) -> NDArray[np.bool_]:
    if look.pattern == PLAIN:
        return np.zeros(len(x), bool)
    along, across = ((x, y), (y, x), (0.7071 * (x + y), 0.7071 * (x - y)))[look.angle]
    u, v = along / look.period + look.phase[0], across / look.period + look.phase[1]
    u, v = u - np.floor(u), v - np.floor(v)
    if look.pattern == STRIPES:
        return u < 0.5
    if look.pattern == DOTS:
        return (u - 0.5) * (u - 0.5) + (v - 0.5) * (v - 0.5) < 0.09
    return (u < 0.5) ^ (v < 0.5)


def _features(pixels: Positions, x: Positions, y: Positions) -> None:
    """Give a face eyes and a mouth, placed by the box around it; they belong to the class, not to the look."""
    u, v = (x - x.min()) / max(x.max() - x.min(), 1e-6), (y - y.min()) / max(y.max() - y.min(), 1e-6)

    def spot(colour: RGB, centre: tuple[float, float], radii: tuple[float, float], top: float = 0.0) -> None:
        across, down = (u - centre[0]) / radii[0], (v - centre[1]) / radii[1]
        pixels[(across * across + down * down <= 1) & (v >= top)] = colour

    for eye in (0.29, 0.71):
        spot(WHITE, (eye, 0.42), (0.13, 0.08))
        spot(EYE, (eye, 0.42), (0.075, 0.085))
    spot(MOUTH, (0.5, 0.72), (0.2, 0.13), top=0.72)  # the lower half of an ellipse smiles
