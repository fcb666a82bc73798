"""The outcome of a metric, and the record that is made of it."""

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
from bench.results.records import Record, Status
from bench.weights.trust import UNKNOWN
from metrics.base import Metric, MetricSpec

NO_VALUE = "no value for this method, data set or device"
Runs = Mapping[str, list[float]]  # column key -> value of every run
Tables = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of one metric: values, or the reason why there are none."""

    status: Status = "done"
    reason: str = ""  # why there are no values
    runs: Runs = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)  # what the values were measured on
    tables: Tables = field(default_factory=dict)  # what is kept beside the record
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def failed(cls, reason: object) -> Outcome:
        """Make the outcome of a metric that should have values and has none."""
        return cls(status="failed", reason=str(reason))

    @classmethod
    def skipped(cls, reason: str = NO_VALUE) -> Outcome:
        """Make the outcome of a metric that does not apply."""
        return cls(status="skipped", reason=reason)

    @classmethod
    def of(cls, runs: Runs, **about: Any) -> Outcome:  # noqa: ANN401 - the fields above
        """Make the outcome of values: failed if one is not finite, skipped if there are none."""
        infinite = [column for column, values in runs.items() if not all(map(math.isfinite, values))]
        if infinite:
            return cls.failed(f"{infinite[0]} is not a finite number")
        return cls(runs=runs, **about) if runs else cls.skipped()


def known_beforehand(plan: CellPlan, spec: MetricSpec) -> Outcome | None:
    """Find the outcome that needs no image, for a metric that is constant or does not apply; else None."""
    if spec.instances and not plan.data.has_instances:
        return Outcome.skipped(f"{plan.data.name} does not tell the objects of a class apart")
    if plan.draws_one and spec.of_constant is not None:
        return Outcome(runs={column.key: [spec.of_constant] for column in spec.columns})
    return None


def computed(metric: Metric, num_layouts: int) -> Outcome:
    """Compute the outcome of a metric that has seen all images."""
    try:
        runs = metric.compute()
    except ValueError as error:  # too few images for this number
        return Outcome.failed(error)
    images = "images of each" if metric.view.vary == "image" else "images of every region"
    counted = {"label maps": len(chosen_layouts(metric.view, num_layouts)), images: metric.view.samples}
    return Outcome.of(
        runs,
        counts={**counted, **metric.counts()},
        intervals=metric.intervals(),
        tables={name: table.numpy() for name, table in metric.tables().items()},
    )


def record_of(
    plan: CellPlan, spec: MetricSpec, outcome: Outcome, provenance: Provenance, networks: Mapping[str, str]
) -> Record:
    """Make the record of an outcome; `networks` holds the hash of each network that looked at images."""
    values = {column: fmean(runs) for column, runs in outcome.runs.items()}
    return Record(
        key=plan.keys[spec.name],
        cell=plan.cell,
        metric=spec.name,
        version=spec.version,
        status=outcome.status,
        weights=plan.weights.identity,
        provenance=provenance,
        values=values,
        runs={column: runs for column, runs in outcome.runs.items() if len(runs) > 1},
        reason=outcome.reason,
        columns=() if values else tuple(column.key for column in spec.columns),
        counts=outcome.counts,
        note=plan.method.note,
        intervals=outcome.intervals,
        networks=networks,
        doubts=doubts_of(spec, values, networks),
    )


def doubts_of(spec: MetricSpec, values: Mapping[str, float], networks: Mapping[str, str]) -> tuple[str, ...]:
    """Collect the warnings that go with a number wherever it is shown."""
    unknown = (
        f"Measured with another {name} than the known one: SHA-256 {sha256[:8]}."
        for name, sha256 in networks.items()
        if sha256.endswith(f"({UNKNOWN})")
    )
    return tuple(filter(None, [*unknown, spec.doubt(values)]))
