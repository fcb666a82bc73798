"""From a request to cells that can be measured; whatever is missing is said before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
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
from bench.synthesis.methods import MethodWeights, find_method_weights, require_encoder
from bench.synthesis.sizes import config_for, default_preset, is_built_in, size_of
from metrics import METRICS
from metrics.base import MetricSpec
from metrics.protocol import Protocol, choices_for
from models.base import MethodSpec


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be measured, by names; an empty field takes the default of the data set."""

    methods: Sequence[str]
    datasets: Sequence[str]
    metrics: Sequence[str] = ()
    protocol: str | None = None
    settings: Sequence[str] = ()  # changed choices of the protocol, such as "fid.real_split=val"
    preset: Preset | None = None
    repeats: int | None = None
    limit: int | None = None
    seed: int = 0
    untrained: bool = False
    weights: Mapping[str, Path] = field(default_factory=dict)  # method -> file


@dataclass(frozen=True, kw_only=True)
class CellPlan:
    """One cell and everything its numbers depend on."""

    cell: Cell
    method: MethodSpec[Any]
    config: Any  # the method's config dataclass
    weights: MethodWeights
    data: DatasetSpec
    dataset: Dataset
    fingerprint: str  # of the data set; computed once, as it reads every file
    protocol: Protocol
    metrics: tuple[MetricSpec, ...]
    seed: int
    photos: Photos | None  # None: no metric compares with real ones
    keys: Mapping[str, str] = field(default_factory=dict)  # metric -> key of its record

    @property
    def num_layouts(self) -> int:
        """Number of label maps: all of the data set, or the first `limit`."""
        return min(len(self.dataset), self.cell.limit or len(self.dataset))

    @property
    def draws_one(self) -> bool:
        """Whether the method draws one image per layout, so that there is no noise to vary."""
        return self.method.scopes.get(self.cell.dataset, self.method.scope) == "none"

    @property
    def effective_protocol(self) -> Protocol:
        """The protocol as the cell runs it: a single run for a method without noise."""
        return replace(self.protocol, repeats=1) if self.draws_one else self.protocol

    def weight_names(self, metric: MetricSpec) -> tuple[str, ...]:
        """Name the weight files of a metric's networks."""
        return weight_names(metric, self.protocol, self.data)


def key_of(plan: CellPlan, metric: MetricSpec, networks: FeatureNetworks) -> str:
    """Hash all that can change the metric's numbers; the files of its networks are found and hashed for it."""
    return content_key(
        {
            "method": plan.cell.method,
            "config": asdict(plan.config),
            "weights": plan.weights.identity,
            "data": plan.fingerprint,
            "limit": plan.cell.limit,
            "protocol": plan.protocol.name,
            "choices": choices_for(plan.protocol, plan.data.scoring),
            "metric": metric.name,
            "version": metric.version,
            "networks": [networks.sha256(name) for name in plan.weight_names(metric)],
            "photos": plan.photos.fingerprint if plan.photos is not None and metric.photos else "",
            "device": str(networks.device) if metric.of_machine else "",
            "seed": plan.seed,
        }
    )


def default_metrics(data: DatasetSpec) -> list[str]:
    """Name the metrics that `bench run` measures by default; on the built-in data they need no download."""
    suffix = "-pd" if data.built_in else ""
    names = [f"fid{suffix}", f"lpips{suffix}", f"mcsd{suffix}"]
    names += [f"misd{suffix}"] if data.has_instances else []
    names += ["segmentation" + suffix] if suffix or data.scoring else []
    return [*names, "params", "macs"]


def default_protocol(dataset: str) -> str:
    """Name the default protocol of a data set."""
    return "mini" if is_built_in(dataset) else "inade2021"


def plan_cells(request: Request, data_root: Path | None, networks: FeatureNetworks) -> list[CellPlan]:
    """Resolve every name, open every data set and find every weight file: data set by data set, method by method."""
    specs = [resolve("method", methods(), name) for name in request.methods]
    found = [find_dataset(name, data_root) for name in request.datasets]
    plans = [plan for data in found for plan in _plan_data(request, data, specs, data_root, networks.weights_root)]
    return [replace(plan, keys={spec.name: key_of(plan, spec, networks) for spec in plan.metrics}) for plan in plans]


def _plan_data(
    request: Request, data: DatasetSpec, specs: Sequence[MethodSpec[Any]], data_root: Path | None, weights_root: Path
) -> list[CellPlan]:
    """Plan the cells of one data set, without their keys."""
    preset = request.preset or default_preset(data.name)
    settings = [*request.settings, *([f"repeats={request.repeats}"] if request.repeats else [])]
    protocol = choose_protocol(request.protocol or default_protocol(data.name), settings)
    metrics = tuple(resolve("metric", METRICS, metric) for metric in request.metrics or default_metrics(data))
    dataset = data.open("val", data_root)
    limit = request.limit if request.limit and request.limit < len(dataset) else None

    @cache
    def at_size(size: tuple[int, int]) -> tuple[Dataset, str, Photos | None]:
        """Give the data set at the size that a network draws, its fingerprint, and the photos to compare with."""
        sized = dataset if dataset.size == size else dataset.resized(size)
        fingerprint = sized.fingerprint()
        if not any(metric.photos for metric in metrics):
            return sized, fingerprint, None
        return sized, fingerprint, choose_photos(data, protocol.fid, data_root, weights_root, (sized, fingerprint))

    def cell_of(spec: MethodSpec[Any]) -> CellPlan:
        config = config_for(spec, data, preset)
        weights = find_method_weights(
            spec, data.name, preset, weights_root, request.weights.get(spec.name), untrained=request.untrained
        )
        require_styles(spec, weights, protocol)
        sized, fingerprint, photos = at_size(size_of(config, dataset))
        return CellPlan(
            cell=Cell(spec.name, preset, data.name, protocol.name, limit),
            method=spec,
            config=config,
            weights=weights,
            data=data,
            dataset=sized,
            fingerprint=fingerprint,
            protocol=protocol,
            metrics=metrics,
            seed=request.seed,
            photos=photos,
        )

    return [cell_of(spec) for spec in specs]


def require_styles(spec: MethodSpec[Any], weights: MethodWeights, protocol: Protocol) -> None:
    """Refuse a protocol that reads styles from photos where the file of the method's encoder is missing."""
    if protocol.style == "photo":
        who = f"protocol {protocol.name} reads the styles of photos with"
        require_encoder(spec, weights, who, ", or draw styles from the prior with --set style=noise")
