"""Which columns a table of records has."""

from __future__ import annotations

from collections.abc import Iterable

from bench.results.records import Record
from metrics.columns import COLUMNS, Column


def columns_of(records: Iterable[Record]) -> tuple[Column, ...]:
    """List the columns that the records fill or leave blank; a number that has no column comes last, under its key."""
    keys = {key for record in records for key in record.filled}
    known = [column for column in COLUMNS if column.key in keys]
    others = sorted(keys - {column.key for column in known})
    return (*known, *(Column(key, key, "", 4) for key in others))
