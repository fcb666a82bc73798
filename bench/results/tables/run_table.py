"""The table of a run: its records as one row per method and one column per number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench.common.catalog import REFERENCES, title_of
from bench.common.lines import as_csv
from bench.results.averages import TRAININGS
from bench.results.records import UNTRAINED, Preset, Record, newest, variant_title
from bench.results.tables.entries import SPREAD, SPREAD_OF_TRAININGS, entry_of, exact, mark_rows, row_notes
from bench.results.tables.grid import Grid, Group, Row
from metrics.columns import Column

Variant = tuple[str, Preset]  # what a row is about: a method and its size
Heading = tuple[str, str]  # what stands above a group of columns: data as printed, and protocol


class RunTable:
    """The records of one run: a row per method variant, and for every data set and protocol a group of columns.

    Rows come in the order of `methods`, numbers in that of `columns`; columns that no record fills are left out.
    """

    def __init__(self, records: Sequence[Record], columns: Iterable[Column], methods: Iterable[str]) -> None:
        self.records = records
        self.columns = tuple(column for column in columns if any(record.fills(column.key) for record in records))
        self._cells: dict[tuple[Variant, Heading], list[Record]] = {}
        for record in records:
            cell = record.cell
            place = (cell.method, cell.preset), (cell.data, cell.protocol)
            self._cells.setdefault(place, []).append(record)
        found = dict.fromkeys(variant for variant, _ in self._cells)
        self.variants = [variant for method in methods for variant in found if variant[0] == method]
        self.headings = list(dict.fromkeys(heading for _, heading in self._cells))

    def grid(self, name: str = "run") -> Grid:
        """Lay the table out for rendering; references are never marked as best."""
        groups = tuple(Group(self._head(heading), self.columns) for heading in self.headings)
        ranked = [method not in REFERENCES for method, _ in self.variants]
        rows = mark_rows([self._row(variant) for variant in self.variants], self.columns * len(groups), ranked)
        caption = f"Measured on {', '.join(dict.fromkeys(data for data, _ in self.headings))}"
        return Grid(name, caption, groups, rows, _notes(self.records))

    def lines(self) -> list[dict[str, object]]:
        """Lay it out tidily: per method (and data set) one line, per number its mean and `_std`, unrounded.

        Behind them, the ends of the 95 % interval (`_low`, `_high`) of the numbers that have one.
        """
        keys = [column.key for column in self.columns]
        bounded = [key for key in keys if any(key in record.intervals for record in self.records)]
        lines = []
        for heading in self.headings:
            for variant in self.variants:
                found = {key: self._record(variant, heading, key) for key in keys}
                if known := [record for record in found.values() if record is not None]:
                    lines.append({**_about(known), **_numbers(found), **_bounds({key: found[key] for key in bounded})})
        return lines

    def csv(self) -> str:
        """Write the tidy form."""
        return as_csv(self.lines())

    def _record(self, variant: Variant, heading: Heading, key: str) -> Record | None:
        return newest(record for record in self._cells.get((variant, heading), ()) if record.fills(key))

    def _head(self, heading: Heading) -> str:
        data, protocol = heading
        return data if len({protocol for _, protocol in self.headings}) == 1 else f"{data}, {protocol}"

    def _row(self, variant: Variant) -> Row:
        method, preset = variant
        entries = tuple(
            (entry_of(self._record(variant, heading, column.key), column.key, column.decimals),)
            for heading in self.headings
            for column in self.columns
        )
        own = (record for record in self.records if (record.cell.method, record.cell.preset) == variant)
        return Row(variant_title(title_of(method), preset), entries, row_notes(own))


def _about(records: Sequence[Record]) -> dict[str, object]:
    cell = records[0].cell
    return {
        "method": cell.method,
        "preset": cell.preset,
        "dataset": cell.dataset,
        "limit": cell.limit,
        "protocol": cell.protocol,
        "weights": UNTRAINED if any(record.untrained for record in records) else records[0].weights,
    }


def _numbers(records: Mapping[str, Record | None]) -> dict[str, str]:
    numbers = {}
    for key, record in records.items():
        numbers[key], numbers[f"{key}_std"] = exact(record, key)
    return numbers


def _bounds(records: Mapping[str, Record | None]) -> dict[str, str]:
    bounds = {}
    for key, record in records.items():
        ends = record.intervals.get(key) if record is not None else None
        bounds[f"{key}_low"], bounds[f"{key}_high"] = map(repr, ends) if ends else ("", "")
    return bounds


def _notes(records: Sequence[Record]) -> tuple[str, ...]:
    protocols = ", ".join(dict.fromkeys(record.cell.protocol for record in records))
    presets = ", ".join(dict.fromkeys(record.cell.preset for record in records))
    notes = [f"Protocol {protocols}; preset {presets}."]
    limited = dict.fromkeys(record.cell.data for record in records if record.cell.limit is not None)
    if limited:
        notes.append(f"Limited runs, not comparable with full ones: {', '.join(limited)}.")
    samples: dict[tuple[str, str], dict[str, None]] = {}
    for record in records:
        if record.counts:
            samples.setdefault((_counted(record.counts), record.cell.data), {})[record.metric] = None
    if samples:
        texts = [f"{', '.join(names)} on {data} from {counted}" for (counted, data), names in samples.items()]
        notes.append(f"Samples: {'; '.join(texts)}.")
    spread = [record for record in records if any(len(runs) > 1 for runs in record.runs.values())]
    if spread:
        notes.append(SPREAD_OF_TRAININGS if any(TRAININGS in record.counts for record in spread) else SPREAD)
    return tuple(notes)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(
        f"{count} {thing}" for thing, count in sorted(counts.items(), key=lambda item: item[0], reverse=True)
    )
