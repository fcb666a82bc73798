"""Single places of a table: the number of a record as it is shown, with its spread, mark and footnote."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bench.results.records import Record
from bench.results.tables.grid import Entry, Number, Row, digits, ranks
from metrics.columns import Column

REFERENCES = {"truth": "Truth", "real": "Real photos"}  # what methods are held to


UNTRAINED = "untrained weights: the numbers say nothing about the method"


SPREAD = "± is the standard deviation over runs with other noise."


SPREAD_OF_TRAININGS = (
    "± is the standard deviation over trainings; of a method trained once, over runs with other noise."
)


def csv_text(lines: Iterable[Sequence[object]]) -> str:
    """Write lines as CSV with plain line ends."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def exact(record: Record | None, key: str) -> tuple[str, str]:
    """Write the mean and the standard deviation of a column unrounded; "" where there is none."""
    if record is None or key not in record.values:
        return "", ""
    runs = record.runs.get(key, [])
    return repr(float(record.values[key])), repr(statistics.stdev(runs)) if len(runs) > 1 else ""


def entry_of(record: Record | None, column: Column) -> Number:
    """Show what a record has for a column, or a blank with the reason."""
    if record is None:
        return Number(note="no record")
    if record.status != "done":
        return Number(note=f"{record.status}: {record.reason}")
    runs = record.runs.get(column.key, [])
    spread = digits(statistics.stdev(runs), column.decimals) if len(runs) > 1 else ""
    return Number(digits(record.values[column.key], column.decimals), spread, note=" ".join(record.doubts))


def row_notes(records: Iterable[Record]) -> tuple[str, ...]:
    """Collect what must be said of a method's numbers."""
    notes: dict[str, None] = {}
    for record in records:
        if record.status == "done" and record.weights == "untrained":
            notes[UNTRAINED] = None
        if record.note:
            notes[record.note] = None
    return tuple(notes)


def mark_rows(rows: Sequence[Row], columns: Sequence[Column], ranked: Sequence[bool]) -> tuple[Row, ...]:
    """Mark the best and second best first number of every column among the ranked rows."""
    entries: list[list[Entry]] = [list(row.entries) for row in rows]
    for place, column in enumerate(columns):
        texts = [row[place][0].text if counts else "" for row, counts in zip(entries, ranked, strict=True)]
        for row, mark in zip(entries, ranks(texts, column.better), strict=True):
            row[place] = (replace(row[place][0], mark=mark), *row[place][1:])
    return tuple(replace(row, entries=tuple(marked)) for row, marked in zip(rows, entries, strict=True))
