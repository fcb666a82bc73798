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
Place = tuple[str, str, str, str]  # variant, data, protocol, column

# Relative to the number; nothing random is left, so all that may differ is the rounding of another machine's sums,
# which now and then flips a pixel's last bit or a label.
_RELATIVE = 5e-4
# Where a last bit weighs more: by how many standard deviations of the runs a number may move besides.
_SPREADS = 0.05
_ABSOLUTE = {"miou": 0.02, "acc": 0.01, "seconds": float("inf"), "memory_mb": float("inf"), "joules": float("inf")}
_SMALLEST = 1e-7  # for numbers about zero
FACTOR_HELP = "Multiply all tolerances, e.g. 10 for a machine of another kind."


@dataclass(frozen=True)
class Value:
    """A number with what is needed to compare it."""

    number: float
    spread: float = 0.0  # standard deviation over its runs
    key: str = ""  # of its record; "" = not known
    version: int = 0  # of its metric; 0 = not known
    weights: str = ""


@dataclass(frozen=True)
class Finding:
    """What became of one number."""

    place: Place
    status: Status
    before: float | None
    after: float | None
    tolerance: float = 0.0
    reason: str = ""

    @property
    def difference(self) -> float | None:
        """After minus before, where there are both."""
        return None if self.before is None or self.after is None else self.after - self.before


def tolerance_of(column: str, before: Value, factor: float = 1.0) -> float:
    """Say by how much a number may move: what another machine's rounding does to it, and no more."""
    absolute = next((value for name, value in _ABSOLUTE.items() if column.startswith(name)), 0.0)
    return factor * max(_RELATIVE * abs(before.number), _SPREADS * before.spread, absolute, _SMALLEST)


def values_of(records: Iterable[Record]) -> dict[Place, Value]:
    """Index the numbers of records; of several for one place the newest metric version counts, then the latest."""
    ordered = sorted(records, key=lambda record: (record.version, record.provenance.start))
    return {
        (record.cell.variant, record.cell.data, record.cell.protocol, column): Value(
            number, record.spread(column) or 0.0, record.key, record.version, record.weights
        )
        for record in ordered
        for column, number in record.values.items()
    }


def compare(before: Mapping[Place, Value], after: Mapping[Place, Value], factor: float = 1.0) -> list[Finding]:
    """Compare place by place, in the order of the first set; what only the second has comes last."""
    findings = [_finding(place, value, after.get(place), factor) for place, value in before.items()]
    return findings + [Finding(place, "new", None, after[place].number) for place in after if place not in before]


def _finding(place: Place, before: Value, after: Value | None, factor: float) -> Finding:
    if after is None:
        return Finding(place, "missing", before.number, None, reason="not measured any more")
    reason = _redefinition(before, after)
    if reason:
        return Finding(place, "redefined", before.number, after.number, reason=reason)
    allowed = tolerance_of(place[3], before, factor)
    moved = abs(after.number - before.number) > allowed
    return Finding(place, "moved" if moved else "same", before.number, after.number, allowed)


def _redefinition(before: Value, after: Value) -> str:
    """Say why two numbers are not of the same thing; "" where they are, or where nobody knows."""
    if before.version and after.version and before.version != after.version:
        return f"metric version {before.version} -> {after.version}"
    if before.weights and after.weights and before.weights != after.weights:
        return "other weights"
    if before.key and after.key and before.key != after.key:
        return "other choices of the protocol, networks, sizes or data"
    return ""


def drifted(findings: Iterable[Finding]) -> list[Finding]:
    """Pick what must not go unseen."""
    return [finding for finding in findings if finding.status in ("moved", "missing", "redefined")]


def read_values(path: Path) -> dict[Place, Value]:
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


def baseline_values(baseline: Mapping[str, Any]) -> dict[Place, Value]:
    """Read the numbers of a baseline."""
    fields = ("number", "spread", "key", "version", "weights")
    return {
        (line["variant"], line["data"], line["protocol"], line["column"]): Value(
            **{name: line[name] for name in fields}
        )
        for line in baseline["values"]
    }


def _table_values(text: str) -> dict[Place, Value]:
    """Read a table as `bench run` (a column per number) or `bench export` (a line per number) writes it."""
    values = {}
    for line in csv.DictReader(io.StringIO(text)):
        cell = Cell(line["method"], line["preset"], line["dataset"], line["protocol"], int(line["limit"] or 0) or None)  # type: ignore[arg-type]
        numbers = {line["column"]: line["value"]} if "column" in line else _numbers(line)
        for column, number in numbers.items():
            spread = line.get("std" if "column" in line else f"{column}_std") or 0
            place = (variant_title(cell.method, cell.preset), cell.data, cell.protocol, column)
            values[place] = Value(float(number), float(spread), weights=line["weights"])
    return values


def _numbers(line: Mapping[str, str]) -> dict[str, str]:
    about = ("method", "preset", "dataset", "limit", "protocol", "weights")
    ends = ("_std", "_low", "_high")
    return {key: text for key, text in line.items() if text and key not in about and not key.endswith(ends)}


def shown(findings: Sequence[Finding], *, as_json: bool = False) -> str:
    """Write what moved, and how many numbers did not; as JSON, all."""
    if as_json:
        return json.dumps([asdict(finding) for finding in findings], indent=1)
    moved = drifted(findings)
    return "\n".join([*([aligned([_row(finding) for finding in moved])] if moved else []), counted(findings)])


def markdown(findings: Sequence[Finding], title: str) -> str:
    """Write the same for the summary of a CI job."""
    rows = [_row(finding) for finding in drifted(findings)]
    lines = [f"## {title}", "", f"{counted(findings)}.", ""]
    if rows:
        lines.append(as_markdown(rows))
    return "\n".join(lines) + "\n"


def counted(findings: Sequence[Finding]) -> str:
    """Say how many numbers moved."""
    new = sum(finding.status == "new" for finding in findings)
    text = f"{len(drifted(findings))} of {len(findings) - new} numbers moved"
    return f"{text}; {new} are new" if new else text


def _row(finding: Finding) -> dict[str, str]:
    variant, data, protocol, column = finding.place
    numbers = (finding.before, finding.after, finding.difference)
    before, after, difference = ("" if number is None else f"{number:.6g}" for number in numbers)
    return {
        "method": variant,
        "data": data,
        "protocol": protocol,
        "number": column,
        "before": before,
        "now": after,
        "difference": difference,
        "allowed": f"{finding.tolerance:.2g}" if finding.status == "moved" else "",
        "what": finding.reason or finding.status,
    }
