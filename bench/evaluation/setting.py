"""What metrics of one cell are built from: feature networks, a segmenter, and the real photos."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from bench.common.errors import UserError
from bench.common.progress import Reporter
from bench.datasets.base import DatasetSpec
from bench.evaluation.moment_files import read_moments
from bench.evaluation.networks import FeatureNetworks, feature_network
from bench.evaluation.photos import Photos, PhotoStatistics, features_of
from bench.evaluation.segmenter import choose_segmenter
from metrics.base import Extractor, Reading
from metrics.parts.moments import Gaussian
from metrics.protocol import Protocol


@dataclass(frozen=True, kw_only=True)
class RealPhotos:
    """Features of the real photos; each network runs over them once, and its features are kept on disk."""

    photos: Photos | None  # None: no metric compares with real ones
    networks: FeatureNetworks
    protocol: Protocol  # says which networks are meant, and how Inception reads photos
    cache: Path
    reporter: Reporter
    num_workers: int = 0

    def gaussian(self, network: str) -> Gaussian:
        """Give mean and covariance of the features of one network."""
        photos = self._photos()
        if photos.imported is None:
            return self._statistics(photos, network).gaussian()
        if network != "inception":
            raise UserError(
                f"Imported statistics are of Inception, not of {network}; set fid.real_split to val or train."
            )

        return read_moments(photos.imported)

    def features(self, network: str) -> Tensor:
        """Give the features of one network, [M, D] float32."""
        photos = self._photos()
        if photos.imported is not None:
            raise UserError(
                f"{photos.imported} has the mean and covariance that FID needs, and not the features that KID, "
                "precision and recall need; leave these out of --metrics, or set fid.real_split to val or train."
            )
        return self._statistics(photos, network).features()

    def _photos(self) -> Photos:
        if self.photos is None:
            raise ValueError("A metric compares with photos, and its MetricSpec does not say so (photos=True).")
        return self.photos

    def _statistics(self, photos: Photos, network: str) -> PhotoStatistics:
        extractor, meant = self.networks.extractor(network, self.protocol), feature_network(network, self.protocol)
        key = photos.key(network, self.networks.sha256(meant.weights[0]), " ".join(meant.options))
        return PhotoStatistics(
            self.cache / f"reference-{key}.npz",
            photos.count,
            lambda: features_of(photos, extractor, self.networks.device, self.reporter, self.num_workers),
        )


@dataclass
class CellSetting:
    """The setting of one cell, which its metrics are built from (`metrics.base.Setting`)."""

    protocol: Protocol
    data: DatasetSpec
    num_layouts: int
    networks: FeatureNetworks
    photos: RealPhotos
    device: torch.device = field(init=False)
    num_classes: int = field(init=False)
    ignored_classes: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.device = self.networks.device
        self.num_classes = self.data.num_classes
        self.ignored_classes = self.data.ignored_classes

    def extractor(self, name: str) -> Extractor:
        """Load a feature network."""
        return self.networks.extractor(name, self.protocol)

    def reading(self, segmenter: str | None = None) -> Reading:
        """Load the segmenter that the protocol names, or the one of the built-in data."""
        choice = choose_segmenter(self.protocol, self.data, segmenter)
        network = self.networks.segmenter(choice)
        scored_as = self.data.scored_as or tuple(range(self.num_classes))
        if max(scored_as) >= network.num_classes:
            raise UserError(
                f"The segmenter of {self.data.name} knows {network.num_classes} classes, but its labels are scored as "
                f"0 to {max(scored_as)}; it belongs to another data set."
            )
        return Reading(network, scored_as, choice.labels, choice.reduction)

    def reference(self, name: str) -> Gaussian:
        """Give mean and covariance of the real photos' features."""
        return self.photos.gaussian(name)

    def photo_features(self, name: str) -> Tensor:
        """Give the real photos' features, [M, D] float32."""
        return self.photos.features(name)
