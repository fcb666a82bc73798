"""Features of whole images, from a network run that all metrics of a view share; and metrics that keep them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from metrics.base import Extractor, Metric, Samples, Setting, View
from metrics.networks.inception import inception
from metrics.networks.paperdolls import PaperdollsFeatures
from metrics.protocol import Protocol


@dataclass(frozen=True)
class Features:
    """A feature network, and what makes features of its outputs."""

    network: Extractor  # other metrics may share its run
    head: Callable[[Any], Tensor]  # makes features [M, D] of what the network gives

    def of(self, samples: Samples) -> Tensor:
        """Return [N, K, D] float32."""
        return samples.per_layout(self.head(samples.once(self.network)))


def features_of(setting: Setting, network: str) -> Features:
    """Take the features that FID compares from a feature network."""
    extractor = setting.extractor(network)
    if isinstance(extractor, PaperdollsFeatures):
        return Features(extractor.stages, extractor.fid_of)  # LPIPS-pd shares the run of its stages
    return Features(extractor, lambda features: features)


def inception_weights(protocol: Protocol) -> tuple[str, ...]:
    """Name the weight file of FID's mode."""
    return inception(protocol).weights


class KeptFeatures(Metric):
    """Keep the features of every image of every run, 8 kB each with Inception, for numbers that no sum can give.

    A layout's row is its place in the data set, whatever batch or shard it came in, so that states add up.
    """

    def __init__(self, features: Features, size: int, runs: int, layouts: int) -> None:
        super().__init__(View("image", runs))
        self.features = features
        self.add_sum("features", runs, layouts, size, dtype=torch.float32)
        self.add_sum("seen", layouts)

    def update(self, samples: Samples) -> None:
        """Put every run's features into their rows."""
        index = samples.index.cpu()
        self.sums["features"][:, index] = self.features.of(samples).detach().cpu().float().movedim(1, 0)
        self.sums["seen"][index] = 1

    def runs(self) -> list[Tensor]:
        """Return the features of every run, [N, D] float32."""
        seen = self.sums["seen"] > 0
        runs = [run[seen] for run in self.sums["features"]]
        if not all(run.isfinite().all() for run in runs):
            raise ValueError("The features of the generated images are not finite.")
        return runs
