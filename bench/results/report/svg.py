"""The charts as SVG to be put into a page: its style sheet colours them, shapes and labels tell them apart without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from bench.results.report.charts import Bars, Point, Scatter, Value, span, ticks
from metrics.columns import Column

LETTER = 6.7  # pixels that a letter takes at the size of labels
WIDTH, HEIGHT = 584, 390
LEFT, RIGHT, TOP, BOTTOM = 66, 18, 16, 52
LONGEST = 32  # letters of a name beside a bar
SHAPES = 8  # and as many colours, which the style sheet calls s0 to s7
Box = tuple[float, float, float, float]


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """Write an element; every text and attribute is escaped."""
    shown = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _text(value)) for key, value in attributes.items()
    )
    return Markup("<{}{}>{}</{}>").format(Markup(name), shown, Markup("").join(map(escape, children)), Markup(name))


def _text(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


@dataclass(frozen=True)
class _Axis:
    """From values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        return ticks(self.low, self.high)


def _figure(number: str, width: float, height: float, title: str, text: str, *children: object) -> Markup:
    return tag(
        "svg",
        tag("title", title, id=f"{number}-title"),
        tag("desc", text, id=f"{number}-text"),
        *children,
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        aria_labelledby=f"{number}-title {number}-text",
    )


def scatter_svg(scatter: Scatter, number: str) -> Markup:
    """Draw quality against diversity; `number` makes its ids unique in the page."""
    everyone = (*scatter.points, *scatter.references)
    x = _Axis(*span([end for point in everyone for end in point.x.ends]), LEFT, WIDTH - RIGHT)
    y = _Axis(*span([end for point in everyone for end in point.y.ends]), HEIGHT - BOTTOM, TOP)
    front = ", ".join(point.title for point in scatter.front)
    text = "; ".join(f"{p.title}: {_digits(p.x, scatter.x)}, {_digits(p.y, scatter.y)}" for p in everyone)
    return _figure(
        number,
        WIDTH,
        HEIGHT,
        scatter.title,
        f"{text}. Pareto front: {front}.",
        *_frame(x, y, scatter),
        *(part for place, point in enumerate(scatter.references) for part in _reference(point, x, y, place)),
        _front(scatter, x, y),
        *_points(scatter, x, y),
    )


def _frame(x: _Axis, y: _Axis, scatter: Scatter) -> list[Markup]:
    parts = []
    for value in x.ticks:
        parts.append(tag("line", x1=x(value), x2=x(value), y1=y.start, y2=y.end, class_="grid"))
        parts.append(tag("text", f"{value:.6g}", x=x(value), y=y.start + 18, class_="tick", text_anchor="middle"))
    for value in y.ticks:
        parts.append(tag("line", x1=x.start, x2=x.end, y1=y(value), y2=y(value), class_="grid"))
        parts.append(tag("text", f"{value:.6g}", x=x.start - 7, y=y(value) + 4, class_="tick", text_anchor="end"))
    middle = (y.start + y.end) / 2
    parts.append(tag("text", _head(scatter.x), x=(x.start + x.end) / 2, y=HEIGHT - 10, text_anchor="middle"))
    turned = f"translate(14 {middle:g}) rotate(-90)"
    parts.append(tag("text", _head(scatter.y), transform=turned, text_anchor="middle"))
    return parts


def _head(column: Column) -> str:
    better = {"higher": "higher is better", "lower": "lower is better", "": ""}[column.better]
    return f"{column.head} {better}".strip()


def _reference(point: Point, x: _Axis, y: _Axis, place: int) -> list[Markup]:
    across, up = x(point.x.mean), y(point.y.mean)
    left = across < (x.start + x.end) / 2
    return [
        tag("line", x1=across, x2=across, y1=y.start, y2=y.end, class_="reference"),
        tag("line", x1=x.start, x2=x.end, y1=up, y2=up, class_="reference"),
        tag(
            "text",
            f"{point.title} (reference)",
            x=across + (6 if left else -6),
            y=y.start - 8 - 15 * place,
            class_="aside",
            text_anchor="start" if left else "end",
        ),
    ]


def _front(scatter: Scatter, x: _Axis, y: _Axis) -> Markup:
    corners = scatter.stair((x.low, x.high), (y.low, y.high))
    path = " ".join(f"{x(across):.1f},{y(up):.1f}" for across, up in corners)
    return tag("polyline", tag("title", "Pareto front"), points=path, class_="front")


def _points(scatter: Scatter, x: _Axis, y: _Axis) -> list[Markup]:
    centres = [(x(point.x.mean), y(point.y.mean)) for point in scatter.points]
    taken: list[Box] = [(across - 8, up - 8, across + 8, up + 8) for across, up in centres]
    corners = [(x(across), y(up)) for across, up in scatter.stair((x.low, x.high), (y.low, y.high))]
    taken += [(min(a, c) - 1, min(b, d) - 1, max(a, c) + 1, max(b, d) + 1) for (a, b), (c, d) in pairwise(corners)]
    parts, labels = [], []
    for place, (point, (across, up)) in enumerate(zip(scatter.points, centres, strict=True)):
        whiskers = [_whisker([(x(end), up) for end in point.x.range])] if point.x.range else []
        whiskers += [_whisker([(across, y(end)) for end in point.y.range])] if point.y.range else []
        words = f"{point.title}: {scatter.x.title} {_digits(point.x, scatter.x)}, "
        words += f"{scatter.y.title} {_digits(point.y, scatter.y)}"
        parts += [*whiskers, tag("g", tag("title", words), _shape(place, across, up), class_=f"s{place % SHAPES}")]
        ends = [x(end) for end in point.x.ends]
        left, base = _label(point.title, (min(ends), across, max(ends)), up, taken)
        labels.append(tag("text", point.title, x=left, y=base, class_="label"))
    return [*parts, *labels]


def _whisker(ends: Sequence[tuple[float, float]]) -> Markup:
    (x1, y1), (x2, y2) = ends
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="whisker")


def _label(title: str, reach: tuple[float, float, float], up: float, taken: list[Box]) -> tuple[float, float]:
    """Place a label beside its point and whiskers where nothing is yet, and remember it."""
    wide = len(title) * LETTER
    left, across, right = reach
    places = [(max(across + 10, right + 4), up + 4), (min(across - 10, left - 4) - wide, up + 4)]
    places += [(across - wide / 2, up - 12), (across - wide / 2, up + 21)]
    places += [(across + 9, up - 10), (across + 9, up + 19), (across - 9 - wide, up - 10)]
    boxes = [(left, base - 11, left + wide, base + 3) for left, base in places]
    free = (place for place, box in enumerate(boxes) if _inside(box) and not any(_meet(box, other) for other in taken))
    chosen = next(free, 0)
    taken.append(boxes[chosen])
    return places[chosen]


def _inside(box: Box) -> bool:
    return box[0] >= LEFT and box[2] <= WIDTH - RIGHT and box[1] >= TOP and box[3] <= HEIGHT - BOTTOM


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _polygon(*corners: tuple[float, float]) -> Callable[[float, float], Markup]:
    def draw(x: float, y: float) -> Markup:
        return tag("polygon", points=" ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners))

    return draw


_MARKERS: tuple[Callable[[float, float], Markup], ...] = (
    lambda x, y: tag("circle", cx=x, cy=y, r=6),
    _polygon((-5.5, -5.5), (5.5, -5.5), (5.5, 5.5), (-5.5, 5.5)),
    _polygon((0, -7), (7, 5.5), (-7, 5.5)),
    _polygon((0, -7.5), (7.5, 0), (0, 7.5), (-7.5, 0)),
    _polygon((0, 7), (7, -5.5), (-7, -5.5)),
    _polygon(
        (-2, -7), (2, -7), (2, -2), (7, -2), (7, 2), (2, 2), (2, 7), (-2, 7), (-2, 2), (-7, 2), (-7, -2), (-2, -2)
    ),
    _polygon((-7, 0), (-3.5, -6), (3.5, -6), (7, 0), (3.5, 6), (-3.5, 6)),
    _polygon(
        (0, -8), (2.3, -2.8), (8, -2.3), (3.6, 1.4), (5, 7), (0, 3.9), (-5, 7), (-3.6, 1.4), (-8, -2.3), (-2.3, -2.8)
    ),
)


def _shape(place: int, x: float, y: float) -> Markup:
    return _MARKERS[place % SHAPES](x, y)


def _digits(value: Value, column: Column) -> str:
    return f"{value.mean:.{column.decimals}f}"


def bars_svg(chart: Bars, number: str) -> Markup:
    """Draw one bar per method; the best says so, references are outlined."""
    wide, step, top = 480, 24, 6
    left = max(len(_short(bar.title)) for bar in chart.bars) * LETTER + 12
    ends = [end for bar in chart.bars for end in bar.value.ends]
    low, high = min(0.0, *ends), max(0.0, *ends)
    axis = _Axis(low, high if high > low else low + 1, left, wide - 92)
    height = len(chart.bars) * step + 2 * top
    parts = []
    for place, bar in enumerate(chart.bars):
        parts += _bar(bar.title, bar.value, axis, top + place * step, _kind(bar.best, bar.reference))
        after = axis(max(bar.value.ends[1], 0.0)) + 7
        shown = f"{bar.text} best" if bar.best else bar.text
        parts.append(
            tag("text", shown, x=after, y=top + place * step + 16, class_="label best" if bar.best else "label")
        )
    parts.append(tag("line", x1=axis(0), x2=axis(0), y1=0, y2=height, class_="axis"))
    text = "; ".join(f"{bar.title}: {bar.text}" for bar in chart.bars)
    return _figure(number, wide, height, chart.title, text, *parts)


def _short(title: str) -> str:
    return title if len(title) <= LONGEST else title[: LONGEST - 1] + "…"


def _kind(best: bool, reference: bool) -> str:
    return "bar outlined" if reference else "bar best" if best else "bar"


def _bar(title: str, value: Value, axis: _Axis, top: float, kind: str) -> list[Markup]:
    zero, end = axis(0), axis(value.mean)
    parts = [
        tag("text", _short(title), x=axis.start - 8, y=top + 16, class_="label", text_anchor="end"),
        tag("rect", x=min(zero, end), y=top + 4, width=abs(end - zero), height=16, class_=kind),
    ]
    if value.range:
        parts.append(_whisker([(axis(bound), top + 12) for bound in value.range]))
        parts += [_whisker([(axis(bound), top + 8), (axis(bound), top + 16)]) for bound in value.range]
    return parts
