"""Records sorted into sheets: one table per data set and protocol, one line per method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bench.common.catalog import REFERENCES, methods, title_of
from bench.results.records import PROBE, Preset, Record, newest, variant_title
from bench.results.tables.columns import columns_of
from bench.results.tables.entries import UNTRAINED_NOTE, entry_of, mark_rows, row_notes
from bench.results.tables.grid import Grid, Group, Number, Row
from metrics.columns import Column


@dataclass(frozen=True, kw_only=True)
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
        return UNTRAINED_NOTE in self.notes


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
        """Its name for people."""
        return f"{self.data}, cost of one image" if self.costs else f"{self.data}, protocol {self.protocol}"

    @property
    def costs(self) -> bool:
        """Whether it holds what `bench profile` counted, which follows no protocol."""
        return self.protocol == PROBE

    @cached_property
    def letters(self) -> dict[str, str]:
        """Footnotes, each with its letter."""
        rows = tuple(Row(line.title, tuple((entry,) for entry in line.entries), line.notes) for line in self.lines)
        return Grid("", "", (Group("", self.columns),), rows).letters


def sheets_of(records: Sequence[Record]) -> list[Sheet]:
    """Sort records into sheets; the order they come in does not matter. Costs come last."""
    sheets: dict[tuple[bool, str, int, str], list[Record]] = {}
    for record in sorted(records, key=lambda record: (record.metric, record.key)):
        cell = record.cell
        order = (cell.protocol == PROBE, cell.dataset, cell.limit or 0, cell.protocol)
        sheets.setdefault(order, []).append(record)
    return [_sheet(found) for _, found in sorted(sheets.items())]


def _sheet(records: Sequence[Record]) -> Sheet:
    order = {name: number for number, name in enumerate(methods())}
    variants: dict[tuple[str, Preset], list[Record]] = {}
    for record in records:
        variants.setdefault((record.cell.method, record.cell.preset), []).append(record)
    ordered = sorted(variants, key=lambda variant: (order.get(variant[0], len(order)), *variant))
    columns = columns_of(records)
    lines = [_line(variant, variants[variant], columns) for variant in ordered]
    cell = records[0].cell
    return Sheet(cell.data, cell.protocol, columns, _marked(lines, columns), tuple(records))


def _line(variant: tuple[str, Preset], records: Sequence[Record], columns: Sequence[Column]) -> Line:
    method, preset = variant
    known = methods()
    found = [newest(record for record in records if record.fills(column.key)) for column in columns]
    return Line(
        title=variant_title(title_of(method), preset),
        about=known[method][-1] if method in known else "not a method of this installation",
        reference=method in REFERENCES,
        records=tuple(found),
        entries=tuple(entry_of(each, column.key, column.decimals) for each, column in zip(found, columns, strict=True)),
        notes=row_notes(records),
    )


def _marked(lines: Sequence[Line], columns: Sequence[Column]) -> tuple[Line, ...]:
    rows = [Row(line.title, tuple((entry,) for entry in line.entries)) for line in lines]
    marked = mark_rows(rows, columns, [not line.reference for line in lines])
    return tuple(
        replace(line, entries=tuple(entry[0] for entry in row.entries)) for line, row in zip(lines, marked, strict=True)
    )


def spread_of(record: Record, key: str) -> tuple[float, float] | None:
    """Say how far a mean may be off: its 95 % interval, else one standard deviation over runs, else nothing."""
    if key in record.intervals:
        return record.intervals[key]
    deviation = record.spread(key)
    return None if deviation is None else (record.values[key] - deviation, record.values[key] + deviation)
