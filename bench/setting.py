"""Everything one cell needs, found by name: data, method with weights, feature networks, reference statistics."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch

from bench.batches import collate
from bench.catalog import UserError, resolve
from bench.datasets.base import Dataset, DatasetSpec
from bench.files import whole_file
from bench.plan import content_key
from bench.progress import Reporter
from bench.scoring import Scoring, scoring_of
from bench.weight_files import verified
from bench.workers import done_ahead
from metrics._alexnet import AlexNet
from metrics._inception import FIDInception
from metrics._paperdolls import PaperdollsFeatures
from metrics.base import Extractor, Reading, Segmenter
from metrics.moments import Moments
from metrics.protocol import Protocol
from segmenters import SEGMENTERS


@dataclass
class FeatureNetworks:
    """The networks that look at images, each loaded once per process and shared by all cells."""

    weights_root: Path
    device: torch.device
    allow_unknown: bool = False
    _loaded: dict[str, Any] = field(default_factory=dict)
    _hashes: dict[str, str] = field(default_factory=dict)

    def sha256(self, weights: str) -> str:
        """Hash of a weight file, checked."""
        if weights not in self._hashes:
            self._hashes[weights] = verified(weights, self.weights_root, allow_unknown=self.allow_unknown)[1]
        return self._hashes[weights]

    def _load(self, key: str, weights: Sequence[str], read: Callable[..., torch.nn.Module]) -> Any:  # noqa: ANN401
        if key not in self._loaded:
            paths = [verified(name, self.weights_root, allow_unknown=self.allow_unknown)[0] for name in weights]
            try:
                network: Any = read(*paths)
                self._loaded[key] = network.to(self.device, memory_format=torch.channels_last)
            except (ValueError, RuntimeError) as error:
                raise UserError(str(error)) from error
        return self._loaded[key]

    def extractor(self, name: str, mode: Literal["pytorch_fid", "clean"]) -> Extractor:
        """Load a feature network; `mode` is FID's resize and concerns Inception only."""
        if name == "inception":
            network: Extractor = self._load(
                f"inception {mode}", ["inception_fid"], lambda path: FIDInception.from_file(path, mode)
            )
        elif name == "alexnet":
            network = self._load("alexnet", ["alexnet"], AlexNet.from_file)
        else:
            network = self._load("paperdolls", ["paperdolls_features"], PaperdollsFeatures.from_file)
        return network

    def segmenter(self, scoring: Scoring) -> Segmenter:
        """Load a segmenter."""
        build = resolve("segmenter", SEGMENTERS, scoring.segmenter).from_files
        key = f"segmenter {scoring.segmenter} {sorted(scoring.options.items())}"
        segmenter: Segmenter = self._load(key, scoring.weights, lambda *paths: build(paths, **scoring.options))
        return segmenter


@dataclass
class CellSetting:
    """What the metrics of one cell are built from (`metrics.base.Setting`)."""

    protocol: Protocol
    spec: DatasetSpec
    dataset: Dataset
    data_root: Path | None
    num_layouts: int
    networks: FeatureNetworks
    cache: Path
    reporter: Reporter
    num_workers: int = 0
    device: torch.device = field(init=False)
    num_classes: int = field(init=False)
    ignored_classes: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.device = self.networks.device
        self.num_classes = self.spec.num_classes
        self.ignored_classes = self.spec.ignored_classes

    def extractor(self, name: str) -> Extractor:
        """Load a feature network."""
        return self.networks.extractor(name, self.protocol.fid.mode)

    def reading(self, segmenter: str | None = None) -> Reading:
        """Load the segmenter that the protocol names, or the one of the built-in data."""
        scoring = scoring_of(self.protocol, self.spec, segmenter)
        network = self.networks.segmenter(scoring)
        scored_as = self.spec.scored_as or tuple(range(self.num_classes))
        if max(scored_as) >= network.num_classes:
            raise UserError(
                f"The segmenter of {self.spec.name} knows {network.num_classes} classes, but its labels are scored as "
                f"0 to {max(scored_as)}; it belongs to another data set."
            )
        return Reading(network, scored_as, scoring.labels, scoring.reduction)

    def reference(self, name: str) -> Moments:
        """Moments of the real images' features, cached under a hash of everything that determines them."""
        choices = self.protocol.fid
        real = self.spec.open(choices.real_split, self.data_root)
        count = min(len(real), choices.reference_limit or len(real))
        extractor = self.extractor(name)
        weights = {"inception": "inception_fid", "alexnet": "alexnet"}.get(name, "paperdolls_features")
        key = content_key(
            {
                "data": real.fingerprint(),
                "count": count,
                "network": name,
                "weights": self.networks.sha256(weights),
                "mode": choices.mode,
                "version": 1,
            }
        )
        path = self.cache / f"reference-{key}.npz"
        try:
            with path.open("rb") as file:
                return Moments.load(file)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # absent or damaged
            moments = self._moments(real, count, extractor)
        with whole_file(path) as file:
            moments.save(file)
        return moments

    @torch.inference_mode()
    def _moments(self, real: Dataset, count: int, extractor: Extractor, step: int = 16) -> Moments:
        self.reporter.stage(f"{self.spec.name}: features of {count} real images", count)
        total: Moments | None = None
        with closing(done_ahead(map(real.loader, range(count)), self.num_workers)) as items:
            while batch := list(islice(items, step)):
                moments = Moments.of(extractor(collate(batch, self.num_classes).images.to(self.device)))
                total = moments if total is None else total + moments
                self.reporter.advance(len(batch))
        if total is None:
            raise UserError(
                f"{self.spec.name}: the {self.protocol.fid.real_split} split has no photos to compare with."
            )
        return total
