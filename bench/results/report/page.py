"""The page: everything put into one file that asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.results.records import Record
from bench.results.report.charts import WHISKERS, bars, scatters
from bench.results.report.origins import machines_of, origins_of, protocols_of
from bench.results.report.pictures import Gallery
from bench.results.report.sheets import Sheet, sheets_of
from bench.results.report.svg import bars_svg, scatter_svg
from bench.results.tables.entries import SPREAD, UNTRAINED_NOTE
from metrics.columns import Column

_QUALITY = ("fid", "fid_pd", "miou", "miou_pd", "lpips", "lpips_pd")  # what the summary names the best by


@dataclass(frozen=True)
class Charts:
    """The drawn charts of one table."""

    scatters: tuple[Markup, ...]
    bars: tuple[tuple[str, Markup], ...]  # with the head of the column


def page(records: Sequence[Record], title: str, gallery: Gallery) -> str:
    """Write the report as HTML; equal records give equal bytes, whatever their order."""
    sheets = sheets_of(records)
    machines = machines_of(records)
    folder = importlib.resources.files("bench.results.report") / "templates"
    style = (folder / "report.css").read_text(encoding="utf-8")
    script = (folder / "report.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("bench.results.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html").render(
        title=title,
        policy=_policy(style, script),
        style=Markup(style),  # ours, and no record has a part in them
        script=Markup(script),
        sheets=sheets,
        charts=[_charts(sheet, number) for number, sheet in enumerate(sheets, start=1)],
        facts=_facts(records),
        leaders=[_leaders(sheet) for sheet in sheets],
        cautions=_cautions(records),
        gallery=gallery,
        protocols=protocols_of(sheets),
        machines=list(machines.values()),
        origins=origins_of(sheets, machines),
        interval=interval,
        whiskers=WHISKERS,
        spread=SPREAD,
    )


def _policy(style: str, script: str) -> str:
    """Allow this style sheet, this script and pictures inside the page; nothing else, from nowhere."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _charts(sheet: Sheet, number: int) -> Charts:
    drawn = [scatter_svg(scatter, f"scatter-{number}-{place}") for place, scatter in enumerate(scatters(sheet))]
    columns = [
        (chart.column.head, bars_svg(chart, f"bars-{number}-{place}")) for place, chart in enumerate(bars(sheet))
    ]
    return Charts(tuple(drawn), tuple(columns))


def _facts(records: Sequence[Record]) -> list[tuple[str, str]]:
    cells = {record.cell for record in records}
    starts = sorted(record.provenance.start for record in records)
    return [
        ("Records", str(len(records))),
        ("Cells", str(len(cells))),
        ("Methods", str(len({cell.method for cell in cells}))),
        ("Data sets", ", ".join(sorted({cell.data for cell in cells}))),
        ("Protocols", ", ".join(sorted({cell.protocol for cell in cells}))),
        ("Measured", f"{starts[0][:10]} to {starts[-1][:10]}"),
    ]


def _leaders(sheet: Sheet) -> str:
    """Say who is best by what, of the methods that are ranked."""
    best = []
    for index, column in enumerate(sheet.columns):
        if column.key in _QUALITY:
            entries = [(line.title, line.entries[index]) for line in sheet.lines]
            names = [f"{title} ({entry.text})" for title, entry in entries if entry.mark == "best"]
            best += [f"{column.title} {' and '.join(names)}"] if names else []
    ranked = sum(not line.reference for line in sheet.lines)
    return f"{ranked} {'method' if ranked == 1 else 'methods'}{'; best: ' if best else ''}{', '.join(best)}"


def _cautions(records: Sequence[Record]) -> list[str]:
    cautions: dict[str, None] = {}
    for record in sorted(records, key=lambda record: (record.cell.title, record.metric, record.key)):
        if record.status != "done":
            cautions[f"{record.cell.title}: {record.metric} {record.status}: {record.reason}"] = None
        if record.untrained:
            cautions[f"{record.cell.title}: {UNTRAINED_NOTE}"] = None
        if record.cell.limit is not None:
            cautions[f"{record.cell.data}: a limited run, not comparable with full ones"] = None
        for doubt in record.doubts:
            cautions[f"{record.cell.title}: {record.metric}: {doubt}"] = None
    return list(cautions)


def interval(record: Record, column: Column) -> str:
    """Write the 95 % interval of a number; "" where there is none."""
    if column.key not in record.intervals:
        return ""
    low, high = record.intervals[column.key]
    return f"{low:.{column.decimals}f} to {high:.{column.decimals}f}"
