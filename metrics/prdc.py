"""Precision and recall (Kynkäänniemi et al., NeurIPS 2019), density and coverage (Naeem et al., ICML 2020).

An image reaches as far as its k-th nearest image of its own kind. Precision: the share of generated images within reach
of a real one; density: within reach of how many, over k. Recall: the share of real images within reach of a generated
one; coverage: with a generated one within their reach. "Within" is less than, as in the prdc package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from metrics.base import MetricSpec, Setting
from metrics.columns import columns
from metrics.parts.features import Features, KeptFeatures, features_of, inception_weights
from metrics.parts.intervals import bootstrap

_BLOCK = 2**25  # distances at a time, 268 MB


class Terms(NamedTuple):
    """What every image adds to the four numbers, which are the means of these, in float64."""

    precision: Tensor  # [n], of generated images
    recall: Tensor  # [m], of real ones
    density: Tensor  # [n]
    coverage: Tensor  # [m]


class Prdc(KeptFeatures):
    """Compare every run with the real images."""

    def __init__(
        self, suffix: str, features: Features, photos: Tensor, runs: int, layouts: int, neighbours: int
    ) -> None:
        super().__init__(features, photos.shape[1], runs, layouts)
        self.photos = photos  # [M, D] float32, features of the real images
        self.columns = [name + suffix for name in Terms._fields]
        self.neighbours = neighbours
        self.found: list[Terms] = []  # of every run, once computed

    def compute(self) -> dict[str, list[float]]:
        """Return the four numbers of every run."""
        runs, k = self.runs(), self.neighbours
        if min(len(runs[0]), len(self.photos)) <= k:
            raise ValueError(
                f"With {k} neighbours, precision and recall need more than {k} images of either kind and have "
                f"{len(runs[0])} generated, {len(self.photos)} real; set prdc.neighbours lower."
            )
        reach = reaches(self.photos, k)
        self.found = [compare(run, self.photos, reach, k) for run in runs]
        return {
            column: [float(terms[place].mean()) for terms in self.found] for place, column in enumerate(self.columns)
        }

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Resample the images that a number is a mean over, the other kind held still."""
        return {
            column: bootstrap(torch.stack([terms[place] for terms in self.found]).mean(0))
            for place, column in enumerate(self.columns)
        }

    def counts(self) -> dict[str, int]:
        """Say how many real images there were."""
        return {"real images": len(self.photos)}


def compare(fakes: Tensor, reals: Tensor, real_reach: Tensor, k: int) -> Terms:
    """Find who is within whose reach; `real_reach` is `reaches(reals, k)`, which all runs share."""
    fake_reach = reaches(fakes, k)
    within = torch.empty(len(fakes), dtype=torch.float64)
    recalled = torch.zeros(len(reals), dtype=torch.bool)
    nearest = torch.full((len(reals),), torch.inf, dtype=torch.float64)
    for rows, distances in squared_distances(fakes, reals):
        within[rows] = (distances < real_reach).double().sum(1)
        recalled |= (distances < fake_reach[rows, None]).any(0)
        nearest = torch.minimum(nearest, distances.amin(0))
    return Terms((within > 0).double(), recalled.double(), within / k, (nearest < real_reach).double())


def reaches(features: Tensor, k: int) -> Tensor:
    """Square the distance of every image to its k-th nearest other one, less what rounding could make of it, [N]."""
    found = [distances.kthvalue(k + 1, dim=1).values for _, distances in squared_distances(features, features)]
    return torch.cat(found) * (1 - 1e-9)  # the nearest, at no distance, is the image itself


def squared_distances(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield rows of the squared distances of features [n, D] and [m, D], in float64.

    As |x|^2 + |y|^2 - 2 x.y, counted from the mean; what is below the rounding of this is 0, as of equal images.
    """
    y = y.double()
    centre = y.mean(0)
    y = y - centre
    y_lengths = y.square().sum(1)
    step = max(1, _BLOCK // len(y))
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        part = x[rows].double() - centre
        lengths = part.square().sum(1)[:, None] + y_lengths
        distances = lengths - 2 * part @ y.T
        yield rows, torch.where(distances > 1e-12 * lengths, distances, 0.0)


def _build(suffix: str, network: str) -> Callable[[Setting], Prdc]:
    def build(setting: Setting) -> Prdc:
        features, photos, choices = features_of(setting, network), setting.photo_features(network), setting.protocol
        return Prdc(suffix, features, photos, choices.repeats, setting.num_layouts, choices.prdc.neighbours)

    return build


PRDC = MetricSpec("prdc", 1, columns(*Terms._fields), _build("", "inception"), needs=inception_weights, photos=True)
PRDC_PD = MetricSpec(
    "prdc-pd",
    1,
    columns(*(f"{name}_pd" for name in Terms._fields)),
    _build("_pd", "paperdolls"),
    needs=("paperdolls_features",),
    photos=True,
)
