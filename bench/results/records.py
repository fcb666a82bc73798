"""Measured numbers: a record holds one metric of one cell."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from bench.results.provenance import Provenance

Preset = Literal["paper", "tiny"]
Status = Literal["done", "skipped", "failed"]
PROBE = "probe"  # in place of a protocol: a cost, which `bench profile` counts on a layout of its own
UNTRAINED = "untrained"  # in place of the hash of a weight file: the weights are random


@dataclass(frozen=True)
class Cell:
    """One method variant on one data set under one protocol, with all its repeats."""

    method: str
    preset: Preset
    dataset: str
    protocol: str  # possibly derived: "inade2021+fid.real_split=val"; PROBE for a cost
    limit: int | None = None  # the first label maps only; None = all

    @property
    def variant(self) -> str:
        """Name the method as tables do: a size that is not the paper's shows."""
        return variant_title(self.method, self.preset)

    @property
    def data(self) -> str:
        """Name the data as tables do: a limited run never looks like a full one."""
        return self.dataset if self.limit is None else f"{self.dataset}[:{self.limit}]"

    @property
    def title(self) -> str:
        """Name the cell for people."""
        return f"{self.variant} on {self.data}, protocol {self.protocol}"


def variant_title(title: str, preset: Preset) -> str:
    """Add the preset to a method's printed name, unless it is the paper's."""
    return title if preset == "paper" else f"{title} ({preset})"


@dataclass(frozen=True)
class Record:
    """One metric of one cell."""

    key: str
    cell: Cell
    metric: str
    version: int
    status: Status
    weights: str  # hashes (SHA-256) of the files, UNTRAINED, or "none" where there is nothing to fill
    provenance: Provenance
    values: Mapping[str, float] = field(default_factory=dict)  # column key -> mean over runs
    runs: Mapping[str, list[float]] = field(default_factory=dict)  # column key -> value of every run
    reason: str = ""  # why there are no values
    columns: tuple[str, ...] = ()  # the column keys that stay blank, where there are no values
    counts: Mapping[str, int] = field(default_factory=dict)  # what was measured: {"layouts": 500, "images": 5000}
    note: str = ""  # shown below every table that shows the record
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # column key -> 95 % of the mean
    networks: Mapping[str, str] = field(default_factory=dict)  # that looked at images -> hash, and who vouches for it
    doubts: tuple[str, ...] = ()  # shown beside the number in every table

    def __post_init__(self) -> None:
        if self.status not in get_args(Status):
            raise ValueError(f"status '{self.status}' is none of {', '.join(get_args(Status))}")
        if bool(self.values) != (self.status == "done") or bool(self.reason) == (self.status == "done"):
            raise ValueError(f"a '{self.status}' record has {'values' if self.status == 'done' else 'a reason'} only")
        numbers: list[tuple[str, Sequence[float]]] = [(column, [value]) for column, value in self.values.items()]
        for column, values in (*numbers, *self.runs.items(), *self.intervals.items()):
            if not all(math.isfinite(value) for value in values):
                raise ValueError(f"{self.metric} of {self.cell.title}: {column} is not a finite number")

    @property
    def untrained(self) -> bool:
        """Whether the weights were random, so that the numbers say nothing about the method."""
        return self.weights == UNTRAINED

    @property
    def filled(self) -> tuple[str, ...]:
        """The columns that this record fills, or leaves blank where it has no values."""
        return tuple(self.values) or self.columns or (self.metric,)

    def fills(self, column: str) -> bool:
        """Tell whether the column is this record's to fill, or to leave blank."""
        return column in self.filled

    def spread(self, column: str) -> float | None:
        """Give the sample standard deviation of a column over the runs; None where there are not several."""
        runs = self.runs.get(column, [])
        return statistics.stdev(runs) if len(runs) > 1 else None

    def to_json(self) -> str:
        """Write as JSON with sorted keys; every float reads back exactly."""
        return json.dumps(asdict(self), sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read what `to_json` wrote; anything else is a ValueError or TypeError."""
        return cls.from_fields(json.loads(text))

    @classmethod
    def from_fields(cls, fields: Any) -> Record:  # noqa: ANN401 - whatever JSON holds
        """Make a record of the fields that a file holds; those at their defaults may be left out."""
        if not isinstance(fields, dict) or not {"cell", "provenance"} <= fields.keys():
            raise ValueError("it holds no cell and provenance")
        cell, provenance = Cell(**fields.pop("cell")), Provenance(**fields.pop("provenance"))
        columns, doubts = tuple(fields.pop("columns", ())), tuple(fields.pop("doubts", ()))
        intervals = {column: (low, high) for column, (low, high) in fields.pop("intervals", {}).items()}
        return cls(cell=cell, provenance=provenance, columns=columns, doubts=doubts, intervals=intervals, **fields)


def newest(records: Iterable[Record]) -> Record | None:
    """Choose among records of the same number: the highest metric version, then the latest."""
    return max(records, key=lambda record: (record.version, record.provenance.start, record.key), default=None)
