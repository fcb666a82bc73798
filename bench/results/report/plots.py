"""The charts as PNG and PDF, for papers and slides; equal records give equal files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure  # a figure of its own draws with Agg, whatever the machine's windows are

from bench.common.files import whole_file
from bench.results.records import Record
from bench.results.report.charts import Bars, Scatter, Value, bars, scatters
from bench.results.report.sheets import sheets_of

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#B0508C", "#A87400", "#2F8FC4", "#1B1F24", "#7A7210")  # as in the page
MARKERS = ("o", "s", "^", "D", "v", "P", "H", "*")
FORMATS: dict[str, dict[str, str | None]] = {  # no dates or versions, which would differ between equal plots
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}
STYLE: Any = {
    "font.size": 9,
    "pdf.fonttype": 42,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # names are text, whatever signs they hold
}  # Any: the key type of matplotlib's stubs is a list of all settings, and differs between versions


def write_plots(records: Sequence[Record], folder: Path) -> Iterator[Path]:
    """Write every chart of the page and name its files; <table>-<what>.png and .pdf."""
    for number, sheet in enumerate(sheets_of(records), start=1):
        charts: list[Scatter | Bars] = [*scatters(sheet), *bars(sheet)]
        for chart in charts:
            yield from _write(chart, folder / f"table{number}-{_safe(chart.name)}")


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name)[:80]


def _write(chart: Scatter | Bars, stem: Path) -> Iterator[Path]:
    with rc_context(STYLE):
        figure = _scatter(chart) if isinstance(chart, Scatter) else _bars(chart)
        for form, metadata in FORMATS.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, format=form, dpi=200, metadata=metadata)
            path = stem.with_name(f"{stem.name}.{form}")
            with whole_file(path) as file:
                file.write(buffer.getvalue())
            yield path


def _scatter(chart: Scatter) -> Figure:
    figure = Figure(figsize=(5.2, 3.8), layout="constrained")
    axes = figure.add_subplot()
    for reference in chart.references:
        axes.axvline(reference.x.mean, color="0.45", linestyle=":")
        axes.axhline(reference.y.mean, color="0.45", linestyle=":", label=f"{reference.title} (reference)")
    for place, point in enumerate(chart.points):
        axes.errorbar(
            [point.x.mean],
            [point.y.mean],
            xerr=_errors(point.x),
            yerr=_errors(point.y),
            fmt=MARKERS[place % len(MARKERS)],
            color=COLOURS[place % len(COLOURS)],
            ecolor="0.2",
            elinewidth=0.8,
            label=point.title,
        )
    limits = axes.get_xlim(), axes.get_ylim()
    axes.plot(*zip(*chart.stair(*limits), strict=True), color="0.45", linestyle="--", label="Pareto front", zorder=1)
    axes.set(xlabel=chart.x.head, ylabel=chart.y.head, xlim=limits[0], ylim=limits[1])
    axes.set_title(chart.title, fontsize=9)
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _errors(value: Value) -> list[list[float]] | None:
    if value.range is None:
        return None
    low, high = value.range
    return [[max(value.mean - low, 0.0)], [max(high - value.mean, 0.0)]]


def _bars(chart: Bars) -> Figure:
    figure = Figure(figsize=(5.2, 0.8 + 0.26 * len(chart.bars)), layout="constrained")
    axes = figure.add_subplot()
    for place, bar in enumerate(chart.bars):
        face = "none" if bar.reference else COLOURS[2] if bar.best else COLOURS[0]
        axes.barh(
            place,
            bar.value.mean,
            xerr=_errors(bar.value),
            facecolor=face,
            edgecolor="0.45" if bar.reference else face,
            hatch="///" if bar.reference else None,
            ecolor="0.1",
            capsize=2,
        )
        end = max(bar.value.ends[1], 0.0)
        shown = f" {bar.text} best" if bar.best else f" {bar.text}"
        axes.annotate(shown, (end, place), va="center", fontsize=7, xytext=(2, 0), textcoords="offset points")
    axes.set_yticks(range(len(chart.bars)), [bar.title for bar in chart.bars])
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.set_xlabel(chart.column.head)
    axes.set_title(chart.title, fontsize=9)
    return figure
