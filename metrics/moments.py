"""Mean and covariance of features as sums that add up over batches, shards and machines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Moments:
    """The sums of N feature vectors of length D, in float64 on the CPU."""

    count: Tensor  # [] float64
    sum: Tensor  # [D] float64
    outer: Tensor  # [D, D] float64, the sum of every vector's product with itself

    @classmethod
    def of(cls, features: Tensor) -> Moments:
        """Sum up features [N, D]."""
        features = features.detach().cpu().double()
        return cls(torch.tensor(float(len(features)), dtype=torch.float64), features.sum(0), features.T @ features)

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.sum + other.sum, self.outer + other.outer)

    @property
    def mean(self) -> Tensor:
        """Average the features, [D]."""
        return self.sum / self.count

    @property
    def covariance(self) -> Tensor:
        """Estimate the covariance without bias (divided by N - 1), [D, D]."""
        return (self.outer - torch.outer(self.sum, self.mean)) / (self.count - 1)

    @property
    def rank(self) -> int:
        """Bound the rank of the covariance: N samples span N - 1 directions; more is rounding."""
        return max(0, min(int(self.count) - 1, len(self.sum)))

    @cached_property
    def factor(self) -> Tensor:
        """Factor the covariance as R R^T with as few columns as its rank allows, [D, rank]."""
        eigenvalues, vectors = torch.linalg.eigh(self.covariance)  # ascending
        first = len(eigenvalues) - self.rank
        factor: Tensor = vectors[:, first:] * eigenvalues[first:].clamp(min=0).sqrt()
        return factor

    def save(self, path: Path | BinaryIO) -> None:
        """Write the three sums to an npz file, named or open."""
        np.savez(path, count=self.count.numpy(), sum=self.sum.numpy(), outer=self.outer.numpy())

    @classmethod
    def load(cls, path: Path | BinaryIO) -> Moments:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(*(torch.from_numpy(arrays[name]) for name in ("count", "sum", "outer")))
