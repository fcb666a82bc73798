"""Names and colours of classes: tables as files, and colours for data sets that define none."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib.resources import files

from bench.datasets.base import Colour

Row = dict[str, str]


def class_table(name: str) -> list[Row]:
    """Read the rows of a table of classes in label order; each has a label, a name and perhaps more."""
    text = files("bench.datasets").joinpath("classes", f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def names_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """The names of the classes, in label order."""
    return tuple(row["name"] for row in rows)


def colours_of(rows: Sequence[Row]) -> tuple[Colour, ...]:
    """The colours of the classes, in label order."""
    return tuple((int(row["red"]), int(row["green"]), int(row["blue"])) for row in rows)


def spread_colours(count: int) -> tuple[Colour, ...]:
    """Give every class a colour of its own as SPADE does: the bits of label + 1, dealt out to red, green and blue."""
    return tuple(_colour(label + 1) for label in range(count))


def _colour(number: int) -> Colour:
    red = green = blue = 0
    for place in range(7, 0, -1):
        red |= (number & 1) << place
        green |= (number >> 1 & 1) << place
        blue |= (number >> 2 & 1) << place
        number >>= 3
    return red, green, blue
