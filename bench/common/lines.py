"""Tables in plain forms: aligned text, CSV, Markdown, and what rich draws, without a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

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


def as_markdown(rows: Rows) -> str:
    """Write one row or more as a pipe table, which GitHub shows as a table."""
    head, *lines = [[*rows[0]], *([_word(value) for value in row.values()] for row in rows)]
    return "\n".join([_piped(head), f"|{'---|' * len(head)}", *map(_piped, lines)])


def drawn(table: Table, *, color: bool = False) -> str:
    """Write what rich draws, as wide as it is: without empty lines, and without color unless asked for."""
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
