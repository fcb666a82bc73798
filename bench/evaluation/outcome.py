"""What came of a metric, and the record that is made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np

from bench.evaluation.one_pass import chosen_layouts
from bench.evaluation.plan import CellPlan
from bench.results.provenance import Provenance
from bench.results.records import Record
from bench.weights.trust import UNKNOWN
from metrics.base import Metric, MetricSpec

Runs = Mapping[str, list[float]]  # column key -> value of every run


Tables = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Outcome:
    """What came of one metric: values, or the reason why there are none."""

    runs: Runs = field(default_factory=dict)
    reason: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)  # what the values were measured on
    tables: Tables = field(default_factory=dict)  # what is kept beside the record
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def _computed(metric: Metric, num_layouts: int) -> Outcome:
    try:
        runs = metric.compute()
    except ValueError as error:  # too few images for this number
        return Outcome(reason=str(error))
    infinite = [column for column, values in runs.items() if not all(map(math.isfinite, values))]
    if infinite:
        return Outcome(reason=f"{infinite[0]} is not a finite number")
    images = "images of each" if metric.view.vary == "image" else "images of every region"
    return Outcome(
        runs,
        counts={
            "label maps": len(chosen_layouts(metric.view, num_layouts)),
            images: metric.view.samples,
            **metric.counts(),
        },
        intervals=metric.intervals(),
        tables={name: table.numpy() for name, table in metric.tables().items()},
    )


def record_of(
    plan: CellPlan,
    spec: MetricSpec,
    key: str,
    outcome: Outcome,
    provenance: Provenance,
    networks: Mapping[str, str],
) -> Record:
    """Make a record: done with values, failed for a reason, or skipped without either."""
    values = {column: fmean(runs) for column, runs in outcome.runs.items()}
    about: dict[str, Any] = {
        "key": key,
        "cell": plan.cell,
        "metric": spec.name,
        "version": spec.version,
        "weights": plan.weights_identity,
        "provenance": provenance,
        "note": plan.method.note,
        "networks": networks,
        "doubts": doubts_of(spec, values, networks),
    }
    if outcome.runs:
        return Record(
            status="done",
            values=values,
            runs={column: values for column, values in outcome.runs.items() if len(values) > 1},
            counts=outcome.counts,
            intervals=outcome.intervals,
            **about,
        )
    return Record(
        status="failed" if outcome.reason else "skipped",
        reason=outcome.reason or "no value for this method, data set or device",
        columns=tuple(column.key for column in spec.columns),
        **about,
    )


def doubts_of(spec: MetricSpec, values: Mapping[str, float], networks: Mapping[str, str]) -> tuple[str, ...]:
    """Collect what must be said of a number wherever it is shown."""
    unknown = (
        f"Measured with another {name} than the known one: SHA-256 {sha256[:8]}."
        for name, sha256 in networks.items()
        if sha256.endswith(f"({UNKNOWN})")
    )
    return tuple(filter(None, [*unknown, spec.doubt(values)]))
