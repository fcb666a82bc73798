"""A session, which measures planned cells and gives records; what is on record is not measured again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.common.catalog import title_of
from bench.common.files import check_writable
from bench.common.memory import keep_freed_memory
from bench.common.progress import Reporter
from bench.evaluation.networks import FeatureNetworks
from bench.evaluation.one_pass import Pass, one_image
from bench.evaluation.outcome import Outcome, computed, known_beforehand, record_of
from bench.evaluation.plan import CellPlan, Request, plan_cells
from bench.evaluation.saved_images import SavedImages
from bench.evaluation.setting import CellSetting, RealPhotos
from bench.evaluation.shards import ShardStore, run_shards, state_key
from bench.results.provenance import Provenance, collect
from bench.results.records import Record
from bench.results.store import RecordStore
from bench.synthesis.devices import choose_device, device_name, full_precision
from bench.synthesis.methods import build_method
from metrics.base import Metric, MetricSpec, Probe
from models.base import Method


@dataclass(frozen=True, kw_only=True)
class Session:
    """The places and the machine of measurements: folders of results, data and weights, and the device."""

    out: Path
    data_root: Path | None = None
    weights_root: Path = Path("weights")
    device: str = "auto"
    batch_size: int = 32  # images per call of a generator; changes speed and memory, not the numbers
    num_workers: int = 0
    allow_unknown_weights: bool = False
    save_images: Path | None = None  # a folder that every image goes to as PNG

    @cached_property
    def networks(self) -> FeatureNetworks:
        """The networks that look at images, shared by all cells."""
        return FeatureNetworks(self.weights_root, choose_device(self.device), self.allow_unknown_weights)

    @cached_property
    def store(self) -> RecordStore:
        """The records of this and of earlier sessions."""
        return RecordStore(self.out)

    @cached_property
    def shards(self) -> ShardStore:
        """The saved state of unfinished cells."""
        return ShardStore(self.out / "state")

    def plan(self, request: Request) -> list[CellPlan]:
        """Plan the cells of a request; whatever they need and is missing is an error, before anything is computed."""
        return plan_cells(request, self.data_root, self.networks)

    def measure(self, cells: Sequence[CellPlan], reporter: Reporter, *, fresh: bool = False) -> list[Record]:
        """Measure what is not on record (or all, if `fresh`); returns one record per metric, cell by cell."""
        check_writable(self.out)
        keep_freed_memory()
        records: list[Record] = []
        for cell in cells:
            with full_precision():
                records += self._measure_cell(cell, reporter, fresh=fresh)
        reporter.finish()
        return records

    def _measure_cell(self, cell: CellPlan, reporter: Reporter, *, fresh: bool) -> list[Record]:
        """Measure one cell: look up, build, draw, score and save."""
        found = {} if fresh else {name: self.store[key] for name, key in cell.keys.items() if key in self.store}
        missing = [spec for spec in cell.metrics if spec.name not in found]
        state = state_key(cell.keys.values())
        if fresh:
            self.shards.clear(state)
        start, clock = datetime.now(timezone.utc), time.perf_counter()
        outcomes = {spec.name: outcome for spec in missing if (outcome := known_beforehand(cell, spec)) is not None}
        outcomes |= self._draw([spec for spec in missing if spec.name not in outcomes], cell, state, reporter)
        provenance = self._provenance(start, time.perf_counter() - clock)
        for spec in missing:
            record = record_of(cell, spec, outcomes[spec.name], provenance, self._networks(cell, spec))
            found[spec.name] = record
            if record.status == "done":
                self.store.add(record, outcomes[spec.name].tables)
        self.shards.clear(state)
        return [found[spec.name] for spec in cell.metrics]

    def _draw(self, specs: Sequence[MetricSpec], cell: CellPlan, state: str, reporter: Reporter) -> dict[str, Outcome]:
        """Draw images and score them; a metric that fails gets the reason, and the others go on."""
        if not specs:
            return {}
        method = build_method(cell.method, cell.config, cell.weights, self.networks.device)
        built = {spec.name: spec.build(self._setting(cell, reporter)) for spec in specs}
        probes = {name: metric for name, metric in built.items() if isinstance(metric, Probe)}
        outcomes = {name: self._probed(probe, cell, method) for name, probe in probes.items()}
        metrics = {name: metric for name, metric in built.items() if isinstance(metric, Metric)}
        if not metrics:
            return outcomes
        title = f"{title_of(cell.method.name)} on {cell.cell.data}"
        try:
            run_shards(self._pass(cell, method, metrics), self.shards, state, reporter, title)
        except ValueError as error:  # the method drew NaN
            return outcomes | dict.fromkeys(metrics, Outcome.failed(error))
        return outcomes | {name: computed(metric, cell.num_layouts) for name, metric in metrics.items()}

    def _setting(self, cell: CellPlan, reporter: Reporter) -> CellSetting:
        photos = RealPhotos(
            photos=cell.photos,
            networks=self.networks,
            protocol=cell.protocol,
            cache=self.out / "cache",
            reporter=reporter,
            num_workers=self.num_workers,
        )
        return CellSetting(cell.effective_protocol, cell.data, cell.num_layouts, self.networks, photos)

    def _probed(self, probe: Probe, cell: CellPlan, method: Method[Any]) -> Outcome:
        draw = one_image(method, cell.dataset, cell.seed, self.networks.device)
        measured = probe.measure(method.generator, draw)
        return Outcome.of({column: [value] for column, value in measured.items()})

    def _pass(self, cell: CellPlan, method: Method[Any], metrics: dict[str, Metric]) -> Pass:
        folder = self.save_images and self.save_images / cell.cell.method / cell.cell.dataset
        return Pass(
            method=method,
            dataset=cell.dataset,
            num_layouts=cell.num_layouts,
            metrics=metrics,
            seed=cell.seed,
            batch_size=self.batch_size,
            device=self.networks.device,
            num_workers=self.num_workers,
            images=SavedImages(folder) if folder else None,
            photo_styles=cell.protocol.style == "photo",
        )

    def _provenance(self, start: datetime, seconds: float) -> Provenance:
        return collect(device_name(self.networks.device), start, seconds, self.batch_size)

    def _networks(self, cell: CellPlan, spec: MetricSpec) -> dict[str, str]:
        return {name: self.networks.described(name) for name in cell.weight_names(spec)}
