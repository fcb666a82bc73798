"""Everything one cell needs, found by name: data, method with weights, feature networks, reference statistics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.catalog import UserError, resolve
from bench.datasets.base import DatasetSpec
from bench.memory import keep_freed_memory
from bench.moment_files import read_moments
from bench.progress import Reporter
from bench.reference import Photos, PhotoStatistics, features_of
from bench.scoring import Scoring, scoring_of
from bench.weight_files import verified, voucher
from metrics._alexnet import AlexNet
from metrics._inception import load_inception
from metrics._paperdolls import PaperdollsFeatures
from metrics._resize import WAYS
from metrics.base import Extractor, Reading, Segmenter
from metrics.moments import Gaussian
from metrics.protocol import FidMode, LpipsVersion, Protocol
from segmenters import SEGMENTERS


@dataclass
class FeatureNetworks:
    """The networks that look at images, each loaded once per process and shared by all cells."""

    weights_root: Path
    device: torch.device
    allow_unknown: bool = False
    _loaded: dict[str, Any] = field(default_factory=dict)
    _hashes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # GPUs would round the inputs of convolutions to 10 bits, which moves features by 1e-3.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
        keep_freed_memory()

    def sha256(self, weights: str) -> str:
        """Hash of a weight file, checked."""
        if weights not in self._hashes:
            self._hashes[weights] = verified(weights, self.weights_root, allow_unknown=self.allow_unknown)[1]
        return self._hashes[weights]

    def described(self, weights: str) -> str:
        """Hash of a weight file, and who vouches for it, as records say it."""
        sha256 = self.sha256(weights)
        return f"{sha256} ({voucher(weights, self.weights_root, sha256)})"

    def _load(self, key: str, weights: Sequence[str], read: Callable[..., torch.nn.Module]) -> Any:  # noqa: ANN401
        if key not in self._loaded:
            paths = [verified(name, self.weights_root, allow_unknown=self.allow_unknown)[0] for name in weights]
            try:
                network: Any = read(*paths)
                self._loaded[key] = network.to(self.device, memory_format=torch.channels_last)
            except (ValueError, RuntimeError) as error:
                raise UserError(str(error)) from error
        return self._loaded[key]

    def extractor(self, name: str, mode: FidMode, lpips: LpipsVersion = "0.1") -> Extractor:
        """Load a feature network; `mode` is FID's and concerns "inception" only, `lpips` "alexnet"."""
        if name in ("inception", "torchvision"):
            way: FidMode = "torchvision" if name == "torchvision" else mode
            network: Extractor = self._load(
                f"inception {way}", [WAYS[way].weights], lambda path: load_inception(path, way)
            )
        elif name == "alexnet":
            network = self._load(f"alexnet {lpips}", ["alexnet"], lambda path: AlexNet.from_file(path, lpips))
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
    photos: Photos | None  # None: no metric compares with real ones
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
        return self.networks.extractor(name, self.protocol.fid.mode, self.protocol.lpips.version)

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

    def reference(self, name: str) -> Gaussian:
        """Mean and covariance of the real photos' features."""
        photos = self._photos()
        if photos.imported is None:
            return self._statistics(photos, name).gaussian()
        if name != "inception":
            raise UserError(f"Imported statistics are of Inception's features, and not of {name}'s.")
        return read_moments(photos.imported)

    def photo_features(self, name: str) -> Tensor:
        """The real photos' features themselves, [M, D] float32."""
        photos = self._photos()
        if photos.imported is not None:
            raise UserError(
                f"{photos.imported} has the mean and covariance that FID needs, and not the features that KID, "
                "precision and recall need; leave these out of --metrics, or set fid.real_split to val or train."
            )
        return self._statistics(photos, name).features()

    def _photos(self) -> Photos:
        if self.photos is None:
            raise ValueError("A metric compares with photos, and its MetricSpec does not say so (photos=True).")
        return self.photos

    def _statistics(self, photos: Photos, name: str) -> PhotoStatistics:
        extractor, mode = self.extractor(name), self.protocol.fid.mode
        weights, way = (WAYS[mode].weights, mode) if name == "inception" else ("paperdolls_features", "")
        key = photos.key(name, self.networks.sha256(weights), way)
        return PhotoStatistics(
            self.cache / f"reference-{key}.npz",
            photos.count,
            lambda: features_of(photos, extractor, self.device, self.reporter, self.num_workers),
        )
