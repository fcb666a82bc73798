"""FID (Heusel et al., NeurIPS 2017): distance of two Gaussians fitted to features of generated and real images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from metrics._paperdolls import PaperdollsFeatures
from metrics.base import Column, Extractor, Metric, MetricSpec, Samples, Setting, View
from metrics.moments import Moments


class FrechetInceptionDistance(Metric):
    """Keep the moments of every noise run; image r of each layout belongs to run r."""

    def __init__(
        self, column: str, network: Extractor, head: Callable[[Any], Tensor], reference: Moments, runs: int
    ) -> None:
        super().__init__(View("image", runs))
        self.column = column
        self.network = network  # other metrics may share its run
        self.head = head  # makes features [M, D] of what the network gives
        self.reference = reference
        size = len(reference.sum)
        self.add_sum("count", runs)
        self.add_sum("sum", runs, size)
        self.add_sum("outer", runs, size, size)

    def update(self, samples: Samples) -> None:
        """Add every run's features."""
        features = samples.per_layout(self.head(samples.once(self.network)))  # [N, R, D]
        for run in range(self.view.samples):
            moments = Moments.of(features[:, run])
            self.sums["count"][run] += moments.count
            self.sums["sum"][run] += moments.sum
            self.sums["outer"][run] += moments.outer

    def compute(self) -> dict[str, list[float]]:
        """Compare every run with the real images."""
        runs = zip(self.sums["count"], self.sums["sum"], self.sums["outer"], strict=True)
        return {self.column: [frechet_distance(Moments(*sums), self.reference) for sums in runs]}


def frechet_distance(moments: Moments, reference: Moments) -> float:
    """Return |m1 - m2|^2 + tr S1 + tr S2 - 2 tr sqrt(S1 S2), without a matrix square root.

    With S2 = R R^T the last trace is the sum of the square roots of the eigenvalues of R^T S1 R, a symmetric matrix.
    """
    _check(moments, "generated")
    _check(reference, "real")
    product = reference.factor.T @ moments.covariance @ reference.factor
    eigenvalues = torch.linalg.eigvalsh((product + product.T) / 2)  # ascending
    rank = min(moments.rank, reference.rank)  # roots of the rounding errors beyond it would add up
    cross = eigenvalues[len(eigenvalues) - rank :].clamp(min=0).sqrt().sum()
    squared_shift = (moments.mean - reference.mean).square().sum()
    distance = squared_shift + moments.covariance.trace() + reference.covariance.trace() - 2 * cross
    return max(0.0, float(distance))


def _check(moments: Moments, name: str) -> None:
    if moments.count < 2:
        raise ValueError(f"FID needs at least 2 {name} images for a covariance and has {int(moments.count)}.")
    if not (moments.sum.isfinite().all() and moments.outer.isfinite().all()):
        raise ValueError(f"FID cannot be computed: features of the {name} images are not finite.")


def _inception(setting: Setting) -> FrechetInceptionDistance:
    network, reference = setting.extractor("inception"), setting.reference("inception")
    return FrechetInceptionDistance("fid", network, lambda features: features, reference, setting.protocol.repeats)


def _paperdolls(setting: Setting) -> FrechetInceptionDistance:
    network = cast(PaperdollsFeatures, setting.extractor("paperdolls"))
    reference = setting.reference("paperdolls")
    return FrechetInceptionDistance("fid_pd", network.stages, network.fid_of, reference, setting.protocol.repeats)


FID = MetricSpec("fid", 1, (Column("fid", "FID", "lower", 2),), _inception, needs=("inception_fid",))
FID_PD = MetricSpec("fid-pd", 1, (Column("fid_pd", "FID-pd", "lower", 3),), _paperdolls, needs=("paperdolls_features",))
