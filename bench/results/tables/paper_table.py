"""A paper's table with our numbers: as printed, as measured, side by side, or their difference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from bench.common.lines import as_csv
from bench.results.records import PROBE, Record, newest
from bench.results.tables.entries import NO_RECORD, SPREAD, entry_of, exact, mark_rows, row_notes
from bench.results.tables.grid import Entry, Grid, Group, Number, Row, digits, transpose
from bench.results.tables.published import ROUNDING, Printed, PublishedRow, PublishedTable
from metrics.columns import Column

Values = Literal["measured", "published", "both", "delta"]

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


@dataclass(frozen=True, kw_only=True)
class Place:
    """One number of a paper's table: where it stands, how the paper prints it, and our record of it."""

    row: PublishedRow
    dataset: str
    column: Column
    printed: Printed
    record: Record | None

    @property
    def measured(self) -> Number:
        """Our number, or a blank with the reason."""
        key = self.printed.record
        if self.record is None:
            return Number(note=BLANK.get(key, NO_RECORD))
        if self.record.status == "done" and self.record.untrained:
            return Number(note="measured with untrained weights only")
        return entry_of(self.record, key, self.column.decimals)

    @property
    def published(self) -> Number:
        """The paper's number, or what it prints in place of one."""
        text = "–" if self.printed.absent else self.printed.text
        return Number(text, mark=self.printed.mark, published=True, note=self.printed.note)

    @property
    def difference(self) -> Number:
        """Our number minus the paper's, ours rounded as the paper rounds; a blank where one of them is missing."""
        printed, measured = self.printed, self.measured
        if printed.number is None:
            return Number(note=NO_NUMBER)
        if not measured.text:
            return replace(measured, note=_joined(measured.note, printed.note))
        ours = Decimal(measured.text)
        if printed.rounding and self.record is not None:
            ours = printed.rounded(self.record.values[printed.record], self.column.decimals)
        note = _joined(measured.note, _joined(ROUNDING[printed.rounding], printed.note))
        return Number(digits(float(ours - printed.number), self.column.decimals, "+"), note=note)

    @property
    def verdict(self) -> str:
        """Whether our number is the paper's: to the digit, within the noise of our runs, or not."""
        difference = self.difference
        if not difference.text:
            return "" if self.printed.number is None else NOT_MEASURED
        if not Decimal(difference.text):
            return REPRODUCED
        spread = self.record.spread(self.printed.record) if self.record is not None else None
        return WITHIN_NOISE if abs(float(difference.text)) <= _NOISE * (spread or 0.0) else DIFFERS

    @property
    def judged(self) -> Number:
        """The difference with its verdict, as a table shows them."""
        difference, verdict = self.difference, self.verdict
        if verdict == REPRODUCED:
            return replace(difference, text=REPRODUCED)
        return replace(difference, text=f"≈ {difference.text}") if verdict == WITHIN_NOISE else difference

    def entry(self, values: Values) -> Entry:
        """Give what a table shows here."""
        if values == "measured":
            return (self.measured,)
        if values == "published":
            return (self.published,)
        if values == "both":
            return self.measured, self.published
        return (self.judged,)

    def line(self, values: Values) -> dict[str, str]:
        """Give the same for a table in long form, where measured means are not rounded."""
        about = {"method": self.row.method, "dataset": self.dataset, "metric": self.column.key}
        printed = "" if self.printed.absent else self.printed.text
        if values == "published":
            return {**about, "value": printed}
        if values == "delta":
            difference = self.difference
            return {**about, "delta": difference.text, "verdict": self.verdict, "blank": _reason(difference)}
        measured = self.measured
        mean, spread = exact(self.record, self.printed.record) if measured.text else ("", "")
        if values == "measured":
            return {**about, "value": mean, "std": spread, "blank": _reason(measured)}
        return {**about, "measured": mean, "std": spread, "published": printed, "blank": _reason(measured)}


class PaperTable:
    """A published table beside the records that can fill it."""

    def __init__(self, table: PublishedTable, records: Iterable[Record], protocol: str | None = None) -> None:
        self.table = table
        self.protocol = protocol or table.protocol
        cells: dict[tuple[str, str], list[Record]] = {}
        for record in records:
            if _is_full(record, self.protocol):
                cells.setdefault((record.cell.method, record.cell.dataset), []).append(record)
        self.rows = [
            [
                Place(
                    row=row,
                    dataset=dataset,
                    column=column,
                    printed=printed,
                    record=_chosen(cells.get((row.method, dataset), []), printed.record),
                )
                for (dataset, column), printed in zip(table.places, row.values, strict=True)
            ]
            for row in table.rows
        ]

    @property
    def places(self) -> list[Place]:
        """All places, row by row."""
        return [place for row in self.rows for place in row]

    def grid(self, values: Values) -> Grid:
        """Lay the table out for rendering."""
        rows = [_row(row, places, values) for row, places in zip(self.table.rows, self.rows, strict=True)]
        if values in ("measured", "both"):
            columns = [column for _, column in self.table.places]
            rows = list(mark_rows(rows, columns, [row.ranked for row in self.table.rows]))
        groups = tuple(Group(group.head, group.columns) for group in self.table.groups)
        notes = self._notes(values, rows)
        grid = Grid(self.table.id, self.table.caption, groups, tuple(rows), notes, self.table.corner)
        return transpose(grid) if self.table.transposed else grid

    def lines(self, values: Values) -> list[dict[str, str]]:
        """Lay the table out in long form, one line per number; what the paper has not is no published number."""
        places = [place for place in self.places if not (values == "published" and place.printed.absent)]
        return [{"table": self.table.id, **place.line(values)} for place in places]

    def csv(self, values: Values) -> str:
        """Write the long form."""
        return as_csv(self.lines(values))

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
        if values != "published" and any(_is_cost(place.record) for place in self.places):
            notes.append("Parameters and operations are counted on a fixed layout; they depend on no weights.")
        if any(number.spread for row in rows for entry in row.entries for number in entry):
            notes.append(SPREAD)
        return (*notes, *self.table.notes)


def _is_full(record: Record, protocol: str) -> bool:
    cell = record.cell
    return cell.protocol in (protocol, PROBE) and cell.preset == "paper" and cell.limit is None


def _is_cost(record: Record | None) -> bool:
    return record is not None and record.cell.protocol == PROBE


def _chosen(records: Sequence[Record], column: str) -> Record | None:
    """Find the record that speaks for a column: a cost of `bench profile` (of no one's files), else trained weights."""
    found = [record for record in records if record.fills(column)]
    done = [record for record in found if record.status == "done"]
    costs = [record for record in done if _is_cost(record)]
    return newest(costs or [record for record in done if not record.untrained] or done or found)


def _row(row: PublishedRow, places: Sequence[Place], values: Values) -> Row:
    records = [place.record for place in places if place.record is not None and not place.record.untrained]
    notes = row_notes(records) if values != "published" else ()
    notes += row.notes if values != "measured" else ()
    return Row(row.title, tuple(place.entry(values) for place in places), notes, row.rule)


def _reason(number: Number) -> str:
    return "" if number.text else number.note


def _joined(first: str, second: str) -> str:
    if not (first and second):
        return first or second
    return f"{first.removesuffix('.')}. {second}"
