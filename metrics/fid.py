"""FID (Heusel et al., NeurIPS 2017): distance of two Gaussians fitted to features of generated and real images.

It has no bootstrap interval: images drawn with replacement repeat, which raises FID as fewer images would, so that the
interval would not even hold the value. The spread over runs with other noise is shown instead.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from metrics.base import Metric, MetricSpec, Samples, Setting, View
from metrics.columns import columns
from metrics.parts.features import Features, features_of, inception_weights
from metrics.parts.moments import Gaussian, Moments

_ROWS = 64  # images of a run that are summed up at once: to go through 34 MB for a few takes as long as for many


class FrechetInceptionDistance(Metric):
    """Keep the moments of every noise run; image r of each layout belongs to run r."""

    def __init__(self, column: str, features: Features, reference: Gaussian, runs: int) -> None:
        super().__init__(View("image", runs))
        self.column = column
        self.features = features
        self.reference = reference
        size = len(reference.mean)
        self.add_sum("count", runs)
        self.add_sum("sum", runs, size)
        self.add_sum("outer", runs, size, size)
        self._waiting: list[Tensor] = []  # features that are in no sum yet

    def update(self, samples: Samples) -> None:
        """Take every run's features."""
        self._waiting.append(self.features.of(samples).detach().cpu())  # [N, R, D]
        if sum(map(len, self._waiting)) >= _ROWS:
            self._sum_up()

    def _sum_up(self) -> None:
        if not self._waiting:
            return
        features = torch.cat(self._waiting).double()
        self._waiting.clear()
        self.sums["count"] += len(features)
        self.sums["sum"] += features.sum(0)
        for outer, rows in zip(self.sums["outer"], features.unbind(1), strict=True):
            outer.addmm_(rows.T, rows)  # in place: a matrix of 34 MB per run

    def state(self) -> dict[str, Tensor]:
        """Hand out the sums of all images."""
        self._sum_up()
        return self.sums

    def compute(self) -> dict[str, list[float]]:
        """Compare every run with the real images."""
        self._sum_up()
        runs = zip(self.sums["count"], self.sums["sum"], self.sums["outer"], strict=True)
        return {self.column: [frechet_distance(Moments(*sums).gaussian(), self.reference) for sums in runs]}

    def counts(self) -> dict[str, int]:
        """Say how many real images the reference was made of, which moves FID as the number of drawn ones does."""
        return {} if self.reference.count is None else {"real images": self.reference.count}


def frechet_distance(fake: Gaussian, real: Gaussian) -> float:
    """Return |m1 - m2|^2 + tr S1 + tr S2 - 2 tr sqrt(S1 S2), without a matrix square root.

    With S1 = Q Q^T and S2 = R R^T the last trace is the sum of the singular values of Q^T R, the roots of the
    eigenvalues of its product with itself. That is symmetric, and as small as the lower rank of the two: none of its
    eigenvalues is rounding only, of which the roots would add up (they put scipy's square root 3e-7 off).
    """
    _check(fake, "generated")
    _check(real, "real")
    across = fake.factor.T @ real.factor  # [rank, rank]
    product = across @ across.T if len(across) <= across.shape[1] else across.T @ across
    cross = torch.linalg.eigvalsh(product).clamp(min=0).sqrt().sum()
    squared_shift = (fake.mean - real.mean).square().sum()
    distance = squared_shift + fake.covariance.trace() + real.covariance.trace() - 2 * cross
    return max(0.0, float(distance))


def _check(gaussian: Gaussian, name: str) -> None:
    if gaussian.count is not None and gaussian.count < 2:
        raise ValueError(f"FID needs at least 2 {name} images for a covariance and has {gaussian.count}.")
    if not (gaussian.mean.sum() + gaussian.covariance.sum()).isfinite():
        raise ValueError(f"FID cannot be computed: features of the {name} images are not finite.")


def _build(column: str, network: str) -> Callable[[Setting], FrechetInceptionDistance]:
    def build(setting: Setting) -> FrechetInceptionDistance:
        features, reference = features_of(setting, network), setting.reference(network)
        return FrechetInceptionDistance(column, features, reference, setting.protocol.repeats)

    return build


FID = MetricSpec("fid", 2, columns("fid"), _build("fid", "inception"), needs=inception_weights, photos=True)
FID_PD = MetricSpec(
    "fid-pd",
    2,
    columns("fid_pd"),
    _build("fid_pd", "paperdolls"),
    needs=("paperdolls_features",),
    photos=True,
)
