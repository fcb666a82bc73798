"""The papers' tables as printed: one TOML file each, numbers kept as text so that no digit is lost.

id = "inade-1"
paper = "INADE, Table 1"         # who printed it
caption = "..."
protocol = "inade2021"           # what our numbers beside it are measured with
source = "..."                   # the publication
notes = ["..."]                  # optional
transposed = true                # optional: the paper prints the methods as columns
corner = "Op"                    # optional: the head above the titles of the rows, "Method" where it is not given

[footnotes]                      # optional: what is said of single rows or numbers, which refer to it
merged = "..."

[[groups]]                       # columns under one heading, of one data set
head = "DeepFashion"             # optional
dataset = "deepfashion"
columns = [
  { key = "fid", head = "FID", better = "lower" },    # optional: unit, decimals; without `better` nothing is ranked
]                                # optional: record = "gmacs_paper", the key of our numbers where it is another one;
                                 # rounding = "cut", how the paper rounds where it is not to the nearest

[[rows]]
method = "inade"                 # the row's id; a method of the suite where there is one
title = "INADE"
values = [["_9.97_[merged]"]]    # one list per group; *bold*, _underlined_, [footnote]; not all is a number;
                                 # "96.50~tenths" = one number is rounded in another way than its column
                                 # optional: ranked = false (takes no part in best), rule = true (a line above),
                                 # notes = ["merged"] (footnotes of the row), records = { params_m = "params_leaf_m" }
                                 # (keys of our numbers that hold for this row only)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from bench.common.catalog import check_name
from bench.common.errors import UserError
from bench.common.places import PUBLISHED
from bench.results.tables.grid import Mark
from metrics.columns import Better, Column

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MARKS: dict[str, Mark] = {"*": "best", "_": "second"}
_BETTER: dict[str, Better] = {"higher": "higher", "lower": "lower", "": ""}
ROUNDING = {  # how a paper gets its digits -> what is said of it
    "": "",
    "cut": "The paper cuts digits off instead of rounding.",
    "tenths": "The paper rounds to one decimal and appends a zero.",
    "twice": "The paper rounds to three decimals and these to two.",
}


@dataclass(frozen=True)
class Printed:
    """One number as a paper prints it, or what stands in place of one."""

    text: str  # as printed: "9.97", "-", "N/A", "76.00%", "96M"
    mark: Mark  # "best" = printed bold, "second" = printed underlined
    note: str = ""
    rounding: str = ""  # a key of ROUNDING
    record: str = ""  # the column of our records that fills the place

    def rounded(self, value: float, decimals: int) -> Decimal:
        """Bring a number of ours to digits in the way of the paper; halves go up."""
        number = Decimal(repr(value))
        if self.rounding == "cut":
            return number.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN)
        first = {"tenths": [1], "twice": [3]}.get(self.rounding, [])
        for places in [*first, decimals]:
            number = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        return number

    @property
    def number(self) -> Decimal | None:
        """The number, if it is one."""
        try:
            number = Decimal(self.text.rstrip("%M"))
        except InvalidOperation:
            return None
        return number if number.is_finite() else None

    @property
    def absent(self) -> bool:
        """Whether the paper has nothing here."""
        return self.text in ("", "-", "N/A")


@dataclass(frozen=True)
class PublishedGroup:
    """Columns of one data set."""

    head: str
    dataset: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """One line of a printed table, its numbers from left to right over all groups."""

    method: str
    title: str
    values: tuple[Printed, ...]
    ranked: bool
    rule: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PublishedTable:
    """One table of a paper."""

    id: str
    paper: str
    caption: str
    protocol: str
    source: str
    groups: tuple[PublishedGroup, ...]
    rows: tuple[PublishedRow, ...]
    notes: tuple[str, ...]
    transposed: bool
    corner: str

    @property
    def places(self) -> list[tuple[str, Column]]:
        """Data set and column of every number of a row, from left to right."""
        return [(group.dataset, column) for group in self.groups for column in group.columns]


def table_files(folder: Path = PUBLISHED) -> dict[str, Path]:
    """Find the tables: id -> file."""
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def published_table(name: str, folder: Path = PUBLISHED) -> PublishedTable:
    """Read one table by its id."""
    files = table_files(folder)
    check_name("table", files, name)
    path = files[name]
    try:
        table = _table(tomllib.loads(path.read_text(encoding="utf-8")))
    except KeyError as error:
        raise UserError(f"{path}: {error.args[0]} is missing.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: {error}.") from error
    if table.id != path.stem:
        raise UserError(f"{path}: its id is '{table.id}', expected the file's name.")
    return table


def _table(data: Mapping[str, Any]) -> PublishedTable:
    words = {key: str(data[key]) for key in ("id", "paper", "caption", "protocol", "source")}
    _only(data, {*words, "notes", "footnotes", "transposed", "corner", "groups", "rows"}, "the table")
    footnotes = data.get("footnotes", {})
    columns = [group["columns"] for group in data["groups"]]
    rows = tuple(_row(row, columns, footnotes) for row in data["rows"])
    _all_used(footnotes, rows)
    return PublishedTable(
        **words,
        groups=_groups(data["groups"], rows),
        rows=rows,
        notes=tuple(data.get("notes", ())),
        transposed=data.get("transposed", False),
        corner=data.get("corner", "Method"),
    )


def _groups(groups: list[Mapping[str, Any]], rows: tuple[PublishedRow, ...]) -> tuple[PublishedGroup, ...]:
    read, start = [], 0
    for group in groups:
        _only(group, {"head", "dataset", "columns"}, "a group")
        shown = [[row.values[start + index] for row in rows] for index in range(len(group["columns"]))]
        columns = tuple(_column(column, cells) for column, cells in zip(group["columns"], shown, strict=True))
        read.append(PublishedGroup(group.get("head", ""), group["dataset"], columns))
        start += len(columns)
    return tuple(read)


def _row(row: Mapping[str, Any], columns: list[list[Mapping[str, Any]]], footnotes: Mapping[str, str]) -> PublishedRow:
    _only(row, {"method", "title", "values", "ranked", "rule", "notes", "records"}, f"row {row['method']}")
    widths, found = [list(map(len, groups)) for groups in (columns, row["values"])]
    if found != widths:
        raise ValueError(f"row {row['method']} has {found} values in its groups, expected {widths}")
    records = row.get("records", {})
    _only(records, {column["key"] for group in columns for column in group}, f"records of row {row['method']}")
    return PublishedRow(
        method=row["method"],
        title=row["title"],
        values=tuple(
            _printed(text, footnotes, column, records)
            for values, group in zip(row["values"], columns, strict=True)
            for text, column in zip(values, group, strict=True)
        ),
        ranked=row.get("ranked", True),
        rule=row.get("rule", False),
        notes=tuple(_footnote(footnotes, name) for name in row.get("notes", ())),
    )


def _printed(text: str, footnotes: Mapping[str, str], column: Mapping[str, Any], records: Mapping[str, str]) -> Printed:
    """Take marks, footnote and rounding off the text of one place; `records` are the keys that its row gives."""
    noted = re.fullmatch(r"(.*)\[(.+)\]", text)
    text, note = (noted[1], _footnote(footnotes, noted[2])) if noted else (text, "")
    ruled = re.fullmatch(r"(.*)~(\w+)", text)
    text, rounding = (ruled[1], ruled[2]) if ruled else (text, column.get("rounding", ""))
    if rounding not in ROUNDING:
        raise ValueError(f"there is no rounding '{rounding}', known: {', '.join(filter(None, ROUNDING))}")
    marked = re.fullmatch(r"([*_])(.+)\1", text)
    text, mark = (marked[2], _MARKS[marked[1]]) if marked else (text, "")
    key = column["key"]
    return Printed(text, mark, note, rounding, record=records.get(key, column.get("record", key)))


def _footnote(footnotes: Mapping[str, str], name: str) -> str:
    if name not in footnotes:
        raise ValueError(f"there is no footnote '{name}', known: {', '.join(footnotes) or 'none'}")
    return footnotes[name]


def _all_used(footnotes: Mapping[str, str], rows: Iterable[PublishedRow]) -> None:
    used = {note for row in rows for note in (*row.notes, *(cell.note for cell in row.values))}
    unused = [name for name, text in footnotes.items() if text not in used]
    if unused:
        raise ValueError(f"no row and no number refers to the footnote '{unused[0]}'")


def _column(column: Mapping[str, Any], cells: list[Printed]) -> Column:
    _only(column, {"key", "record", "rounding", "head", "better", "unit", "decimals"}, f"column {column['key']}")
    better = column.get("better", "")
    if better not in _BETTER:
        raise ValueError(f"column {column['key']}: better is '{better}', expected 'higher' or 'lower'")
    decimals = column.get("decimals", max(map(_decimals, cells), default=0))
    return Column(column["key"], column["head"], _BETTER[better], decimals, column.get("unit", ""))


def _decimals(cell: Printed) -> int:
    return 0 if cell.number is None else max(0, -int(cell.number.as_tuple().exponent))


def _only(table: Mapping[str, object], known: set[str], where: str) -> None:
    unknown = sorted(table.keys() - known)
    if unknown:
        raise ValueError(f"{where} has an unknown '{unknown[0]}', known: {', '.join(sorted(known))}")
