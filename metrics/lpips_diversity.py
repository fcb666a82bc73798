"""LPIPS between images of one label map (diversity; INADE paper, section 8), and to the photo (SC-GAN paper).

Papers print both as "LPIPS"; the first is better when higher, the second when lower.
"""

from __future__ import annotations

from typing import cast

import torch

from metrics._pairs import choose_pairs
from metrics._perceptual import PerceptualNetwork, squared_distance
from metrics.base import Column, Metric, MetricSpec, Samples, Setting, View
from metrics.protocol import LpipsChoices


class LpipsDiversity(Metric):
    """Average the distance of images i and j over all label maps, for every pair of draws (i, j) of the protocol."""

    def __init__(self, column: str, network: PerceptualNetwork, choices: LpipsChoices) -> None:
        super().__init__(View("image", choices.groups, choices.layouts))
        self.column = column
        self.network = network
        self.pairs = choose_pairs(choices.pairs, choices.groups)
        self.add_sum("distance", len(self.pairs))
        self.add_sum("layouts")

    def update(self, samples: Samples) -> None:
        """Add the distances of every label map's pairs."""
        embedded = samples.per_layout(self.network.embed_of(samples.once(self.network.stages)))  # [N, K, E]
        distances = torch.stack([squared_distance(embedded[:, i], embedded[:, j]) for i, j in self.pairs])  # [P, N]
        self.sums["distance"] += distances.cpu().double().sum(1)
        self.sums["layouts"] += len(embedded)

    def compute(self) -> dict[str, list[float]]:
        """Return one score per pair."""
        return {self.column: (self.sums["distance"] / self.sums["layouts"]).tolist()}


class LpipsToPhoto(Metric):
    """Average the distance to the real photo over the data set, for every noise run."""

    def __init__(self, network: PerceptualNetwork, runs: int) -> None:
        super().__init__(View("image", runs))
        self.network = network
        self.add_sum("distance", runs)
        self.add_sum("layouts")

    def update(self, samples: Samples) -> None:
        """Add the distance of every image to its layout's photo."""
        embedded = samples.per_layout(self.network.embed_of(samples.once(self.network.stages)))  # [N, R, E]
        photos = self.network.embed(samples.real)[:, None]  # [N, 1, E]
        self.sums["distance"] += squared_distance(embedded, photos).cpu().double().sum(0)
        self.sums["layouts"] += len(photos)

    def compute(self) -> dict[str, list[float]]:
        """Return one mean per run."""
        return {"lpips_photo": (self.sums["distance"] / self.sums["layouts"]).tolist()}


def _to_photo(setting: Setting) -> LpipsToPhoto:
    return LpipsToPhoto(cast(PerceptualNetwork, setting.extractor("alexnet")), setting.protocol.repeats)


def _alexnet(setting: Setting) -> LpipsDiversity:
    network = cast(PerceptualNetwork, setting.extractor("alexnet"))
    return LpipsDiversity("lpips", network, setting.protocol.lpips)


def _paperdolls(setting: Setting) -> LpipsDiversity:
    network = cast(PerceptualNetwork, setting.extractor("paperdolls"))
    return LpipsDiversity("lpips_pd", network, setting.protocol.lpips)


LPIPS = MetricSpec("lpips", 1, (Column("lpips", "LPIPS", "higher", 4),), _alexnet, needs=("alexnet",), of_constant=0.0)
LPIPS_PD = MetricSpec(
    "lpips-pd",
    1,
    (Column("lpips_pd", "LPIPS-pd", "higher", 4),),
    _paperdolls,
    needs=("paperdolls_features",),
    of_constant=0.0,
)
LPIPS_PHOTO = MetricSpec(
    "lpips-photo", 1, (Column("lpips_photo", "LPIPS to photo", "lower", 4),), _to_photo, needs=("alexnet",)
)
