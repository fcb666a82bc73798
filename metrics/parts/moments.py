"""Mean and covariance of features: as sums that add up over batches and machines, and as the Gaussian FID compares."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.linalg.lapack import dpstrf
from torch import Tensor

_EPSILON = float(np.finfo(np.float64).eps)


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

    def gaussian(self) -> Gaussian:
        """Estimate mean and covariance, the latter without bias (divided by N - 1)."""
        mean = self.sum / self.count
        covariance = torch.addr(self.outer, self.sum, mean, alpha=-1).div_(self.count - 1)
        # Several threads round the two halves of a product differently.
        return Gaussian(mean, (covariance + covariance.T) / 2, int(self.count))


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean and covariance of features of N images."""

    mean: Tensor  # [D] float64
    covariance: Tensor  # [D, D] float64, symmetric
    count: int | None  # None: imported statistics do not say
    stored_factor: Tensor | None = None  # read from a file, where `factor` has been computed before

    @cached_property
    def factor(self) -> Tensor:
        """Factor the covariance as R R^T with as few columns as its rank allows, [D, rank].

        By Cholesky with pivots, a fifteenth of the work of an eigen-decomposition. N images span N - 1 directions; that
        bound, and an end where only rounding is left, keep out columns that are noise, whose lengths would add up.
        """
        if self.stored_factor is not None:
            return self.stored_factor
        diagonal = self.covariance.diagonal()
        noise = len(diagonal) * _EPSILON * float((diagonal + self.mean.square()).max())
        if float(diagonal.max()) <= noise:
            return self.covariance[:, :0]
        lower, pivots, rank, _ = dpstrf(self.covariance.numpy().T, tol=noise, lower=1)  # LAPACK's order of memory
        rank = rank if self.count is None else min(rank, self.count - 1)
        factor = np.empty((len(diagonal), rank))
        factor[pivots - 1] = np.tril(lower[:, :rank])
        return torch.from_numpy(factor)
