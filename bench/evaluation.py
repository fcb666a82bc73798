"""Cells become records: what is missing is measured in one pass, what is there is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from bench.batches import collate, stream
from bench.cells import CellPlan, effective_protocol
from bench.method_weights import UNTRAINED, build_method
from bench.plan import content_key
from bench.progress import Reporter
from bench.provenance import collect
from bench.records import Provenance, Record, RecordStore
from bench.runner import Pass, SaveImages
from bench.setting import CellSetting, FeatureNetworks
from bench.shards import ShardStore
from metrics.base import Metric, MetricSpec, Probe
from models.base import Method

SHARD = 16  # layouts; a kill loses one shard at most
Runs = Mapping[str, list[float]]  # column key -> value of every run


@dataclass(frozen=True)
class Evaluation:
    """What all cells of a run share."""

    store: RecordStore
    shards: ShardStore
    networks: FeatureNetworks
    cache: Path
    data_root: Path | None
    batch_size: int
    reporter: Reporter
    save_images: Callable[[CellPlan], SaveImages] | None = None

    def run(self, plan: CellPlan, *, fresh: bool = False) -> list[Record]:
        """Return one record per metric, measuring those that are not in the store (or all, if `fresh`)."""
        keys = {spec.name: plan.key(spec, self.networks) for spec in plan.metrics}
        missing = [spec for spec in plan.metrics if fresh or keys[spec.name] not in self.store]
        found = {spec.name: self.store[keys[spec.name]] for spec in plan.metrics if spec not in missing}
        for record in self._measure(plan, missing, keys, fresh=fresh):
            found[record.metric] = record
            if record.status == "done":
                self.store.add(record)
        return [found[spec.name] for spec in plan.metrics]

    def _measure(
        self, plan: CellPlan, specs: Sequence[MetricSpec], keys: Mapping[str, str], *, fresh: bool
    ) -> list[Record]:
        if not specs:
            return []
        start, clock = datetime.now(timezone.utc), time.perf_counter()
        by_definition = [spec for spec in specs if plan.draws_one and spec.of_constant is not None]
        values: dict[str, Runs] = {
            spec.name: {column.key: [float(spec.of_constant or 0)] for column in spec.columns} for spec in by_definition
        }
        failure = ""
        try:
            values |= self._values(plan, [spec for spec in specs if spec not in by_definition], keys, fresh=fresh)
        except ValueError as error:  # the method drew NaN, or a metric has no value
            failure = str(error)
        seconds = time.perf_counter() - clock
        provenance = collect(device_name(self.networks.device), start, seconds, self.batch_size)
        return [record_of(plan, spec, keys[spec.name], values.get(spec.name), failure, provenance) for spec in specs]

    def _values(
        self, plan: CellPlan, specs: Sequence[MetricSpec], keys: Mapping[str, str], *, fresh: bool
    ) -> dict[str, Runs]:
        if not specs:
            return {}
        method = build_method(plan.method, plan.config, plan.weights, self.networks.device)
        setting = self._setting(plan)
        built = {spec.name: spec.build(setting) for spec in specs}
        streaming = {name: metric for name, metric in built.items() if isinstance(metric, Metric)}
        values: dict[str, Runs] = {}
        for name, probe in built.items():
            if isinstance(probe, Probe):
                measured = probe.measure(method.generator, one_image(plan, method, self.networks.device))
                values[name] = {column: [value] for column, value in measured.items()}
        if streaming:
            key = content_key({"records": [keys[name] for name in streaming], "shard": SHARD})
            self._pass(plan, method, streaming, key, fresh=fresh)
            values |= {name: metric.compute() for name, metric in streaming.items()}
            self.shards.clear(key)
        return values

    def _setting(self, plan: CellPlan) -> CellSetting:
        return CellSetting(
            effective_protocol(plan),
            plan.data,
            plan.dataset,
            self.data_root,
            plan.num_layouts,
            self.networks,
            self.cache,
            self.reporter,
        )

    def _pass(
        self, plan: CellPlan, method: Method[Any], metrics: Mapping[str, Metric], key: str, *, fresh: bool
    ) -> None:
        """Run the shards that are not done; the state after each is saved, so the last file holds all so far."""
        save = self.save_images(plan) if self.save_images else None
        job = Pass(
            method, plan.dataset, plan.num_layouts, metrics, plan.seed, self.batch_size, self.networks.device, save
        )
        if fresh:
            self.shards.clear(key)
        everything = range(plan.num_layouts)
        shards = [everything[start : start + SHARD] for start in range(0, plan.num_layouts, SHARD)]
        done = self._restore(metrics, key)
        self.reporter.stage(f"{plan.method.title} on {plan.cell.data}", job.count_images(everything[done * SHARD :]))
        for number, indices in enumerate(shards[done:], start=done):
            job.shard(indices, self.reporter.advance)
            self._save(metrics, key, number)

    def _restore(self, metrics: Mapping[str, Metric], key: str) -> int:
        """Load the state of the shards that are done; returns how many."""
        names = self.shards.names(key)
        if not names:
            return 0
        state = self.shards.load(key, names[-1])
        for name, metric in metrics.items():
            prefix = f"{name}/"
            own = {k.removeprefix(prefix): torch.from_numpy(v) for k, v in state.items() if k.startswith(prefix)}
            metric.merge(own)
        return int(names[-1]) + 1

    def _save(self, metrics: Mapping[str, Metric], key: str, number: int) -> None:
        arrays = {f"{name}/{k}": v.numpy() for name, metric in metrics.items() for k, v in metric.state().items()}
        self.shards.save(key, f"{number:06d}", arrays)
        self.shards.path(key, f"{number - 1:06d}").unlink(missing_ok=True)


def one_image(plan: CellPlan, method: Method[Any], device: torch.device) -> Callable[[], object]:
    """A call that draws one image of the first layout, everything but the drawing done before."""
    layout = collate([plan.dataset[0]], plan.data.num_classes).layout.to(device)
    style = method.sample_style(layout, [stream(plan.seed, 0, "image", 0)])
    return lambda: method.synthesize(layout, style)


def device_name(device: torch.device) -> str:
    """Name a device for people: a GPU by its model."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def record_of(
    plan: CellPlan, spec: MetricSpec, key: str, runs: Runs | None, failure: str, provenance: Provenance
) -> Record:
    """Make a record: done with values, skipped without any, or failed."""
    weights = plan.weights.identity
    if runs:
        return Record(
            key=key,
            cell=plan.cell,
            metric=spec.name,
            version=spec.version,
            status="done",
            weights=weights,
            provenance=provenance,
            values={column: fmean(values) for column, values in runs.items()},
            runs={column: values for column, values in runs.items() if len(values) > 1},
            counts={"layouts": plan.num_layouts},
            note=plan.method.note,
        )
    return Record(
        key=key,
        cell=plan.cell,
        metric=spec.name,
        version=spec.version,
        status="failed" if failure else "skipped",
        weights=weights,
        provenance=provenance,
        reason=failure or "no value for this method, data set or device",
        columns=tuple(column.key for column in spec.columns),
        note=plan.method.note if weights != UNTRAINED else "",
    )
