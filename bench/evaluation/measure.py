"""Cells become records: what is missing is measured in one pass, what is there is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.common.keys import content_key
from bench.common.progress import Reporter
from bench.evaluation.networks import FeatureNetworks
from bench.evaluation.one_pass import Pass, SaveImages
from bench.evaluation.outcome import Outcome, Tables, _computed, record_of
from bench.evaluation.plan import CellPlan, effective_protocol
from bench.evaluation.segmenter import weight_names
from bench.evaluation.setting import CellSetting
from bench.evaluation.shards import ShardStore
from bench.results.provenance import collect
from bench.results.records import Record
from bench.results.store import RecordStore
from bench.synthesis.batches import collate, stream
from bench.synthesis.devices import device_name
from bench.synthesis.methods import build_method
from bench.synthesis.styles import draw_style
from metrics.base import Metric, MetricSpec, Probe
from models.base import Method

SHARD = 16  # layouts; a kill loses one shard at most, or half a minute where the state is large
_SMALL, _PAUSE = 32e6, 30.0  # bytes that are written after every shard; seconds between writing more (FID's: 0.3 GB)


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
    num_workers: int = 0
    save_images: Callable[[CellPlan], SaveImages] | None = None

    def run(self, plan: CellPlan, *, fresh: bool = False) -> list[Record]:
        """Return one record per metric, measuring those that are not in the store (or all, if `fresh`)."""
        keys = {spec.name: plan.key(spec, self.networks) for spec in plan.metrics}
        missing = [spec for spec in plan.metrics if fresh or keys[spec.name] not in self.store]
        found = {spec.name: self.store[keys[spec.name]] for spec in plan.metrics if spec not in missing}
        # All metrics and not the missing ones: a run that is killed between two records finds its state again.
        state = content_key({"records": sorted(keys.values()), "shard": SHARD})
        if fresh:
            self.shards.clear(state)
        for record, tables in self._measure(plan, missing, keys, state):
            found[record.metric] = record
            if record.status == "done":
                self.store.add(record, tables)
        self.shards.clear(state)
        return [found[spec.name] for spec in plan.metrics]

    def _measure(
        self, plan: CellPlan, specs: Sequence[MetricSpec], keys: Mapping[str, str], state: str
    ) -> list[tuple[Record, Tables]]:
        if not specs:
            return []
        start, clock = datetime.now(timezone.utc), time.perf_counter()
        outcomes = {
            spec.name: Outcome({column.key: [spec.of_constant] for column in spec.columns})
            for spec in specs
            if plan.draws_one and spec.of_constant is not None
        }
        outcomes |= self._outcomes(plan, [spec for spec in specs if spec.name not in outcomes], state)
        seconds = time.perf_counter() - clock
        provenance = collect(device_name(self.networks.device), start, seconds, self.batch_size)
        return [
            (
                record_of(plan, spec, keys[spec.name], outcomes[spec.name], provenance, self._networks(plan, spec)),
                outcomes[spec.name].tables,
            )
            for spec in specs
        ]

    def _networks(self, plan: CellPlan, spec: MetricSpec) -> dict[str, str]:
        names = weight_names(spec, plan.protocol, plan.data)
        return {name: self.networks.described(name) for name in names}

    def _outcomes(self, plan: CellPlan, specs: Sequence[MetricSpec], state: str) -> dict[str, Outcome]:
        """Measure; a metric that cannot be has the reason in place of values, and does not take others with it."""
        if not specs:
            return {}
        method = build_method(plan.method, plan.config, plan.weights, self.networks.device)
        setting = self._setting(plan)
        built = {spec.name: spec.build(setting) for spec in specs}
        streaming = {name: metric for name, metric in built.items() if isinstance(metric, Metric)}
        outcomes = {}
        for name, probe in built.items():
            if isinstance(probe, Probe):
                measured = probe.measure(method.generator, one_image(plan, method, self.networks.device))
                outcomes[name] = Outcome({column: [value] for column, value in measured.items()})
        try:
            if streaming:
                self._pass(plan, method, streaming, state)
        except ValueError as error:  # the method drew NaN
            return outcomes | dict.fromkeys(streaming, Outcome(reason=str(error)))
        return outcomes | {name: _computed(metric, plan.num_layouts) for name, metric in streaming.items()}

    def _setting(self, plan: CellPlan) -> CellSetting:
        return CellSetting(
            effective_protocol(plan),
            plan.data,
            plan.photos,
            plan.num_layouts,
            self.networks,
            self.cache,
            self.reporter,
            self.num_workers,
        )

    def _pass(self, plan: CellPlan, method: Method[Any], metrics: Mapping[str, Metric], state: str) -> None:
        """Run the shards that are not done; the state after each is saved, so the last file holds all so far."""
        job = Pass(
            method,
            plan.dataset,
            plan.num_layouts,
            metrics,
            plan.seed,
            self.batch_size,
            self.networks.device,
            self.num_workers,
            self.save_images(plan) if self.save_images else None,
            plan.protocol.style == "photo",
        )
        done = self._restore(metrics, state)
        rest = range(done * SHARD, plan.num_layouts)
        shards = [rest[start : start + SHARD] for start in range(0, len(rest), SHARD)]
        self.reporter.stage(f"{plan.method.title} on {plan.cell.data}", job.count_images(rest))
        kept, written = done - 1, time.monotonic()
        for number, _ in enumerate(job.run(shards, self.reporter.advance), start=done):
            arrays = _arrays(metrics)
            small = sum(array.nbytes for array in arrays.values()) < _SMALL
            if small or time.monotonic() - written > _PAUSE:
                self.shards.save(state, f"{number:06d}", arrays)
                self.shards.path(state, f"{kept:06d}").unlink(missing_ok=True)
                kept, written = number, time.monotonic()

    def _restore(self, metrics: Mapping[str, Metric], key: str) -> int:
        """Load the state of the shards that are done and return how many; none if a metric has no part in it."""
        names = self.shards.names(key)
        state = self.shards.load(key, names[-1]) if names else {}
        parts = {
            name: {k: torch.from_numpy(state[f"{name}/{k}"]) for k in metric.state() if f"{name}/{k}" in state}
            for name, metric in metrics.items()
        }
        if not names or any(parts[name].keys() != metric.state().keys() for name, metric in metrics.items()):
            self.shards.clear(key)
            return 0
        for name, metric in metrics.items():
            metric.merge(parts[name])
        return int(names[-1]) + 1


def _arrays(metrics: Mapping[str, Metric]) -> dict[str, np.ndarray]:
    """Give the state of all metrics as one flat table."""
    return {f"{name}/{key}": value.numpy() for name, metric in metrics.items() for key, value in metric.state().items()}


def one_image(plan: CellPlan, method: Method[Any], device: torch.device) -> Callable[[], object]:
    """A call that draws one image of the first layout, everything but the drawing done before."""
    batch = collate([plan.dataset[0]], plan.data.num_classes).to(device)
    style = draw_style(method, batch, [stream(plan.seed, 0, "image", 0)])
    return lambda: method.synthesize(batch.layout, style)
