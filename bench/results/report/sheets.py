"""Records sorted into sheets: one table per data set and protocol, one line per method."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bench.common.catalog import methods
from bench.results.records import PROBE, Record, newest, variant_title
from bench.results.tables.columns import columns_of
from bench.results.tables.entries import REFERENCES, UNTRAINED, entry_of, mark_rows, row_notes
from bench.results.tables.grid import Grid, Group, Number, Row
from metrics.columns import Column

_PAPER = re.compile(
    r"(?P<title>\S+) \(([A-Za-z]+ \d{4}|in the .* paper)\)"
)  # how the catalogue starts the line of a paper's method


@dataclass(frozen=True)
class Line:
    """One method variant: its newest record of every column, and how a table shows each."""

    title: str
    about: str  # what the catalogue says of the method
    reference: bool
    records: tuple[Record | None, ...]
    entries: tuple[Number, ...]
    notes: tuple[str, ...]

    @property
    def untrained(self) -> bool:
        """Whether any of its numbers comes from random weights."""
        return UNTRAINED in self.notes


@dataclass(frozen=True)
class Sheet:
    """One table: a data set under a protocol."""

    data: str
    protocol: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    records: tuple[Record, ...]  # the superseded ones as well

    @property
    def title(self) -> str:
        """Name it for people."""
        return f"{self.data}, cost of one image" if self.costs else f"{self.data}, protocol {self.protocol}"

    @property
    def costs(self) -> bool:
        """Whether it holds what `bench profile` counted, which follows no protocol."""
        return self.protocol == PROBE

    @cached_property
    def letters(self) -> dict[str, str]:
        """Give each footnote its letter."""
        rows = tuple(Row(line.title, tuple((entry,) for entry in line.entries), line.notes) for line in self.lines)
        return Grid("", "", (Group("", self.columns),), rows).letters


def sheets_of(records: Sequence[Record]) -> list[Sheet]:
    """Sort records into sheets; the order they come in does not matter. Costs come last."""
    places: dict[tuple[bool, str, int, str], list[Record]] = {}
    for record in sorted(records, key=lambda record: (record.metric, record.key)):
        cell = record.cell
        place = (cell.protocol == PROBE, cell.dataset, cell.limit or 0, cell.protocol)
        places.setdefault(place, []).append(record)
    return [_sheet(found) for _, found in sorted(places.items())]


def _sheet(records: Sequence[Record]) -> Sheet:
    catalogue = list(methods())
    place = {name: number for number, name in enumerate(catalogue)}
    variants = {(record.cell.method, record.cell.preset) for record in records}
    ordered = sorted(variants, key=lambda variant: (place.get(variant[0], len(place)), *variant))
    columns = columns_of(records)
    lines = []
    for method, preset in ordered:
        own = [record for record in records if (record.cell.method, record.cell.preset) == (method, preset)]
        found = [newest(record for record in own if record.fills(column.key)) for column in columns]
        entries = tuple(entry_of(record, column) for record, column in zip(found, columns, strict=True))
        about = methods().get(method, ("", "not a method of this installation"))[1]
        title = variant_title(title_of(method), preset)
        lines.append(Line(title, about, method in REFERENCES, tuple(found), entries, row_notes(own)))
    cell = records[0].cell
    return Sheet(cell.data, cell.protocol, columns, _marked(lines, columns), tuple(records))


def _marked(lines: Sequence[Line], columns: Sequence[Column]) -> tuple[Line, ...]:
    rows = [Row(line.title, tuple((entry,) for entry in line.entries)) for line in lines]
    marked = mark_rows(rows, columns, [not line.reference for line in lines])
    return tuple(
        replace(line, entries=tuple(entry[0] for entry in row.entries)) for line, row in zip(lines, marked, strict=True)
    )


def title_of(method: str) -> str:
    """Print a method's name as its paper does; variants have the name that users type."""
    if method in REFERENCES:
        return REFERENCES[method]
    found = _PAPER.match(methods().get(method, ("", ""))[1])
    return found["title"] if found else method


def spread_of(record: Record, key: str) -> tuple[float, float] | None:
    """Say how far a mean may be off: its 95 % interval, else one standard deviation over runs, else nothing."""
    if key in record.intervals:
        return record.intervals[key]
    runs = record.runs.get(key, [])
    if len(runs) < 2:
        return None
    deviation = statistics.stdev(runs)
    return record.values[key] - deviation, record.values[key] + deviation
