"""The table of a run: its records as one row per method and one column per number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.results.averages import TRAININGS
from bench.results.records import Preset, Record, newest, variant_title
from bench.results.tables.entries import (
    REFERENCES,
    SPREAD,
    SPREAD_OF_TRAININGS,
    csv_text,
    entry_of,
    exact,
    mark_rows,
    row_notes,
)
from bench.results.tables.grid import Grid, Group, Row
from metrics.columns import Column

Where = tuple[str, str]  # data as printed, protocol
Variant = tuple[str, Preset]


def free_table(
    records: Sequence[Record],
    columns: Sequence[Column],
    titles: Mapping[str, str],
    *,
    name: str = "run",
) -> Grid:
    """Arrange the records of one run; `titles` gives the methods in printing order, `columns` the numbers.

    Columns that no record fills are left out. References are never marked as best.
    """
    places = list(dict.fromkeys((record.cell.data, record.cell.protocol) for record in records))
    variants = _variants(records, titles)
    present = tuple(column for column in columns if any(record.fills(column.key) for record in records))
    groups = tuple(Group(_place_title(place, places), present) for place in places)
    rows = [
        Row(
            variant_title(titles[method], preset),
            tuple(
                (entry_of(newest(_matching(records, (method, preset), place, column.key)), column),)
                for place in places
                for column in present
            ),
            row_notes(record for record in records if (record.cell.method, record.cell.preset) == (method, preset)),
        )
        for method, preset in variants
    ]
    ranked = [method not in REFERENCES for method, _ in variants]
    columns_shown = [column for group in groups for column in group.columns]
    return Grid(name, _caption(places), groups, mark_rows(rows, columns_shown, ranked), _notes(records))


def free_csv(records: Sequence[Record], columns: Sequence[Column], titles: Mapping[str, str]) -> str:
    """Write the same table tidily: per method (and data set) one line, per number its mean and `_std`, unrounded.

    Behind them, the ends of the 95 % interval (`_low`, `_high`) of the numbers that have one.
    """
    present = [column.key for column in columns if any(record.fills(column.key) for record in records)]
    bounded = [key for key in present if any(key in record.intervals for record in records)]
    heads: list[object] = ["method", "preset", "dataset", "limit", "protocol", "weights"]
    heads += [head for key in present for head in (key, f"{key}_std")]
    heads += [head for key in bounded for head in (f"{key}_low", f"{key}_high")]
    lines = [heads]
    for place in dict.fromkeys((record.cell.data, record.cell.protocol) for record in records):
        for variant in _variants(records, titles):
            found = [newest(_matching(records, variant, place, key)) for key in present]
            about = next((record for record in found if record is not None), None)
            if about is None:
                continue
            by_key = dict(zip(present, found, strict=True))
            numbers = [text for key, record in by_key.items() for text in exact(record, key)]
            numbers += [text for key in bounded for text in _bounds(by_key[key], key)]
            cell = about.cell
            weights = "untrained" if any(r is not None and r.weights == "untrained" for r in found) else about.weights
            lines.append([*variant, cell.dataset, cell.limit or "", cell.protocol, weights, *numbers])
    return csv_text(lines)


def _bounds(record: Record | None, key: str) -> tuple[str, str]:
    if record is None or key not in record.intervals:
        return "", ""
    low, high = record.intervals[key]
    return repr(low), repr(high)


def _variants(records: Sequence[Record], titles: Mapping[str, str]) -> list[Variant]:
    found = dict.fromkeys((record.cell.method, record.cell.preset) for record in records)
    return [variant for method in titles for variant in found if variant[0] == method]


def _matching(records: Sequence[Record], variant: Variant, place: Where, key: str) -> list[Record]:
    return [
        record
        for record in records
        if (record.cell.method, record.cell.preset) == variant
        and (record.cell.data, record.cell.protocol) == place
        and record.fills(key)
    ]


def _place_title(place: Where, places: Sequence[Where]) -> str:
    data, protocol = place
    return data if len({protocol for _, protocol in places}) == 1 else f"{data}, {protocol}"


def _caption(places: Sequence[Where]) -> str:
    return f"Measured on {', '.join(dict.fromkeys(data for data, _ in places))}"


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
