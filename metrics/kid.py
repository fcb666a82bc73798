"""KID (Binkowski et al., ICLR 2018): unbiased squared MMD of features under a cubic kernel.

Two numbers: the mean over 100 subsets of at most 1000 images, drawn and computed as torch-fidelity does, and the same
estimator over all images at once, which depends on no draw. Unlike FID, neither is biased by how many images there are.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from metrics.base import MetricSpec, Setting
from metrics.columns import columns
from metrics.parts.features import Features, KeptFeatures, features_of, inception_weights
from metrics.parts.intervals import around

SUBSETS, SUBSET_SIZE, SEED = 100, 1000, 2020  # torch-fidelity's
_BLOCK = 2048  # rows and columns of the kernel matrix at a time, 34 MB a block


class KernelSums(NamedTuple):
    """Sums of a kernel matrix [n, m]."""

    rows: Tensor  # [n]
    columns: Tensor  # [m]
    subsets: Tensor  # [S], of the rows and columns of every subset


class KernelDistance(NamedTuple):
    """KID of two sets."""

    subsets: Tensor  # [S]
    whole: float
    error: float  # standard error of `whole`


class KernelInceptionDistance(KeptFeatures):
    """Compare every run with the real images."""

    def __init__(self, suffix: str, features: Features, photos: Tensor, runs: int, layouts: int) -> None:
        super().__init__(features, photos.shape[1], runs, layouts)
        self.photos = photos  # [M, D] float32, features of the real images
        self.columns = ("kid" + suffix, "kid_all" + suffix)
        self.found: list[KernelDistance] = []  # of every run, once computed

    def compute(self) -> dict[str, list[float]]:
        """Return both numbers of every run."""
        runs = self.runs()
        fakes, reals = len(runs[0]), len(self.photos)
        if min(fakes, reals) < 2:
            raise ValueError(f"KID needs at least 2 images of either kind and has {fakes} generated, {reals} real.")
        drawn = draw_subsets(fakes, reals, SUBSETS, min(fakes, reals, SUBSET_SIZE))
        real = within(self.photos, drawn[1])
        self.found = [kernel_distance(run, self.photos, drawn, real) for run in runs]
        means = [float(distance.subsets.mean()) for distance in self.found]
        return dict(zip(self.columns, (means, [distance.whole for distance in self.found]), strict=True))

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Scale the spread of subsets to all images; subsets that are the whole set say nothing of other images.

        Means of n of N things, drawn without replacement, vary (N - n) / n times as much as a mean of all N would.
        """
        subsets, whole = self.columns
        count = min(int((self.sums["seen"] > 0).sum()), len(self.photos))
        found = {whole: around(fmean(d.whole for d in self.found), fmean(d.error for d in self.found))}
        if count > SUBSET_SIZE:
            spread = fmean(float(distance.subsets.std()) for distance in self.found)
            error = spread * (SUBSET_SIZE / (count - SUBSET_SIZE)) ** 0.5
            found[subsets] = around(fmean(float(distance.subsets.mean()) for distance in self.found), error)
        return found

    def counts(self) -> dict[str, int]:
        """Say how many real images there were."""
        return {"real images": len(self.photos)}


def draw_subsets(fakes: int, reals: int, subsets: int, size: int) -> tuple[Tensor, Tensor]:
    """Draw as torch-fidelity does; 1 marks the members of every subset, [S, n] and [S, m] float64."""
    random = np.random.RandomState(SEED)
    members = torch.zeros(subsets, fakes, dtype=torch.float64), torch.zeros(subsets, reals, dtype=torch.float64)
    for subset in range(subsets):
        for side in members:
            side[subset, random.choice(side.shape[1], size, replace=False)] = 1
    return members


def kernel_distance(fakes: Tensor, reals: Tensor, drawn: tuple[Tensor, Tensor], real: KernelSums) -> KernelDistance:
    """Compare two sets; `real` is `within(reals, drawn[1])`, which all runs share."""
    n, m, size = len(fakes), len(reals), float(drawn[0][0].sum())
    fake, across = within(fakes, drawn[0]), kernel_sums(fakes, reals, *drawn)
    subsets = (fake.subsets + real.subsets) / (size * (size - 1)) - 2 * across.subsets / size**2
    fake_terms = fake.rows / (n - 1) - across.rows / m  # what every image adds, [n]
    real_terms = real.rows / (m - 1) - across.columns / n  # [m]
    whole = float(fake_terms.mean() + real_terms.mean())
    # A U-statistic of two arguments varies, to first order, as twice the means of these terms.
    error = 2 * float(fake_terms.var() / n + real_terms.var() / m) ** 0.5
    return KernelDistance(subsets, whole, error)


def within(features: Tensor, members: Tensor) -> KernelSums:
    """Sum the kernel of a set with itself, every image's with itself left out."""
    sums = kernel_sums(features, features, members, members)
    own = (features.double().square().sum(1) / features.shape[1] + 1) ** 3
    rows = sums.rows - own
    return KernelSums(rows, rows, sums.subsets - members @ own)


def kernel_sums(x: Tensor, y: Tensor, of_x: Tensor, of_y: Tensor) -> KernelSums:
    """Sum (x.y / D + 1)^3 over features [n, D] and [m, D], block by block; `of_x`, `of_y` mark subsets [S, n], [S, m].

    Every value of the kernel is computed once, however many subsets it is part of.
    """
    sums = KernelSums(*(torch.zeros(size, dtype=torch.float64) for size in (len(x), len(y), len(of_x))))
    for i in range(0, len(x), _BLOCK):
        rows = slice(i, i + _BLOCK)
        left = x[rows].double() / x.shape[1]
        for j in range(0, len(y), _BLOCK):
            columns = slice(j, j + _BLOCK)
            base = left @ y[columns].double().T + 1
            kernel = base * base * base
            sums.rows[rows] += kernel.sum(1)
            sums.columns[columns] += kernel.sum(0)
            sums.subsets.add_(((of_x[:, rows] @ kernel) * of_y[:, columns]).sum(1))
    return sums


def _build(suffix: str, network: str) -> Callable[[Setting], KernelInceptionDistance]:
    def build(setting: Setting) -> KernelInceptionDistance:
        features, photos = features_of(setting, network), setting.photo_features(network)
        return KernelInceptionDistance(suffix, features, photos, setting.protocol.repeats, setting.num_layouts)

    return build


KID = MetricSpec(
    "kid",
    1,
    columns("kid", "kid_all"),
    _build("", "inception"),
    needs=inception_weights,
    photos=True,
)
KID_PD = MetricSpec(
    "kid-pd",
    1,
    columns("kid_pd", "kid_all_pd"),
    _build("_pd", "paperdolls"),
    needs=("paperdolls_features",),
    photos=True,
)
