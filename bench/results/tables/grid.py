"""A table before it is written in any format: groups of columns, rows of numbers, footnotes."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from metrics.columns import Better, Column

Mark = Literal["", "best", "second"]


@dataclass(frozen=True)
class Group:
    """Columns under one heading."""

    title: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Number:
    """What stands in one place of a table; without text the place is blank and the note says why."""

    text: str = ""
    spread: str = ""  # standard deviation over runs
    mark: Mark = ""
    published: bool = False
    note: str = ""


Entry = tuple[Number, ...]  # one number, or the measured and the published one side by side


@dataclass(frozen=True)
class Row:
    """One method."""

    title: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    rule: bool = False  # a line above it


@dataclass(frozen=True)
class Grid:
    """One table."""

    name: str
    caption: str
    groups: tuple[Group, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    corner: str = "Method"  # the head above the titles of the rows
    ranked: Literal["column", "row"] = "column"  # where the best number is the best of

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns from left to right."""
        return tuple(column for group in self.groups for column in group.columns)

    @property
    def letters(self) -> dict[str, str]:
        """Give each footnote a letter, in reading order; equal notes share one."""
        notes: dict[str, None] = {}
        for row in self.rows:
            notes.update(dict.fromkeys(row.notes))
            notes.update(dict.fromkeys(number.note for entry in row.entries for number in entry if number.note))
        return {note: _letter(index) for index, note in enumerate(notes)}


def transpose(grid: Grid) -> Grid:
    """Make rows columns, as some papers print them; what is said of a row goes below the table."""
    heads = [f"{group.title} {column.head}".strip() for group in grid.groups for column in group.columns]
    rows = tuple(Row(head, tuple(row.entries[index] for row in grid.rows)) for index, head in enumerate(heads))
    columns = tuple(Column("", row.title, "", 0) for row in grid.rows)
    notes = dict.fromkeys(f"{row.title}: {note}" for row in grid.rows for note in row.notes)
    return replace(grid, groups=(Group("", columns),), rows=rows, notes=(*grid.notes, *notes), ranked="row")


def _letter(index: int) -> str:
    repeats, letter = divmod(index, 26)
    return string.ascii_lowercase[letter] * (repeats + 1)


def digits(value: float, decimals: int, sign: str = "") -> str:
    """Write a number with a fixed count of decimals; nothing is ever shown as -0."""
    text = f"{value:{sign}.{decimals}f}"
    return text if Decimal(text) else f"{0:{sign}.{decimals}f}"


def ranks(texts: Sequence[str], better: Better) -> list[Mark]:
    """Mark the best and the second best of the numbers as they are shown; equal ones share a mark, "" has none."""
    numbers = [Decimal(text) if text else None for text in texts]
    present = [number for number in numbers if number is not None]
    if not better or len(present) < 2:
        return [""] * len(numbers)
    order = sorted(set(present), reverse=better == "higher")
    marks: dict[Decimal | None, Mark] = {order[0]: "best"}
    if len(order) > 1:
        marks[order[1]] = "second"
    return [marks.get(number, "") for number in numbers]
