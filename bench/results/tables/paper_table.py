"""A paper's table with our numbers: as printed, as measured, side by side, or their difference."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from bench.results.records import PROBE, Record, newest
from bench.results.tables.entries import SPREAD, csv_text, entry_of, exact, mark_rows, row_notes
from bench.results.tables.grid import Entry, Grid, Group, Number, Row, digits, transpose
from bench.results.tables.published import ROUNDING, Printed, PublishedRow, PublishedTable
from metrics.columns import Column

Values = Literal["measured", "published", "both", "delta"]
Place = tuple[PublishedRow, str, Column, Printed]  # row, data set, column and what the paper prints there

NO_NUMBER = "the paper has no number"
REPRODUCED = "reproduced"  # in place of a difference: all printed digits agree
WITHIN_NOISE, DIFFERS, NOT_MEASURED = "within noise", "differs", "not measured"
_NOISE = 2  # standard deviations of our runs
OF_A_MACHINE = "no record: a time belongs to a machine, `bench profile --time` measures yours"
NOT_COUNTED = "no record: `bench profile` counts it for the methods of the suite"
BLANK = {  # why a cost is blank
    **dict.fromkeys(("seconds", "fps"), OF_A_MACHINE),
    **dict.fromkeys(("params_m", "params_with_encoder_m", "params_leaf_m", "gmacs", "gmacs_paper"), NOT_COUNTED),
}


class PaperTable:
    """A published table beside the records that can fill it."""

    def __init__(self, table: PublishedTable, records: Iterable[Record], protocol: str | None = None) -> None:
        self.table = table
        self.protocol = protocol or table.protocol
        self.records = [record for record in records if _full(record, self.protocol)]

    def measured(self, row: PublishedRow, dataset: str, column: Column) -> Record | None:
        """Find the record that speaks for a place: a full run of the paper's network with trained weights.

        Where there is a cost that `bench profile` counted, it comes first: it depends on no one's files.
        """
        found = [
            record
            for record in self.records
            if (record.cell.method, record.cell.dataset) == (row.method, dataset) and record.fills(column.key)
        ]
        done = [record for record in found if record.status == "done"]
        costs = [record for record in done if record.cell.protocol == PROBE]
        return newest(costs or [record for record in done if record.weights != "untrained"] or done or found)

    def number(self, row: PublishedRow, dataset: str, column: Column) -> Number:
        """Show the measured number of a place, or a blank with the reason."""
        record = self.measured(row, dataset, column)
        if record is not None and record.status == "done" and record.weights == "untrained":
            return Number(note="measured with untrained weights only")
        if record is None and column.key in BLANK:
            return Number(note=BLANK[column.key])
        return entry_of(record, column)

    def grid(self, values: Values) -> Grid:
        """Lay the table out for rendering."""
        entry = {
            "measured": lambda *place: (self.number(*place[:3]),),
            "published": lambda *place: (_published(place[3]),),
            "both": lambda *place: (self.number(*place[:3]), _published(place[3])),
            "delta": lambda *place: (self.judged(*place),),
        }[values]
        rows = [self._row(row, values, entry) for row in self.table.rows]
        if values in ("measured", "both"):
            columns = [column for _, column in self.table.places]
            rows = list(mark_rows(rows, columns, [row.ranked for row in self.table.rows]))
        groups = tuple(Group(group.head, group.columns) for group in self.table.groups)
        notes = self._notes(values, rows)
        grid = Grid(self.table.id, self.table.caption, groups, tuple(rows), notes, self.table.corner)
        return transpose(grid) if self.table.transposed else grid

    def csv(self, values: Values) -> str:
        """Write the table in long form, one line per number; measured means are not rounded."""
        return csv_text(_LONG_FORM[values](self))

    def places(self) -> list[Place]:
        """List every place, row by row."""
        return [
            (row, dataset, replace(column, key=row.records.get(column.metric, column.key)), printed)
            for row in self.table.rows
            for (dataset, column), printed in zip(self.table.places, row.values, strict=True)
        ]

    def _row(self, row: PublishedRow, values: Values, entry: Callable[..., Entry]) -> Row:
        places = [place for place in self.places() if place[0] is row]
        records = [self.measured(*place[:3]) for place in places] if values != "published" else []
        notes = row_notes(record for record in records if record is not None and record.weights != "untrained")
        notes += row.notes if values != "measured" else ()
        return Row(row.title, tuple(entry(*place) for place in places), notes, row.rule)

    def difference(self, row: PublishedRow, dataset: str, column: Column, printed: Printed) -> Number:
        """Subtract the printed number from ours, which is rounded as the paper rounds."""
        if printed.number is None:
            return Number(note=NO_NUMBER)
        measured = self.number(row, dataset, column)
        if not measured.text:
            return replace(measured, note=_joined(measured.note, printed.note))
        ours = Decimal(measured.text)
        record = self.measured(row, dataset, column)
        if printed.rounding and record is not None:
            ours = printed.rounded(record.values[column.key], column.decimals)
        note = _joined(measured.note, _joined(ROUNDING[printed.rounding], printed.note))
        return Number(digits(float(ours - printed.number), column.decimals, "+"), note=note)

    def verdict(self, row: PublishedRow, dataset: str, column: Column, printed: Printed) -> str:
        """Say whether our number is the paper's: to the digit, within the noise of our runs, or not."""
        difference = self.difference(row, dataset, column, printed)
        if not difference.text:
            return "" if printed.number is None else NOT_MEASURED
        if not Decimal(difference.text):
            return REPRODUCED
        record = self.measured(row, dataset, column)
        runs = record.runs.get(column.key, []) if record is not None else []
        noise = _NOISE * statistics.stdev(runs) if len(runs) > 1 else 0.0
        return WITHIN_NOISE if abs(float(difference.text)) <= noise else DIFFERS

    def judged(self, row: PublishedRow, dataset: str, column: Column, printed: Printed) -> Number:
        """Show the difference with its verdict."""
        place = (row, dataset, column, printed)
        difference, verdict = self.difference(*place), self.verdict(*place)
        if verdict == REPRODUCED:
            return replace(difference, text=REPRODUCED)
        return replace(difference, text=f"≈ {difference.text}") if verdict == WITHIN_NOISE else difference

    def _notes(self, values: Values, rows: Sequence[Row]) -> tuple[str, ...]:
        printed = f"as printed in {self.table.paper} ({self.table.source})"
        measured = f"Measured with protocol {self.protocol}, preset paper."
        notes = {
            "measured": [f"{measured} Layout of {self.table.paper} ({self.table.source})."],
            "published": [f"All numbers are published ones, {printed}."],
            "both": [measured, f"Numbers in parentheses are published ones, {printed}."],
            "delta": [
                measured,
                f'Measured minus published number, the latter {printed}. "{REPRODUCED}": to the last printed digit; '
                "≈: within two standard deviations of our runs; a difference without ≈ is none of noise.",
            ],
        }[values]
        if values != "published" and any(self._is_cost(*place) for place in self.places()):
            notes.append("Parameters and operations are counted on a fixed layout; they depend on no weights.")
        if any(number.spread for row in rows for entry in row.entries for number in entry):
            notes.append(SPREAD)
        return (*notes, *self.table.notes)

    def _is_cost(self, row: PublishedRow, dataset: str, column: Column, _: Printed) -> bool:
        record = self.measured(row, dataset, column)
        return record is not None and record.cell.protocol == PROBE


def _full(record: Record, protocol: str) -> bool:
    cell = record.cell
    return cell.protocol in (protocol, PROBE) and cell.preset == "paper" and cell.limit is None


def _joined(first: str, second: str) -> str:
    if not (first and second):
        return first or second
    return f"{first.removesuffix('.')}. {second}"


def _published(printed: Printed) -> Number:
    text = "–" if printed.absent else printed.text
    return Number(text, mark=printed.mark, published=True, note=printed.note)


def _start(table: PublishedTable, place: Place) -> list[str]:
    row, dataset, column, _ = place
    return [table.id, row.method, dataset, column.metric]


_KEYS = ["table", "method", "dataset", "metric"]


def _published_lines(paper: PaperTable) -> list[list[str]]:
    present = [place for place in paper.places() if not place[3].absent]
    return [[*_KEYS, "value"], *([*_start(paper.table, place), place[3].text] for place in present)]


def _measured_lines(paper: PaperTable) -> list[list[str]]:
    lines = [[*_KEYS, "value", "std", "blank"]]
    for place in paper.places():
        number = paper.number(*place[:3])
        mean, spread = exact(paper.measured(*place[:3]), place[2].key) if number.text else ("", "")
        lines.append([*_start(paper.table, place), mean, spread, "" if number.text else number.note])
    return lines


def _both_lines(paper: PaperTable) -> list[list[str]]:
    lines = [[*_KEYS, "measured", "std", "published", "blank"]]
    for place, line in zip(paper.places(), _measured_lines(paper)[1:], strict=True):
        *start, mean, spread, blank = line
        lines.append([*start, mean, spread, "" if place[3].absent else place[3].text, blank])
    return lines


def _delta_lines(paper: PaperTable) -> list[list[str]]:
    lines = [[*_KEYS, "delta", "verdict", "blank"]]
    for place in paper.places():
        difference = paper.difference(*place)
        blank = "" if difference.text else difference.note
        lines.append([*_start(paper.table, place), difference.text, paper.verdict(*place), blank])
    return lines


_LONG_FORM: dict[Values, Callable[[PaperTable], list[list[str]]]] = {
    "measured": _measured_lines,
    "published": _published_lines,
    "both": _both_lines,
    "delta": _delta_lines,
}
