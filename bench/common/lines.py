"""Rows of words and numbers as a plain table or as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

Rows = Sequence[Mapping[str, object]]  # all with the same keys


def aligned(rows: Rows, *, head: bool = True) -> str:
    """Write columns that line up, numbers and words alike; the last column may be as long as it likes."""
    words = [[_word(value) for value in row.values()] for row in rows]
    lines = [list(rows[0]), *words] if rows and head else words
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def as_csv(rows: Rows) -> str:
    """Write with a head line; what is not known is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _word(value: object) -> str:
    return "" if value is None else str(value)
