"""Persons as shapes, painted back to front: where hair, face, clothes and skin lie.

Only + - * / and square roots touch the geometry, so every machine that follows IEEE 754 draws the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from bench.datasets.base import Instances

BACKGROUND, HAIR, FACE, TOP, BOTTOM, SKIN, SHOES, SOCKS = range(8)
Point = tuple[float, float]
SIDES = (-1.0, 1.0)


class Dice:
    """Random numbers that are equal on every machine."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(seed))

    def within(self, low: float, high: float) -> float:
        """Draw a number between `low` and `high`."""
        return low + (high - low) * float(self._generator.random())

    def chance(self, probability: float) -> bool:
        """Draw True with this probability."""
        return float(self._generator.random()) < probability

    def pick(self, *weights: float) -> int:
        """Draw an index with these probabilities."""
        draw, total = float(self._generator.random()), 0.0
        for index, weight in enumerate(weights[:-1]):
            total += weight
            if draw < total:
                return index
        return len(weights) - 1


class Canvas:
    """An instance map on which one person's shapes are painted, in the person's own coordinates.

    x runs from the middle of the person, y from the top of the frame; both in units of the frame's height.
    """

    def __init__(self, instances: Instances, person: int, centre: float, stretch: float) -> None:
        height, width = instances.shape
        self.instances = instances
        self.first = 1 + 7 * person  # class c of person p has the instance id c + 1 + 7 p
        self.x = (((np.arange(width) + 0.5) / width - centre) / stretch)[None, :]  # [1, W]
        self.y = ((np.arange(height) + 0.5) / height)[:, None]  # [H, 1]

    def _window(self, left: float, right: float, top: float, bottom: float) -> tuple[slice, slice]:
        rows = slice(*np.searchsorted(self.y[:, 0], (top, bottom)).tolist())
        columns = slice(*np.searchsorted(self.x[0], (left, right)).tolist())
        return rows, columns

    def _fill(self, part: int, window: tuple[slice, slice], mask: NDArray[np.bool_]) -> None:
        self.instances[window][mask] = self.first + part

    def ellipse(self, part: int, centre: Point, radii: Point) -> None:
        """Paint an ellipse."""
        (cx, cy), (rx, ry) = centre, radii
        window = self._window(cx - rx, cx + rx, cy - ry, cy + ry)
        across, down = (self.x[:, window[1]] - cx) / rx, (self.y[window[0]] - cy) / ry
        self._fill(part, window, across * across + down * down <= 1)

    def capsule(self, part: int, start: Point, end: Point, radii: Point) -> None:
        """Paint a limb: a segment that is `radii` thick at its two ends, with round ends."""
        (ax, ay), (bx, by), widest = start, end, max(radii)
        window = self._window(min(ax, bx) - widest, max(ax, bx) + widest, min(ay, by) - widest, max(ay, by) + widest)
        x, y, dx, dy = self.x[:, window[1]] - ax, self.y[window[0]] - ay, bx - ax, by - ay
        along = np.clip((x * dx + y * dy) / (dx * dx + dy * dy), 0, 1)  # [h, w]
        aside, beyond, radius = x - along * dx, y - along * dy, radii[0] + along * (radii[1] - radii[0])
        self._fill(part, window, aside * aside + beyond * beyond <= radius * radius)

    def trapezoid(self, part: int, top: Point, bottom: Point, half_widths: Point) -> None:
        """Paint a trapezoid between the middles of its level top and bottom edges."""
        (ax, ay), (bx, by), widest = top, bottom, max(half_widths)
        window = self._window(min(ax, bx) - widest, max(ax, bx) + widest, ay, by)
        along = (self.y[window[0]] - ay) / (by - ay)  # [h, 1]
        half = half_widths[0] + along * (half_widths[1] - half_widths[0])
        self._fill(part, window, abs(self.x[:, window[1]] - (ax + along * (bx - ax))) <= half)


@dataclass(frozen=True)
class Limb:
    """An arm or a leg: its two ends, the joint between them, and the side it is on (-1 or 1)."""

    start: Point
    joint: Point
    end: Point
    side: float

    def at(self, share: float) -> Point:
        """Find the point at this share of the way, 0 = start, 0.5 = joint, 1 = end."""
        a, b, t = (self.start, self.joint, 2 * share) if share < 0.5 else (self.joint, self.end, 2 * share - 1)
        return a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])

    def cover(self, canvas: Canvas, part: int, until: float, radii: tuple[float, float, float]) -> None:
        """Paint the limb from its start to a share of the way, as thick as `radii` at start, joint and end."""
        first, second = min(until, 0.5), until - 0.5
        middle = radii[0] + 2 * first * (radii[1] - radii[0])
        canvas.capsule(part, self.start, self.at(first), (radii[0], middle))
        if second > 0:
            last = radii[1] + 2 * second * (radii[2] - radii[1])
            canvas.capsule(part, self.joint, self.at(until), (radii[1], last))


@dataclass(frozen=True)
class Body:
    """The pose and build of one person."""

    head: Point
    head_radii: Point
    neck: Point
    waist: Point
    hip: Point
    shoulder: float  # half widths
    waist_half: float
    hip_half: float
    arms: tuple[Limb, Limb]
    legs: tuple[Limb, Limb]


def _reach(start: Point, aside: float, length: float, sign: float = 1.0) -> Point:
    return start[0] + aside, start[1] + sign * sqrt(length * length - aside * aside)


def _arm(dice: Dice, shoulder: Point, side: float, scale: float) -> Limb:
    gesture = dice.pick(0.68, 0.2, 0.12)  # hanging, hand on the hip, raised
    upper, lower = 0.135 * scale, 0.125 * scale
    if gesture == 0:
        elbow = _reach(shoulder, side * dice.within(0.015, 0.07) * scale, upper)
        hand = _reach(elbow, side * dice.within(-0.03, 0.05) * scale, lower)
    elif gesture == 1:
        elbow = _reach(shoulder, side * dice.within(0.08, 0.1) * scale, upper)
        hand = _reach(elbow, -side * dice.within(0.08, 0.1) * scale, lower)
    else:
        elbow = _reach(shoulder, side * dice.within(0.07, 0.11) * scale, upper)
        hand = _reach(elbow, side * dice.within(0.0, 0.08) * scale, lower, sign=-1.0)
    return Limb(shoulder, elbow, hand, side)


def _leg(dice: Dice, hip: Point, side: float, ground: float) -> Limb:
    apart = side * dice.within(-0.002, 0.045)
    foot = hip[0] + apart, ground - dice.within(0.0, 0.018)
    knee = hip[0] + 0.5 * apart + side * dice.within(-0.004, 0.014), 0.5 * (hip[1] + foot[1])
    return Limb(hip, knee, foot, side)


def stand(dice: Dice) -> Body:
    """Draw a person's build and pose at random."""
    scale, lean = dice.within(0.95, 1.04), dice.within(-0.02, 0.02)
    ground = 0.96 - 0.3 * (1.04 - scale)
    top = ground - 0.885 * scale
    level = [top + scale * share for share in (0.09, 0.212, 0.37, 0.46)]  # head, shoulders, waist, hip
    slim = dice.within(0.9, 1.12)
    shoulder = slim * scale * dice.within(0.082, 0.1)
    hip_half = slim * scale * dice.within(0.074, 0.092)
    middle = 0.5 * lean
    joints = [((side * (shoulder - 0.018) + lean), level[1] + 0.022 * scale) for side in SIDES]
    hips = [(side * 0.55 * hip_half, level[3] - 0.01) for side in SIDES]
    left_arm, right_arm = (_arm(dice, joint, side, scale) for joint, side in zip(joints, SIDES, strict=True))
    left_leg, right_leg = (_leg(dice, hip, side, ground) for hip, side in zip(hips, SIDES, strict=True))
    return Body(
        head=(1.3 * lean + dice.within(-0.008, 0.008), level[0]),
        head_radii=(scale * dice.within(0.057, 0.065), scale * dice.within(0.073, 0.081)),
        neck=(lean, level[1]),
        waist=(middle, level[2]),
        hip=(0.0, level[3]),
        shoulder=shoulder,
        waist_half=min(shoulder, hip_half) * dice.within(0.72, 0.95),
        hip_half=hip_half,
        arms=(left_arm, right_arm),
        legs=(left_leg, right_leg),
    )
