"""From names a user typed to cells that can be measured; whatever is missing is said before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from itertools import permutations
from pathlib import Path
from typing import Any

from bench.catalog import UserError, methods, resolve
from bench.datasets import DATASETS
from bench.datasets._find import find_dataset
from bench.datasets.base import Dataset, DatasetSpec
from bench.method_weights import MethodWeights, find_method_weights
from bench.plan import Cell, Preset, choose_protocol, content_key
from bench.reference import Photos, choose_photos
from bench.scoring import weight_names
from bench.setting import FeatureNetworks
from metrics import METRICS
from metrics.base import MetricSpec
from metrics.protocol import Protocol, choices_for
from models.base import MethodSpec

GRID = 32  # pixels; networks of the papers' sizes halve and double their grids five times
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


def is_built_in(dataset: str) -> bool:
    """Whether a data set is drawn by the suite itself."""
    return dataset.startswith("paperdolls")


def default_protocol(dataset: str) -> str:
    """The protocol that fits a data set."""
    return "mini" if is_built_in(dataset) else "inade2021"


def default_preset(dataset: str) -> Preset:
    """The network sizes that fit a data set."""
    return "tiny" if is_built_in(dataset) else "paper"


def choose_config(spec: MethodSpec[Any], dataset: str, preset: Preset) -> Any:  # noqa: ANN401 - the method's own type
    """Find a method's network sizes for a data set."""
    if preset == "tiny":
        if not is_built_in(dataset):
            raise UserError(f"The tiny preset is for paperdolls and paperdolls2; {dataset} needs --preset paper.")
        return spec.tiny
    if dataset not in spec.configs:
        known = ", ".join(spec.configs) or "none"
        raise UserError(f"{spec.title} has no network of the paper's size for {dataset}; it has one for: {known}.")
    return spec.configs[dataset]


def config_for(spec: MethodSpec[Any], data: DatasetSpec, preset: Preset) -> Any:  # noqa: ANN401 - the method's own type
    """Find a method's network sizes for a data set, a folder of the user's included, which no paper has sizes for."""
    if data.name in DATASETS or not spec.configs or preset == "tiny":
        return choose_config(spec, data.name, preset)
    if all(config == spec.tiny for config in spec.configs.values()):
        return spec.tiny  # there is nothing to choose
    config = _free_of_classes(spec)
    if config is None:
        raise UserError(f"{spec.title}'s network depends on the classes: {data.name} needs a config of its own for it.")
    height, width = data.size
    if height % GRID or width % GRID:
        raise UserError(f"{spec.title} draws multiples of {GRID} pixels; {data.name} has the size {height} x {width}.")
    return _fitted(config, height, width, data.num_classes, edges=data.has_instances)


def _free_of_classes(spec: MethodSpec[Any]) -> Any:  # noqa: ANN401 - the method's own type
    """Find a network that fits any classes: one that differs from another in their number and in nothing else."""
    configs = sorted(spec.configs.items(), key=lambda entry: entry[0] != "ade20k")
    for (_, one), (_, other) in permutations(configs, 2):
        if hasattr(one, "num_classes") and one.num_classes != other.num_classes:
            fitted = _fitted(one, other.height, other.width, other.num_classes, edges=getattr(other, "edges", False))
            if fitted == other:
                return one
    return None


def _fitted(config: Any, height: int, width: int, num_classes: int, *, edges: bool) -> Any:  # noqa: ANN401
    changed = {"height": height, "width": width, "num_classes": num_classes, "edges": edges}
    return replace(config, **{field.name: changed[field.name] for field in fields(config) if field.name in changed})


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


def size_of(config: Any, dataset: Dataset) -> tuple[int, int]:  # noqa: ANN401 - the method's own config
    """Give the size that a network draws: SC-GAN's CelebAMask-HQ is 512x512, the others' 256x256."""
    return getattr(config, "height", dataset.size[0]), getattr(config, "width", dataset.size[1])


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
