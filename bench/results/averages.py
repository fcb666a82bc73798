"""Records of several trainings of one method as one: the mean, and the spread between trainings in place of runs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bench.results.records import Record, newest

TRAININGS = "trainings"  # what a record counts that is the mean of several


def across_trainings(records: Iterable[Record]) -> list[Record]:
    """Put the records together that differ in nothing but the weights; a method trained once is left as it is."""
    groups: dict[tuple[object, ...], dict[str, list[Record]]] = {}
    for record in records:
        by_weights = groups.setdefault((record.cell, record.metric), {})
        by_weights.setdefault(record.weights, []).append(record)
    return [_joined([r for same in group.values() if (r := newest(same))]) for group in groups.values()]


def _joined(trainings: Sequence[Record]) -> Record:
    latest = newest(trainings)
    assert latest is not None  # a group is made by its first record
    fitting = [r for r in trainings if r.version == latest.version and r.status == "done"]
    if len(fitting) < 2:
        return latest
    runs = {column: [record.values[column] for record in fitting] for column in latest.values}
    if all(len(set(values)) == 1 for values in runs.values()):
        return latest  # what a network costs is the same however it is trained
    return replace(
        latest,
        values={column: statistics.fmean(values) for column, values in runs.items()},
        runs=runs,
        intervals={},
        weights=" ".join(record.weights for record in fitting),
        counts={**latest.counts, TRAININGS: len(fitting)},
    )
