"""The numbers that records hold, as tables print them; the metrics say the same, but importing them loads torch."""

from __future__ import annotations

from collections.abc import Iterable

from bench.results.records import Record
from metrics.columns import _BY_KEY, COLUMNS, Column


def columns_of(records: Iterable[Record]) -> tuple[Column, ...]:
    """List the columns that the records fill or leave blank; what nobody knows comes last, under its key."""
    keys = {key for record in records for key in (record.values or record.columns or (record.metric,))}
    known = [column for column in COLUMNS if column.key in keys]
    return (*known, *(Column(key, key, "", 4) for key in sorted(keys - _BY_KEY.keys())))
