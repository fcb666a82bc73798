"""What the charts show, before anything is drawn: quality against diversity, and one bar per method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.results.report.sheets import Line, Sheet, spread_of
from metrics.columns import Column

Range = tuple[float, float]
PAIRS = (("fid", "lpips"), ("fid", "mcsd"), ("fid", "misd"), ("miou", "lpips"))  # quality, diversity
WHISKERS = "Whiskers are the 95 % interval of the mean where a record holds one, else one standard deviation over runs."


@dataclass(frozen=True)
class Value:
    """A number with how far it may be off."""

    mean: float
    range: Range | None = None

    @property
    def ends(self) -> Range:
        """The range that an axis must show: of the number alone where nothing is said of its error."""
        return self.range or (self.mean, self.mean)


@dataclass(frozen=True)
class Point:
    """A method between quality and diversity."""

    title: str
    x: Value
    y: Value


@dataclass(frozen=True)
class Scatter:
    """Methods between quality (x) and diversity (y); what they are held to is drawn as lines."""

    title: str
    name: str  # of files
    x: Column
    y: Column
    points: tuple[Point, ...]
    references: tuple[Point, ...]

    @property
    def front(self) -> tuple[Point, ...]:
        """The points that no other one beats in both, from left to right."""
        return pareto(self.points, self.x, self.y)

    def stair(self, across: Range, up: Range) -> list[tuple[float, float]]:
        """Walk along the front from edge to edge of a drawing: what lies behind it is beaten by a method."""
        lower_x, lower_y = self.x.better == "lower", self.y.better == "lower"
        steps = [(point.x.mean, point.y.mean) for point in self.front]
        edge = up[1] if lower_y else up[0]
        first, last = steps[0], steps[-1]
        steps = (
            [(first[0], edge), *steps, (across[1], last[1])]
            if lower_x
            else [(across[0], first[1]), *steps, (last[0], edge)]
        )
        corners = [steps[0]]
        for (left, before), (right, after) in pairwise(steps):
            corners += [(right, before) if lower_x else (left, after), (right, after)]
        return corners


@dataclass(frozen=True)
class Bar:
    """A method's number."""

    title: str
    value: Value
    text: str
    best: bool
    reference: bool


@dataclass(frozen=True)
class Bars:
    """One column of a table."""

    title: str
    name: str
    column: Column
    bars: tuple[Bar, ...]


def scatters(sheet: Sheet) -> list[Scatter]:
    """Pair quality with diversity, as far as two methods have both."""
    keys = [column.key for column in sheet.columns]
    found = []
    for suffix in ("", "_pd"):
        for quality, diversity in PAIRS:
            if {quality + suffix, diversity + suffix} <= set(keys):
                scatter = _scatter(sheet, keys.index(quality + suffix), keys.index(diversity + suffix))
                found += [scatter] if len(scatter.points) > 1 else []
    return found


def _scatter(sheet: Sheet, x: int, y: int) -> Scatter:
    points: list[Point] = []
    references: list[Point] = []
    for line in sheet.lines:
        across, up = _value(sheet, line, x), _value(sheet, line, y)
        if across is not None and up is not None:
            (references if line.reference else points).append(Point(_title(line), across, up))
    quality, diversity = sheet.columns[x], sheet.columns[y]
    title = f"{quality.title} against {diversity.title} on {sheet.data}, {sheet.protocol}"
    name = f"{quality.key}-{diversity.key}"
    return Scatter(title, name, quality, diversity, tuple(points), tuple(references))


def bars(sheet: Sheet) -> list[Bars]:
    """Draw every column that has a better direction and two numbers."""
    found = []
    for index, column in enumerate(sheet.columns):
        own = []
        for line in sheet.lines:
            value, entry = _value(sheet, line, index), line.entries[index]
            if value is not None:
                own.append(Bar(_title(line), value, entry.text, entry.mark == "best", line.reference))
        if column.better and len(own) > 1:
            title = f"{column.head} on {sheet.data}, {sheet.protocol}"
            found.append(Bars(title, column.key, column, tuple(own)))
    return found


def _value(sheet: Sheet, line: Line, index: int) -> Value | None:
    record, key = line.records[index], sheet.columns[index].key
    if record is None or key not in record.values:
        return None
    return Value(record.values[key], spread_of(record, key))


def _title(line: Line) -> str:
    return f"{line.title}, untrained" if line.untrained else line.title


def pareto(points: Sequence[Point], x: Column, y: Column) -> tuple[Point, ...]:
    """Keep the points that no other one is at least as good as in both and better in one."""

    def gain(point: Point) -> tuple[float, float]:
        return _signed(point.x.mean, x), _signed(point.y.mean, y)

    def beaten(point: Point) -> bool:
        mine = gain(point)
        return any(other != mine and other[0] >= mine[0] and other[1] >= mine[1] for other in map(gain, points))

    return tuple(
        sorted((point for point in points if not beaten(point)), key=lambda point: (point.x.mean, point.title))
    )


def _signed(value: float, column: Column) -> float:
    return -value if column.better == "lower" else value


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Choose round numbers (1, 2 or 5 times a power of ten) within a range."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def span(values: Sequence[float], margin: float = 0.08) -> Range:
    """Leave room around values; equal ones get some, too."""
    low, high = min(values), max(values)
    room = (high - low) * margin or abs(high) * margin or 1.0
    return low - room, high + room
