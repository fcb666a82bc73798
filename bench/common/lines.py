"""Tables as text: aligned columns, CSV, Markdown, and tables of rich drawn without a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

Rows = Sequence[Mapping[str, object]]  # all with the same keys


def aligned(rows: Rows, *, head: bool = True) -> str:
    """Write rows as aligned columns, all to the left; the last column is never wrapped."""
    words = [[_word(value) for value in row.values()] for row in rows]
    lines = [list(rows[0]), *words] if rows and head else words
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def as_csv(rows: Rows) -> str:
    """Write rows as CSV with a head line; None becomes an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_markdown(rows: Rows) -> str:
    """Write rows as a Markdown table; there must be at least one."""
    head, *lines = [[*rows[0]], *([_word(value) for value in row.values()] for row in rows)]
    return "\n".join([_piped(head), f"|{'---|' * len(head)}", *map(_piped, lines)])


def drawn(table: Table, *, color: bool = False) -> str:
    """Write a table of rich at its full width, without empty lines and, unless `color`, without colours."""
    console = Console(
        file=io.StringIO(),
        width=10_000,  # never wrapped
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
        _environ={},
    )
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines() if line.strip())


def _piped(words: Sequence[str]) -> str:
    return f"| {' | '.join(words)} |"


def _word(value: object) -> str:
    return "" if value is None else str(value)
