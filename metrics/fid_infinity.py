"""FID-infinity (Chong and Forsyth, CVPR 2020): what FID would be with infinitely many generated images.

FID falls with their number N about as 1 / N; a line through the FIDs of 15 subsets, fitted over 1 / n, is read at 0.
The paper takes subsets from N / 10 on, of N = 50,000. N / 2 is better for the few thousand images there are here.
Measured on Gaussians with D = 32 to 512 features and falling or flat spectra, what is left of FID's excess over the
exact distance is, mostly below it, at most 22 % at N = D, 17 % at 2.5 D, 11 % at 5 and 10 D; where the exact distance
is a small part of FID the result may be negative. At D / 2 it is a third, so that fewer than 3 / 4 D are refused.
The number of real images moves it as it moves FID, and it has no interval for the reason that FID has none.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from metrics.base import MetricSpec, Setting
from metrics.columns import columns
from metrics.fid import frechet_distance
from metrics.parts.features import Features, KeptFeatures, features_of, inception_weights
from metrics.parts.moments import Gaussian, Moments

_SUBSETS = 15


class FidInfinity(KeptFeatures):
    """Extrapolate every run."""

    def __init__(self, features: Features, reference: Gaussian, runs: int, layouts: int) -> None:
        super().__init__(features, len(reference.mean), runs, layouts)
        self.reference = reference

    def compute(self) -> dict[str, list[float]]:
        """Return one number per run."""
        return {"fid_infinity": [extrapolate(run, self.reference) for run in self.runs()]}

    def counts(self) -> dict[str, int]:
        """Say how many real images there were."""
        return {} if self.reference.count is None else {"real images": self.reference.count}


def extrapolate(features: Tensor, reference: Gaussian) -> float:
    """Fit a line to the FID of random subsets of features [N, D] over 1 / n and return its value at 0."""
    images, size = features.shape
    least = max(4, 3 * size // 4)
    if images < least:
        raise ValueError(f"FID-infinity needs {least} images, 3/4 of the features' {size} numbers, and has {images}.")
    generator = torch.Generator().manual_seed(0)
    counts = np.linspace(images / 2, images, _SUBSETS).round().astype(int).tolist()
    distances = []
    for count in counts:
        subset = features[torch.randperm(images, generator=generator)[:count]]
        distances.append(frechet_distance(Moments.of(subset).gaussian(), reference))
    _, at_zero = np.polyfit(1 / np.array(counts), distances, 1)
    return float(at_zero)


def _build(setting: Setting) -> FidInfinity:
    features, reference = features_of(setting, "inception"), setting.reference("inception")
    return FidInfinity(features, reference, setting.protocol.repeats, setting.num_layouts)


FID_INFINITY = MetricSpec(
    "fid-infinity",
    1,
    columns("fid_infinity"),
    _build,
    needs=inception_weights,
    photos=True,
)
