"""LPIPS between images of one label map (diversity; INADE paper, section 8), and to the photo (SC-GAN paper).

Papers print both as "LPIPS"; the first is better when higher, the second when lower.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

from metrics.base import Metric, MetricSpec, Samples, Setting, View
from metrics.columns import columns
from metrics.networks.perceptual import PerceptualNetwork, squared_distance
from metrics.parts.intervals import bootstrap
from metrics.parts.pairs import choose_pairs
from metrics.protocol import LpipsChoices, LpipsForm


class LpipsDiversity(Metric):
    """Average the distance of images i and j over all label maps, for every pair of draws (i, j) of the protocol."""

    def __init__(self, column: str, network: PerceptualNetwork, choices: LpipsChoices, layouts: int) -> None:
        super().__init__(View("image", choices.groups, choices.layouts))
        self.column = column
        self.network = network
        self.form = choices.form
        self.pairs = choose_pairs(choices.pairs, choices.groups)
        self.add_sum("distance", len(self.pairs))
        self.add_sum("of_layout", layouts)
        self.add_sum("seen", layouts)

    def update(self, samples: Samples) -> None:
        """Add the distances of every label map's pairs."""
        embedded = _embedded(self.network, samples, self.form)
        distances = torch.stack([squared_distance(embedded[:, i], embedded[:, j]) for i, j in self.pairs])  # [P, N]
        distances = distances.cpu().double()
        self.sums["distance"] += distances.sum(1)
        self.sums["of_layout"].index_add_(0, samples.index.cpu(), distances.mean(0))
        self.sums["seen"][samples.index.cpu()] += 1

    def compute(self) -> dict[str, list[float]]:
        """Return one score per pair."""
        return {self.column: (self.sums["distance"] / self.sums["seen"].sum()).tolist()}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Resample the label maps."""
        return _over_layouts(self.column, self.sums)


class LpipsToPhoto(Metric):
    """Average the distance to the real photo over the data set, for every noise run."""

    def __init__(self, network: PerceptualNetwork, form: LpipsForm, runs: int, layouts: int) -> None:
        super().__init__(View("image", runs))
        self.network = network
        self.form = form
        self.add_sum("distance", runs)
        self.add_sum("of_layout", layouts)
        self.add_sum("seen", layouts)

    def update(self, samples: Samples) -> None:
        """Add the distance of every image to its layout's photo."""
        embedded = _embedded(self.network, samples, self.form)
        photos = self.network.embed_of(self.network.stages(samples.real), _enlarged(samples, self.form))
        distances = squared_distance(embedded, photos[:, None]).cpu().double()  # [N, R]
        self.sums["distance"] += distances.sum(0)
        self.sums["of_layout"].index_add_(0, samples.index.cpu(), distances.mean(1))
        self.sums["seen"][samples.index.cpu()] += 1

    def compute(self) -> dict[str, list[float]]:
        """Return one mean per run."""
        return {"lpips_photo": (self.sums["distance"] / self.sums["seen"].sum()).tolist()}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Resample the label maps."""
        return _over_layouts("lpips_photo", self.sums)


def _embedded(network: PerceptualNetwork, samples: Samples, form: LpipsForm) -> Tensor:
    """Make vectors of all images, [N, K, E]."""
    return samples.per_layout(network.embed_of(samples.once(network.stages), _enlarged(samples, form)))


def _enlarged(samples: Samples, form: LpipsForm) -> tuple[int, int] | None:
    height, width = samples.fake.shape[-2:]
    return (height, width) if form == "spatial" else None


def _over_layouts(column: str, sums: Mapping[str, Tensor]) -> dict[str, tuple[float, float]]:
    seen = sums["seen"] > 0
    return {column: bootstrap(sums["of_layout"][seen])} if seen.sum() > 1 else {}


def _to_photo(setting: Setting) -> LpipsToPhoto:
    network = cast(PerceptualNetwork, setting.extractor("alexnet"))
    return LpipsToPhoto(network, setting.protocol.lpips.form, setting.protocol.repeats, setting.num_layouts)


def _alexnet(setting: Setting) -> LpipsDiversity:
    network = cast(PerceptualNetwork, setting.extractor("alexnet"))
    return LpipsDiversity("lpips", network, setting.protocol.lpips, setting.num_layouts)


def _paperdolls(setting: Setting) -> LpipsDiversity:
    network = cast(PerceptualNetwork, setting.extractor("paperdolls"))
    return LpipsDiversity("lpips_pd", network, setting.protocol.lpips, setting.num_layouts)


LPIPS = MetricSpec("lpips", 1, columns("lpips"), _alexnet, needs=("alexnet",), of_constant=0.0)
LPIPS_PD = MetricSpec(
    "lpips-pd",
    1,
    columns("lpips_pd"),
    _paperdolls,
    needs=("paperdolls_features",),
    of_constant=0.0,
)
LPIPS_PHOTO = MetricSpec("lpips-photo", 1, columns("lpips_photo"), _to_photo, needs=("alexnet",))
