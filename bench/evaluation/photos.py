"""The real photos that FID, KID and others compare with, and their features, computed once and kept on disk."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from bench.common.errors import UserError
from bench.common.files import sha256_of, whole_file
from bench.common.keys import content_key
from bench.common.progress import Reporter
from bench.common.workers import done_ahead
from bench.datasets.base import Dataset, DatasetSpec
from bench.evaluation.moment_files import UNREADABLE, read_moments, write_moments
from bench.synthesis.batches import collate
from metrics.base import Extractor
from metrics.parts.moments import Gaussian, Moments
from metrics.protocol import FidChoices, FidMode

T = TypeVar("T")
Arrays = Mapping[str, Any]
VERSION = 2  # raise it whenever features may change
INCEPTION_FEATURES = 2048
_BATCH, _BLOCK = 16, 1024  # images per run of the network; rows per sum, whatever the batches were


@dataclass(frozen=True)
class Photos:
    """A choice of real photos; equal fingerprints mean equal photos."""

    title: str
    fingerprint: str
    count: int = 0  # 0 if only their statistics are there
    dataset: Dataset | None = None
    imported: Path | None = None  # file of the statistics

    def key(self, network: str, weights: str, mode: str) -> str:
        """Hash all that determines their features."""
        return content_key(
            {
                "photos": self.fingerprint,
                "count": self.count,
                "size": list(self.dataset.size) if self.dataset is not None else [],
                "network": network,
                "weights": weights,
                "mode": mode,
                "version": VERSION,
            }
        )


def choose_photos(
    spec: DatasetSpec,
    choices: FidChoices,
    data_root: Path | None,
    weights_root: Path,
    val: tuple[Dataset, str] | None = None,
) -> Photos:
    """Find the photos that a protocol compares with, at the size of `val`.

    `val` is the opened val split with its fingerprint, which is slow to compute again.
    """
    if choices.real_split == "imported":
        path = find_imported(spec.name, choices.mode, weights_root)
        return Photos(f"{spec.name}, imported", sha256_of(path), imported=path)
    if choices.real_split == "val" and val is not None:
        dataset, fingerprint = val
    else:
        dataset = spec.open(choices.real_split, data_root)
        dataset = dataset if val is None or dataset.size == val[0].size else dataset.resized(val[0].size)
        fingerprint = dataset.fingerprint()
    count = min(len(dataset), choices.reference_limit or len(dataset))
    if not count:
        raise UserError(
            f"{spec.name}: the {choices.real_split} split has no photos to compare with; "
            "set fid.real_split to one that has some."
        )
    return Photos(f"{spec.name} {choices.real_split}", fingerprint, count, dataset)


def imported_path(dataset: str, mode: FidMode, weights_root: Path) -> Path:
    """Give the place of imported statistics of a data set, one per mode of FID."""
    return weights_root / "references" / f"{dataset}-{mode}.npz"


def find_imported(dataset: str, mode: FidMode, weights_root: Path) -> Path:
    """Find imported statistics; if they are missing, the error says how to import them."""
    path = imported_path(dataset, mode, weights_root)
    if not path.is_file():
        raise UserError(
            f"fid.real_split=imported needs statistics of {dataset} at {path}: bring them there with "
            f"`bench data reference {dataset} --set fid.mode={mode} --import FILE`."
        )
    return path


def import_moments(source: Path, count: int | None, dataset: str, mode: FidMode, weights_root: Path) -> Path:
    """Copy statistics to the place that `fid.real_split=imported` reads; `count` is used if the file has none."""
    gaussian = read_moments(source)
    if len(gaussian.mean) != INCEPTION_FEATURES:
        raise UserError(
            f"{source} is of {len(gaussian.mean)} features, and Inception has {INCEPTION_FEATURES}: "
            "make the statistics with the network's last pooled features."
        )
    path = imported_path(dataset, mode, weights_root)
    write_moments(path, Gaussian(gaussian.mean, gaussian.covariance, gaussian.count or count))
    return path


@torch.inference_mode()
def features_of(photos: Photos, extractor: Extractor, device: torch.device, reporter: Reporter, workers: int) -> Tensor:
    """Run a network over all photos, [count, D] float32."""
    if photos.dataset is None:
        raise ValueError(f"{photos.title}: statistics hold no photos")
    reporter.stage(f"{photos.title}: features of {photos.count} real images", photos.count)
    features, done = torch.empty(0), 0
    with closing(done_ahead(map(photos.dataset.loader, range(photos.count)), workers)) as items:
        while batch := list(islice(items, _BATCH)):
            rows = extractor(collate(batch, photos.dataset.num_classes).images.to(device)).float().cpu()
            if not done:
                features = torch.empty(photos.count, rows.shape[1])
            features[done : done + len(rows)] = rows
            done += len(rows)
            reporter.advance(len(rows))
    return features


class PhotoStatistics:
    """Features of photos, their mean and covariance, in a file that is made anew when it is missing or damaged.

    The file is an npz, whose `mu` and `sigma` pytorch-fid and clean-fid can read. `features` takes 8 kB a photo with
    Inception; they are kept so that FID, KID and the others need only one run of the network over the photos. Several
    processes may make the file at once: each writes it whole, and the last one stays.
    """

    def __init__(self, path: Path, count: int, make: Callable[[], Tensor]) -> None:
        self.path = path
        self.count = count
        self.make = make

    def gaussian(self) -> Gaussian:
        """Read mean and covariance."""
        return self._read(self._gaussian)

    def features(self) -> Tensor:
        """Read the features, [count, D] float32."""
        return self._read(self._features)

    def _read(self, part: Callable[[Arrays], T]) -> T:
        try:
            return self._part(part)
        except UNREADABLE:
            self._write(self.make())
        return self._part(part)

    def _part(self, part: Callable[[Arrays], T]) -> T:
        with self.path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return part(arrays)

    def _gaussian(self, arrays: Arrays) -> Gaussian:
        mean, covariance, factor = (torch.from_numpy(arrays[name]) for name in ("mu", "sigma", "factor"))
        size = len(mean)
        if covariance.shape != (size, size) or factor.shape[0] != size or int(arrays["count"]) != self.count:
            raise ValueError("statistics of other shapes")
        return Gaussian(mean, covariance, self.count, factor)

    def _features(self, arrays: Arrays) -> Tensor:
        features = torch.from_numpy(arrays["features"])
        if features.ndim != 2 or len(features) != self.count:
            raise ValueError("features of other shapes")
        return features

    def _write(self, features: Tensor) -> None:
        parts = (Moments.of(features[i : i + _BLOCK]) for i in range(0, len(features), _BLOCK))
        gaussian = reduce(operator.add, parts).gaussian()
        with whole_file(self.path) as file:
            np.savez(
                file,
                mu=gaussian.mean.numpy(),
                sigma=gaussian.covariance.numpy(),
                count=np.int64(self.count),
                factor=gaussian.factor.numpy(),
                features=features.numpy(),
            )
