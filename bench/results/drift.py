"""Two sets of measured numbers against each other: what moved by more than it may, and what cannot be compared.

A record's key hashes all that can change its numbers, so with equal keys any difference is one of the code. Where the
keys differ on purpose (a new metric version, other weights), the old numbers say nothing about the new ones.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from bench.common.errors import UserError
from bench.common.lines import aligned, as_markdown
from bench.results.records import Cell, Record, variant_title
from bench.results.store import read_records

Status = Literal["same", "moved", "missing", "redefined", "new"]
Address = tuple[str, str, str, str]  # of a number: variant, data, protocol, column

# Relative to the number; nothing random is left, so all that may differ is the rounding of another machine's sums,
# which now and then flips a pixel's last bit or a label.
_RELATIVE = 5e-4
# Where a last bit weighs more: by how many standard deviations of the runs a number may move besides.
_SPREADS = 0.05
_ABSOLUTE = {"miou": 0.02, "acc": 0.01, "seconds": float("inf"), "memory_mb": float("inf"), "joules": float("inf")}
_SMALLEST = 1e-7  # for numbers about zero
FACTOR_HELP = "Multiply all tolerances, e.g. 10 for a machine of another kind."


@dataclass(frozen=True)
class Measured:
    """A number with what is needed to compare it."""

    number: float
    spread: float = 0.0  # standard deviation over its runs
    key: str = ""  # of its record; "" = not known
    version: int = 0  # of its metric; 0 = not known
    weights: str = ""


@dataclass(frozen=True)
class Change:
    """What became of one number."""

    place: Address
    status: Status
    before: float | None
    after: float | None
    tolerance: float = 0.0
    reason: str = ""

    @property
    def difference(self) -> float | None:
        """After minus before, where there are both."""
        return None if self.before is None or self.after is None else self.after - self.before


def tolerance_of(column: str, before: Measured, factor: float = 1.0) -> float:
    """Say by how much a number may move: what another machine's rounding does to it, and no more."""
    absolute = next((value for name, value in _ABSOLUTE.items() if column.startswith(name)), 0.0)
    return factor * max(_RELATIVE * abs(before.number), _SPREADS * before.spread, absolute, _SMALLEST)


def values_of(records: Iterable[Record]) -> dict[Address, Measured]:
    """Index the numbers of records; of several for one address the newest metric version counts, then the latest."""
    ordered = sorted(records, key=lambda record: (record.version, record.provenance.start))
    return {
        (record.cell.variant, record.cell.data, record.cell.protocol, column): Measured(
            number, record.spread(column) or 0.0, record.key, record.version, record.weights
        )
        for record in ordered
        for column, number in record.values.items()
    }


def compare(before: Mapping[Address, Measured], after: Mapping[Address, Measured], factor: float = 1.0) -> list[Change]:
    """Compare number by number, in the order of the first set; what only the second has comes last."""
    changes = [_change(place, value, after.get(place), factor) for place, value in before.items()]
    return changes + [Change(place, "new", None, after[place].number) for place in after if place not in before]


def _change(place: Address, before: Measured, after: Measured | None, factor: float) -> Change:
    if after is None:
        return Change(place, "missing", before.number, None, reason="not measured any more")
    reason = _redefinition(before, after)
    if reason:
        return Change(place, "redefined", before.number, after.number, reason=reason)
    allowed = tolerance_of(place[3], before, factor)
    moved = abs(after.number - before.number) > allowed
    return Change(place, "moved" if moved else "same", before.number, after.number, allowed)


def _redefinition(before: Measured, after: Measured) -> str:
    """Say why two numbers are not of the same thing; "" where they are, or where nobody knows."""
    if before.version and after.version and before.version != after.version:
        return f"metric version {before.version} -> {after.version}"
    if before.weights and after.weights and before.weights != after.weights:
        return "other weights"
    if before.key and after.key and before.key != after.key:
        return "other choices of the protocol, networks, sizes or data"
    return ""


def drifted(changes: Iterable[Change]) -> list[Change]:
    """Pick what must not go unseen."""
    return [change for change in changes if change.status in ("moved", "missing", "redefined")]


def read_values(path: Path) -> dict[Address, Measured]:
    """Read numbers from a folder of records (or of results), a baseline, or a CSV table of `bench run` or `export`."""
    if path.is_dir():
        return values_of(read_records([path], needed=True))
    try:
        text = path.read_text(encoding="utf-8")
        return baseline_values(json.loads(text)) if path.suffix == ".json" else _table_values(text)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: neither a baseline nor a CSV table of `bench run` ({error}).") from error


def baseline_of(wanted: Mapping[str, Any], records: Iterable[Record]) -> str:
    """Write a baseline: what was measured, and its numbers; equal numbers give equal bytes."""
    values = sorted(values_of(records).items())
    lines = [
        {"variant": variant, "data": data, "protocol": protocol, "column": column, **vars(value)}
        for (variant, data, protocol, column), value in values
    ]
    return json.dumps({"measured": wanted, "values": lines}, indent=1, sort_keys=True) + "\n"


def baseline_values(baseline: Mapping[str, Any]) -> dict[Address, Measured]:
    """Read the numbers of a baseline."""
    fields = ("number", "spread", "key", "version", "weights")
    return {
        (line["variant"], line["data"], line["protocol"], line["column"]): Measured(
            **{name: line[name] for name in fields}
        )
        for line in baseline["values"]
    }


def _table_values(text: str) -> dict[Address, Measured]:
    """Read a table as `bench run` (a column per number) or `bench export` (a line per number) writes it."""
    values = {}
    for line in csv.DictReader(io.StringIO(text)):
        cell = Cell(line["method"], line["preset"], line["dataset"], line["protocol"], int(line["limit"] or 0) or None)  # type: ignore[arg-type]
        numbers = {line["column"]: line["value"]} if "column" in line else _numbers(line)
        for column, number in numbers.items():
            spread = line.get("std" if "column" in line else f"{column}_std") or 0
            place = (variant_title(cell.method, cell.preset), cell.data, cell.protocol, column)
            values[place] = Measured(float(number), float(spread), weights=line["weights"])
    return values


def _numbers(line: Mapping[str, str]) -> dict[str, str]:
    about = ("method", "preset", "dataset", "limit", "protocol", "weights")
    ends = ("_std", "_low", "_high")
    return {key: text for key, text in line.items() if text and key not in about and not key.endswith(ends)}


def shown(changes: Sequence[Change], *, as_json: bool = False) -> str:
    """Write what moved, and how many numbers did not; as JSON, all."""
    if as_json:
        return json.dumps([asdict(change) for change in changes], indent=1)
    moved = drifted(changes)
    return "\n".join([*([aligned([_row(change) for change in moved])] if moved else []), counted(changes)])


def markdown(changes: Sequence[Change], title: str) -> str:
    """Write the same for the summary of a CI job."""
    rows = [_row(change) for change in drifted(changes)]
    lines = [f"## {title}", "", f"{counted(changes)}.", ""]
    if rows:
        lines.append(as_markdown(rows))
    return "\n".join(lines) + "\n"


def counted(changes: Sequence[Change]) -> str:
    """Say how many numbers moved."""
    new = sum(change.status == "new" for change in changes)
    text = f"{len(drifted(changes))} of {len(changes) - new} numbers moved"
    return f"{text}; {new} are new" if new else text


def _row(change: Change) -> dict[str, str]:
    variant, data, protocol, column = change.place
    numbers = (change.before, change.after, change.difference)
    before, after, difference = ("" if number is None else f"{number:.6g}" for number in numbers)
    return {
        "method": variant,
        "data": data,
        "protocol": protocol,
        "number": column,
        "before": before,
        "now": after,
        "difference": difference,
        "allowed": f"{change.tolerance:.2g}" if change.status == "moved" else "",
        "what": change.reason or change.status,
    }
