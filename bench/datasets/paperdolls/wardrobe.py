"""What a drawn person wears: hair, clothes, shoes and socks around a body."""

from __future__ import annotations

from bench.datasets.paperdolls.figures import (
    BOTTOM,
    FACE,
    HAIR,
    SHOES,
    SIDES,
    SKIN,
    SOCKS,
    TOP,
    Body,
    Canvas,
    Dice,
    Point,
    stand,
)

DRESS, TROUSERS, SHORTS, SKIRT = range(4)
SHORT, BOB, LONG, BUN, PONYTAIL, CURLS = range(6)


def dress_person(canvas: Canvas, dice: Dice) -> None:
    """Draw a person from back to front."""
    body = stand(dice)
    hair = dice.pick(0.24, 0.18, 0.24, 0.1, 0.12, 0.12)
    outfit = dice.pick(0.17, 0.41, 0.17, 0.25)
    _hair_behind(canvas, dice, body, hair)
    _legs_and_feet(canvas, dice, body, outfit)
    _bottom(canvas, dice, body, outfit)
    canvas.capsule(SKIN, body.head, body.neck, (0.029, 0.033))
    _top(canvas, dice, body, outfit)
    _arms(canvas, dice, body)
    _neckline(canvas, dice, body)
    _head(canvas, dice, body, hair)


def _hair_behind(canvas: Canvas, dice: Dice, body: Body, hair: int) -> None:
    (x, y), (rx, ry) = body.head, body.head_radii
    if hair == LONG:
        length = dice.within(1.9, 3.0) * ry
        canvas.trapezoid(HAIR, (x, y - 0.2 * ry), (x, y + length), (1.22 * rx, dice.within(1.25, 1.6) * rx))
    elif hair == BOB:
        canvas.trapezoid(HAIR, (x, y - 0.3 * ry), (x, y + dice.within(0.8, 1.2) * ry), (1.2 * rx, 1.42 * rx))
    elif hair == PONYTAIL:
        side = SIDES[dice.pick(0.5, 0.5)]
        tip = x + side * dice.within(1.5, 2.1) * rx, y + dice.within(1.2, 2.0) * ry
        canvas.capsule(HAIR, (x + side * 1.15 * rx, y - 0.45 * ry), tip, (0.3 * rx, 0.46 * rx))
    elif hair == BUN:
        canvas.ellipse(HAIR, (x, y - 1.22 * ry), (0.55 * rx, 0.42 * ry))


def _legs_and_feet(canvas: Canvas, dice: Dice, body: Body, outfit: int) -> None:
    socks = dice.chance(0.55 if outfit == TROUSERS else 0.68)
    knee_high = dice.within(0.6, 0.85)
    boots = not socks and dice.chance(0.35)
    shaft = dice.within(0.68, 0.86)
    length, height = dice.within(0.036, 0.044), dice.within(0.021, 0.026)
    for leg in body.legs:
        leg.cover(canvas, SKIN, 1.0, (0.046, 0.036, 0.023))
        if socks:
            canvas.capsule(SOCKS, leg.at(knee_high), leg.end, (0.034, 0.028))
        if boots:
            canvas.capsule(SHOES, leg.at(shaft), leg.end, (0.036, 0.031))
        canvas.ellipse(SHOES, (leg.end[0] + leg.side * 0.009, leg.end[1] + 0.005), (length, height))


def _bottom(canvas: Canvas, dice: Dice, body: Body, outfit: int) -> None:
    if outfit == DRESS:
        return
    x, y = body.hip
    waist = body.waist[0], body.waist[1] + 0.01
    canvas.trapezoid(BOTTOM, waist, (x, y + 0.02), (body.waist_half + 0.004, body.hip_half + 0.004))
    if outfit == SKIRT:
        length, flare = dice.within(0.09, 0.3), dice.within(1.0, 1.75)
        canvas.trapezoid(BOTTOM, (x, y), (x, y + length), (body.hip_half + 0.005, body.hip_half * flare + 0.01))
        return
    hem = dice.within(0.25, 0.48) if outfit == SHORTS else dice.within(0.82, 0.96)
    wide = dice.within(0.038, 0.046) if outfit == SHORTS else dice.within(0.03, 0.046)
    for leg in body.legs:
        leg.cover(canvas, BOTTOM, hem, (0.053, wide + 0.006, wide))


def _top(canvas: Canvas, dice: Dice, body: Body, outfit: int) -> None:
    x, y = body.neck
    collar = x, y - 0.012
    canvas.trapezoid(TOP, collar, (x, y + 0.02), (0.45 * body.shoulder, body.shoulder))
    canvas.trapezoid(TOP, (x, y + 0.02), body.waist, (body.shoulder, body.waist_half + 0.006))
    if outfit == DRESS:
        hem, flare = dice.within(0.1, 0.36), dice.within(1.15, 2.0)
        canvas.trapezoid(TOP, body.waist, body.hip, (body.waist_half + 0.006, body.hip_half + 0.012))
        foot = body.hip[0], body.hip[1] + hem
        canvas.trapezoid(TOP, body.hip, foot, (body.hip_half + 0.012, body.hip_half * flare + 0.012))
        return
    share = dice.within(0.15, 1.15)  # of the way from waist to hip
    hem_y = body.waist[1] + share * (body.hip[1] - body.waist[1])
    half = body.waist_half + min(share, 1.0) * (body.hip_half - body.waist_half)
    canvas.trapezoid(TOP, body.waist, (body.hip[0], hem_y), (body.waist_half + 0.006, half + 0.01))


def _arms(canvas: Canvas, dice: Dice, body: Body) -> None:
    sleeve = (0.0, dice.within(0.28, 0.46), dice.within(0.58, 0.78), 0.9)[dice.pick(0.15, 0.35, 0.15, 0.35)]
    wide = dice.within(0.029, 0.037)
    for arm in body.arms:
        arm.cover(canvas, SKIN, 1.0, (0.028, 0.025, 0.02))
        if sleeve > 0:
            arm.cover(canvas, TOP, sleeve, (0.033, wide, wide - 0.003))
        canvas.ellipse(SKIN, arm.end, (0.021, 0.025))


def _neckline(canvas: Canvas, dice: Dice, body: Body) -> None:
    x, y = body.neck
    kind, depth = dice.pick(0.5, 0.3, 0.2), dice.within(0.03, 0.07)
    if kind == 0:  # round
        canvas.ellipse(SKIN, (x, y - 0.012), (0.038, 0.032))
    elif kind == 1:  # V
        canvas.trapezoid(SKIN, (x, y - 0.013), (x, y + depth), (0.038, 0.0))
    else:  # roll neck
        canvas.trapezoid(TOP, (x, y - 0.034), (x, y), (0.036, 0.039))


def _head(canvas: Canvas, dice: Dice, body: Body, hair: int) -> None:
    (x, y), (rx, ry) = body.head, body.head_radii
    if hair == CURLS:
        wide = dice.within(1.4, 1.75)
        canvas.ellipse(HAIR, (x, y - 0.3 * ry), (wide * rx, 1.05 * wide * rx))
    else:
        canvas.ellipse(HAIR, (x, y - 0.22 * ry), (1.2 * rx, 1.1 * ry))
    canvas.ellipse(FACE, (x, y + 0.08 * ry), (rx, ry))
    _fringe(canvas, dice, body.head, body.head_radii)


def _fringe(canvas: Canvas, dice: Dice, head: Point, radii: Point) -> None:
    (x, y), (rx, ry) = head, radii
    kind, low = dice.pick(0.35, 0.35, 0.3), dice.within(0.3, 0.5)
    side = SIDES[dice.pick(0.5, 0.5)]
    if kind == 0:  # straight
        canvas.trapezoid(HAIR, (x, y - ry), (x, y - low * ry), (0.7 * rx, 0.98 * rx))
    elif kind == 1:  # swept to one side
        start, end = (x - side * 0.6 * rx, y - 0.85 * ry), (x + side * 0.95 * rx, y - 0.5 * ry)
        canvas.capsule(HAIR, start, end, (0.34 * ry, 0.3 * ry))
    else:  # high forehead
        canvas.ellipse(HAIR, (x, y - 0.9 * ry), (0.85 * rx, 0.3 * ry))
