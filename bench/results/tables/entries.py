"""What stands in one place of a table: a record's number with its spread, mark and footnote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bench.results.records import Record
from bench.results.tables.grid import Entry, Number, Row, digits, ranks
from metrics.columns import Column

NO_RECORD = "no record"
UNTRAINED_NOTE = "untrained weights: the numbers say nothing about the method"
SPREAD = "± is the standard deviation over runs with other noise."
SPREAD_OF_TRAININGS = (
    "± is the standard deviation over trainings; of a method trained once, over runs with other noise."
)


def entry_of(record: Record | None, key: str, decimals: int) -> Number:
    """Show what a record has for a column, or a blank with the reason."""
    if record is None:
        return Number(note=NO_RECORD)
    if record.status != "done":
        return Number(note=f"{record.status}: {record.reason}")
    spread = record.spread(key)
    shown = "" if spread is None else digits(spread, decimals)
    return Number(digits(record.values[key], decimals), shown, note=" ".join(record.doubts))


def exact(record: Record | None, key: str) -> tuple[str, str]:
    """Write the mean and the standard deviation of a column unrounded; "" where there is none."""
    if record is None or key not in record.values:
        return "", ""
    spread = record.spread(key)
    return repr(float(record.values[key])), "" if spread is None else repr(spread)


def row_notes(records: Iterable[Record]) -> tuple[str, ...]:
    """Collect what must be said of a method's numbers."""
    notes: dict[str, None] = {}
    for record in records:
        if record.status == "done" and record.untrained:
            notes[UNTRAINED_NOTE] = None
        if record.note:
            notes[record.note] = None
    return tuple(notes)


def mark_rows(rows: Sequence[Row], columns: Sequence[Column], ranked: Sequence[bool]) -> tuple[Row, ...]:
    """Mark the best and second best first number of every column among the ranked rows."""
    entries: list[list[Entry]] = [list(row.entries) for row in rows]
    for index, column in enumerate(columns):
        texts = [row[index][0].text if counts else "" for row, counts in zip(entries, ranked, strict=True)]
        for row, mark in zip(entries, ranks(texts, column.better), strict=True):
            row[index] = (replace(row[index][0], mark=mark), *row[index][1:])
    return tuple(replace(row, entries=tuple(marked)) for row, marked in zip(rows, entries, strict=True))
