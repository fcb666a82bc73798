"""From names a user typed to cells that can be measured; whatever is missing is said before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.common.catalog import choose_protocol, methods, resolve
from bench.common.keys import content_key
from bench.datasets.base import Dataset, DatasetSpec
from bench.datasets.find import find_dataset
from bench.evaluation.networks import FeatureNetworks
from bench.evaluation.photos import Photos, choose_photos
from bench.evaluation.segmenter import weight_names
from bench.results.records import Cell, Preset
from bench.synthesis.methods import MethodWeights, find_method_weights
from bench.synthesis.sizes import config_for, default_preset, is_built_in, size_of
from metrics import METRICS
from metrics.base import MetricSpec
from metrics.protocol import Protocol, choices_for
from models.base import MethodSpec

MACHINE_METRICS = ("seconds", "memory", "energy")  # depend on the device, which therefore enters their keys


@dataclass(frozen=True)
class CellPlan:
    """One cell and everything its numbers depend on."""

    cell: Cell
    method: MethodSpec[Any]
    config: Any  # the method's config dataclass
    weights: MethodWeights
    data: DatasetSpec
    dataset: Dataset
    fingerprint: str  # of the data set; taken once, as it reads every file
    protocol: Protocol
    metrics: tuple[MetricSpec, ...]
    seed: int
    photos: Photos | None  # None: no metric compares with real ones

    @property
    def num_layouts(self) -> int:
        """Label maps that count: the data set's, or the first `limit`."""
        return min(len(self.dataset), self.cell.limit or len(self.dataset))

    @property
    def draws_one(self) -> bool:
        """Whether the method draws one image per layout, so that runs with other noise do not exist."""
        return self.method.scopes.get(self.cell.dataset, self.method.scope) == "none"

    @cached_property
    def weights_identity(self) -> str:
        """Hash the weights once, as it reads the files."""
        return self.weights.identity

    def key(self, metric: MetricSpec, networks: FeatureNetworks) -> str:
        """Hash all that can change the metric's numbers."""
        return content_key(
            {
                "method": self.cell.method,
                "config": asdict(self.config),
                "weights": self.weights_identity,
                "data": self.fingerprint,
                "limit": self.cell.limit,
                "protocol": self.protocol.name,
                "choices": choices_for(self.protocol, self.data.scoring),
                "metric": metric.name,
                "version": metric.version,
                "networks": [networks.sha256(name) for name in weight_names(metric, self.protocol, self.data)],
                "photos": self.photos.fingerprint if self.photos is not None and metric.photos else "",
                "device": str(networks.device) if metric.name in MACHINE_METRICS else "",
                "seed": self.seed,
            }
        )


def default_metrics(data: DatasetSpec) -> list[str]:
    """What `bench run` measures unless told: on the built-in data what needs no download."""
    suffix = "-pd" if is_built_in(data.name) else ""
    names = [f"fid{suffix}", f"lpips{suffix}", f"mcsd{suffix}"]
    names += [f"misd{suffix}"] if data.has_instances else []
    names += ["segmentation" + suffix] if suffix or data.scoring else []
    return [*names, "params", "macs"]


def default_protocol(dataset: str) -> str:
    """The protocol that fits a data set."""
    return "mini" if is_built_in(dataset) else "inade2021"


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for; empty means the default."""

    methods: Sequence[str]
    datasets: Sequence[str]
    metrics: Sequence[str] = ()
    protocol: str | None = None
    settings: Sequence[str] = ()
    preset: Preset | None = None
    repeats: int | None = None
    limit: int | None = None
    seed: int = 0
    untrained: bool = False
    weights: Mapping[str, Path] | None = None  # method -> file


def plan_cells(wishes: Wishes, data_root: Path | None, weights_root: Path) -> list[CellPlan]:
    """Resolve every name, open every data set and find every weight file: data set by data set, method by method."""
    specs = [resolve("method", methods(), name) for name in wishes.methods]
    plans: list[CellPlan] = []
    for data in [find_dataset(name, data_root) for name in wishes.datasets]:
        preset = wishes.preset or default_preset(data.name)
        settings = [*wishes.settings, *([f"repeats={wishes.repeats}"] if wishes.repeats else [])]
        protocol = choose_protocol(wishes.protocol or default_protocol(data.name), settings)
        metrics = tuple(resolve("metric", METRICS, metric) for metric in wishes.metrics or default_metrics(data))
        dataset = data.open("val", data_root)
        limit = wishes.limit if wishes.limit and wishes.limit < len(dataset) else None
        found = [
            (spec, config_for(spec, data, preset), _weights(wishes, spec, data.name, preset, weights_root))
            for spec in specs
        ]
        sizes = {size_of(config, dataset) for _, config, _ in found}
        read = {size: _Reading.of(dataset, size, metrics, protocol, data_root, weights_root) for size in sizes}
        for spec, config, weights in found:
            reading = read[size_of(config, dataset)]
            plans.append(
                CellPlan(
                    Cell(spec.name, preset, data.name, protocol.name, limit),
                    spec,
                    config,
                    weights,
                    data,
                    reading.dataset,
                    reading.fingerprint,
                    protocol,
                    metrics,
                    wishes.seed,
                    reading.photos,
                )
            )
    return plans


@dataclass(frozen=True)
class _Reading:
    """A data set at the size of a network, with the photos to compare with."""

    dataset: Dataset
    fingerprint: str
    photos: Photos | None

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        size: tuple[int, int],
        metrics: Sequence[MetricSpec],
        protocol: Protocol,
        data_root: Path | None,
        weights_root: Path,
    ) -> _Reading:
        dataset = dataset if dataset.size == size else dataset.resized(size)
        fingerprint, photos = dataset.fingerprint(), None
        if any(metric.photos for metric in metrics):
            photos = choose_photos(dataset.spec, protocol.fid, data_root, weights_root, (dataset, fingerprint))
        return cls(dataset, fingerprint, photos)


def _weights(wishes: Wishes, spec: MethodSpec[Any], dataset: str, preset: Preset, root: Path) -> MethodWeights:
    chosen = (wishes.weights or {}).get(spec.name)
    return find_method_weights(spec, dataset, preset, root, chosen, untrained=wishes.untrained)


def effective_protocol(plan: CellPlan) -> Protocol:
    """The protocol as the cell runs it: runs with other noise make no sense where there is no noise."""
    return replace(plan.protocol, repeats=1) if plan.draws_one else plan.protocol
